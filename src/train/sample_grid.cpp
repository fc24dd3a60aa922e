#include "train/sample_grid.h"

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/workers.h"
#include "diffusion/plan.h"
#include "diffusion/sampler.h"
#include "diffusion/tau.h"
#include "io/image_grid.h"
#include "io/png.h"

namespace ddim::train {
namespace {

constexpr std::int64_t kMicroBatch = 4;

/// Images first .. first+count-1 of the grid.
std::vector<io::Image> sample_images(const Device& worker, const UNet& network,
                                     const diffusion::Plan& plan, std::uint64_t seed,
                                     std::int64_t first, std::int64_t count) {
  const UNetConfig& model = network.config();
  Tensor x_T(worker,
             {count, model.sample_size, model.sample_size, model.in_channels});  // [n,H,W,C]
  diffusion::draw_initial_state(seed, static_cast<std::uint32_t>(first), x_T);
  const diffusion::Denoiser denoiser = [&](const Tensor& x_t, double t) {
    Tape tape;
    const std::vector<double> times(static_cast<std::size_t>(count), t);
    return network(tape, x_t, times).value();
  };
  const std::vector<float> x_0 =
      to_host(diffusion::sample(plan, denoiser, x_T, diffusion::DrawnNoise{.seed = seed}));
  std::vector<io::Image> images;
  const std::size_t size = x_0.size() / static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    images.push_back(io::to_bytes(std::span(x_0).subspan(i * size, size), model.sample_size,
                                  model.sample_size, model.in_channels));
  return images;
}

}  // namespace

void write_sample_grid(const std::filesystem::path& folder, const TrainConfig& config,
                       const std::vector<Device>& workers, const TrainingState& state) {
  const OutputConfig& output = config.output;
  const auto schedule = diffusion::Schedule::linear(config.diffusion.beta_start,
                                                    config.diffusion.beta_end, config.diffusion.T);
  const diffusion::Tau tau =
      diffusion::make_tau(diffusion::TauKind::linear, output.sample_steps, config.diffusion.T);
  const diffusion::Plan plan = diffusion::make_plan(schedule, tau.steps);

  std::vector<io::Image> images(static_cast<std::size_t>(output.sample_count));
  const std::int64_t num_parts = (output.sample_count + kMicroBatch - 1) / kMicroBatch;
  run_workers(static_cast<int>(workers.size()), num_parts, [&](int worker, std::int64_t part) {
    const std::int64_t first = part * kMicroBatch;
    const std::vector<io::Image> some =
        sample_images(workers[static_cast<std::size_t>(worker)], state.average, plan,
                      static_cast<std::uint64_t>(config.training.seed), first,
                      std::min(kMicroBatch, output.sample_count - first));
    std::ranges::copy(some, images.begin() + first);
  });

  std::ostringstream name;
  name << "step-" << std::setw(8) << std::setfill('0') << state.step << ".png";
  std::filesystem::create_directories(folder);
  io::write_png(folder / name.str(), io::make_grid(images),
                {{"ddim", concat("averaged weights after ", state.step, " training steps; ",
                                 output.sample_steps, " steps, tau linear, eta 0, seed ",
                                 config.training.seed, ", images 0 to ", output.sample_count - 1)}},
                Existing::replace);
}

}  // namespace ddim::train
