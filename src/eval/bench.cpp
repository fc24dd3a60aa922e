#include "eval/bench.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "backend/make_device.h"
#include "base/elapsed.h"
#include "base/error.h"
#include "base/peak_memory.h"
#include "base/philox.h"
#include "base/workers.h"
#include "diffusion/plan.h"
#include "eval/product_rate.h"
#include "nn/initialisation.h"
#include "run/generate.h"
#include "train/trainer.h"

namespace ddim::engine::eval {
namespace {

using Clock = std::chrono::steady_clock;

/// Seconds per image and step, one for each repetition. `profile` is cleared where counting begins.
struct Timings {
  std::vector<double> seconds;
  double num_image_steps = 0.0;  ///< since the profile was cleared
};

/// About the default's noise at T steps.
diffusion::Schedule schedule_of(std::int64_t T) {
  const ForwardProcess usual;
  const double slower = static_cast<double>(usual.T) / static_cast<double>(std::max(T, usual.T));
  return diffusion::Schedule::linear(slower * usual.beta_start, slower * usual.beta_end, T);
}

/// Six steps, of which the last is taken again where T is less.
Plan plan_of(const run::TrainedNetwork& model) {
  constexpr std::int64_t kSteps = 6;
  Plan plan = diffusion::make_plan(model.schedule, model.prediction,
                                   {.steps = std::min(kSteps, model.schedule.num_steps())});
  while (std::ssize(plan.steps) < kSteps) plan.steps.push_back(plan.steps.back());
  plan.nfe = kSteps;
  return plan;
}

/// Each repetition draws one batch. The first half of its steps warms the workers up.
Timings time_sampling(const BenchedNetwork& network, const BenchOptions& options,
                      const Device& device, Profile* profile) {
  UNet unet(device, network.config);
  initialise(unet, Initialisation::pytorch, /*seed=*/0);
  const run::TrainedNetwork model{.network = run::make_network(unet),
                                  .schedule = schedule_of(network.T)};
  const Plan plan = plan_of(model);

  Timings timings;
  for (int i = 0; i < options.repetitions; ++i) {
    Clock::time_point start;
    double last = 0.0;
    std::int64_t first_counted = 0;
    std::int64_t counted = 0;
    const auto progress = [&](const RunProgress& now) {
      if (first_counted == 0 && now.evaluations_done >= now.evaluations / 2) {
        first_counted = now.evaluations_done;
        device.wait();
        start = Clock::now();
        if (profile != nullptr) profile->clear();
      } else if (first_counted > 0) {
        counted = now.evaluations_done - first_counted;
        if (now.evaluations_done == now.evaluations) device.wait();
        last = seconds_since(start);
      }
    };
    run::generate(
        model, plan,
        {.count = options.batch,
         .class_choice = run::any_class(network.config),
         .run = {.batch = options.batch, .threads = options.threads, .progress = progress}});
    timings.seconds.push_back(last / static_cast<double>(counted));
    timings.num_image_steps = static_cast<double>(counted);
  }
  return timings;
}

Timings time_training(const BenchedNetwork& benched, const BenchOptions& options,
                      const Device& device, Profile* profile) {
  const UNetConfig& network = benched.config;
  require(network.class_embed_type == ClassEmbedType::none ||
              network.class_embed_type == ClassEmbedType::lookup,
          "train: a network is trained with a table of classes or with none, and this one is told "
          "the class of a picture in another way (class_embed_type); time it without --train");
  TrainConfig config;
  config.model = network;
  config.diffusion.T = benched.T;
  config.training.batch = options.batch;
  config.training.shards = std::gcd(options.batch, std::int64_t{4});
  config.training.threads = options.threads;
  data::Dataset dataset{.images = {.count = 2 * options.batch,
                                   .height = network.height(),
                                   .width = network.width(),
                                   .channels = network.in_channels,
                                   .pixels = {}},
                        .kind = "noise"};
  data::Images& images = dataset.images;
  if (network.class_embed_type != ClassEmbedType::none)
    dataset.labels.assign(static_cast<std::size_t>(images.count), 0);
  images.pixels.resize(static_cast<std::size_t>(images.count) * images.image_bytes());
  std::vector<float> noise(images.pixels.size());
  fill_uniform({.purpose = Purpose::evaluation}, 0, noise);
  std::ranges::transform(noise, images.pixels.begin(),
                         [](float u) { return static_cast<std::uint8_t>(255.0F * u); });

  train::Trainer trainer(config, device, dataset);
  trainer.step();
  if (profile != nullptr) profile->clear();
  Timings timings;
  for (int i = 0; i < options.repetitions; ++i) {
    const Clock::time_point start = Clock::now();
    trainer.step();
    device.wait();
    timings.seconds.push_back(seconds_since(start) / static_cast<double>(options.batch));
  }
  timings.num_image_steps = static_cast<double>(options.batch * options.repetitions);
  return timings;
}

Timings time_workload(const BenchedNetwork& network, const BenchOptions& options,
                      const Device& device, Profile* profile) {
  return options.workload == Workload::sampling ? time_sampling(network, options, device, profile)
                                                : time_training(network, options, device, profile);
}

}  // namespace

BenchResult bench(const BenchedNetwork& network, const BenchOptions& options) {
  require(options.batch >= 1, "batch must be 1 or greater; got ", options.batch);
  require(options.repetitions >= 1, "repetitions must be 1 or greater; got ", options.repetitions);
  BenchOptions timed = options;
  timed.threads = num_threads_of(options.threads);
  BenchResult result{.threads = timed.threads};
  const auto device_for = [](const BenchOptions& chosen, Profile* profile) {
    return make_device(chosen.device, {.num_threads = chosen.threads,
                                       .precision = chosen.precision,
                                       .memory_use = chosen.memory_use,
                                       .profile = profile});
  };
  std::vector<double> seconds =
      time_workload(network, timed, device_for(timed, nullptr), nullptr).seconds;
  result.peak_memory_bytes = peak_memory_bytes();
  std::ranges::sort(seconds);
  result.least_ms = seconds.front() * 1e3;
  result.median_ms = seconds[seconds.size() / 2] * 1e3;
  result.num_parameters = UNet(make_dry_device(), network.config).num_parameters();

  Profile profile;
  BenchOptions profiled = timed;
  profiled.repetitions = 1;
  // One worker, so that the ops counted are those of whole steps.
  if (timed.workload == Workload::sampling && timed.batch > 1) profiled.threads = 1;
  const Timings timings =
      time_workload(network, profiled, device_for(profiled, &profile), &profile);
  for (const ProfileEntry& entry : profile.entries()) {
    result.ops.push_back({.op = entry.op,
                          .algorithm = std::string(entry.conv.algorithm),
                          .reason = std::string(entry.conv.reason),
                          .ms = 1e3 * entry.seconds / timings.num_image_steps,
                          .gflop = 1e-9 * entry.flop / timings.num_image_steps});
    result.gflop += result.ops.back().gflop;
  }
  result.gflop_per_second = result.gflop / (result.median_ms * 1e-3);
  if (timed.device == DeviceKind::cpu)
    result.product_gflop_per_second =
        1e-9 * product_rate(device_for(timed, nullptr), timed.threads);
  return result;
}

}  // namespace ddim::engine::eval
