#include "run/generate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/peak_memory.h"
#include "base/workers.h"
#include "diffusion/half_of_channels.h"
#include "diffusion/keep_known.h"
#include "run/init_start.h"
#include "run/run_images.h"
#include "tensor/kernels.h"

namespace ddim::engine::run {
namespace {

/// Error(user) for a plan of another network: one that predicts something else, or was trained with
/// other noise.
void check_plan(const TrainedNetwork& model, const Plan& plan) {
  constexpr const char* kHint = "; make the plan for this model (make_plan)";
  require(!plan.steps.empty(), "sample: the plan has no steps; see make_plan");
  require(plan.prediction == model.prediction, "sample: the plan is for a network that predicts ",
          to_string(plan.prediction), ", and this one predicts ", to_string(model.prediction),
          kHint);
  const auto last = static_cast<double>(model.schedule.num_steps() - 1);
  for (const PlanStep& step : plan.steps) {
    require(step.t >= 0.0 && step.t <= last, "sample: the plan visits t = ", step.t,
            ", and this model has steps up to ", last, kHint);
    const double alpha_bar = model.schedule.alpha_bar_at(step.t);
    constexpr double kRounding = 1e-9;
    require(std::abs(step.alpha_bar - alpha_bar) <= kRounding * alpha_bar,
            "sample: the plan is for another forward process: its alpha_bar at t = ", step.t,
            " is ", step.alpha_bar, ", and this model's is ", alpha_bar, kHint);
  }
}

/// Where the sampler begins: [N,H,W,C].
Tensor initial_state(const Plan& plan, const SampleOptions& options, const InitStart& init,
                     const MicroBatch& batch) {
  if (options.x_T) return batch.upload(options.x_T->values);
  if (!init.x_T.empty()) return batch.upload(init.x_T);
  if (!init.encoding.empty()) {
    const auto observer = [&](const diffusion::EncodeReport&) {
      return options.run.stop.stop_requested() ? diffusion::Flow::stop : diffusion::Flow::proceed;
    };
    const bool says_variance = plan.options.sampler == Sampler::ddpm_learned;
    const diffusion::Denoiser predict = [&](const Tensor& x, double t) {
      const Tensor output = batch.denoiser(x, t);
      return says_variance ? diffusion::half_of_channels(output, diffusion::Half::first) : output;
    };
    return diffusion::encode(init.encoding, predict, batch.upload(init.pictures), observer);
  }
  Tensor x(batch.device, batch.shape);
  diffusion::draw_initial_state(options.seed, batch.first_image, x);
  if (!options.init) return x;
  // Eq. 4: the pictures as they are at the plan's first t, with the noise that would else be x_T.
  const double alpha_bar = plan.steps.front().alpha_bar;
  const double factors[] = {std::sqrt(alpha_bar), std::sqrt(1.0 - alpha_bar)};
  const Tensor terms[] = {batch.upload(init.pictures), x};
  batch.device.kernels().linear_combination(factors, terms, x);
  return x;
}

/// Passes the steps of all workers on, one at a time.
class Previews {
 public:
  Previews(const std::function<void(const StepPreview&)>& callback, const PictureShape& shape)
      : callback_(callback), shape_(shape) {}

  /// The states [N,H,W,C] of a micro-batch that begins at x_T, for show(); none where nobody looks.
  std::vector<float> states(const MicroBatch& batch, const Tensor& x_T) const {
    return is_seen(batch) ? to_host(x_T) : std::vector<float>();
  }

  /// `states` are those that the step started from, and become those that it led to.
  void show(const MicroBatch& batch, const diffusion::StepReport& report,
            std::vector<float>& states) {
    if (!is_seen(batch)) return;
    const std::int64_t count = report.x0_pred.dim(0);
    std::vector<float> x_t = to_host(report.x_prev);  // swapped with the states
    std::swap_ranges(
        x_t.begin(), x_t.end(),
        states.begin() + report.first_row * static_cast<std::ptrdiff_t>(shape_.size()));
    const StepPreview preview{
        .first_image = static_cast<std::int64_t>(batch.first_image) + report.first_row,
        .step = static_cast<std::int64_t>(report.index),
        .t = report.step.t,
        .t_prev = report.step.t_prev,
        .is_last = report.is_last,
        .x_t = {.count = count, .shape = shape_, .values = std::move(x_t)},
        .x0_pred = {.count = count, .shape = shape_, .values = to_host(report.x0_pred)}};
    const std::lock_guard lock(mutex_);
    callback_(preview);
  }

 private:
  bool is_seen(const MicroBatch& batch) const { return callback_ && !batch.is_rehearsal; }

  const std::function<void(const StepPreview&)>& callback_;
  const PictureShape shape_;
  std::mutex mutex_;
};

}  // namespace

void check_options(const TrainedNetwork& model, const Plan& plan, const SampleOptions& options) {
  check_numbers("sample", options.first_image, options.count);
  require(!options.x_T || !options.init,
          "sample: give either noise (x_T) or pictures to start from, not both");
  check_plan(model, plan);
  for (const PlanStep& step : plan.steps) model.network->check_times(std::vector<double>{step.t});
  if (plan.is_adaptive())  // between whole t, too
    model.network->check_times(std::vector<double>{plan.steps.front().t - 0.5});
  require(plan.options.strength == 1.0 || options.init || options.x_T,
          "strength: ", plan.options.strength,
          " is of the way from a picture to noise; give pictures to start from (an init image), or "
          "x_T");
  if (plan.options.sampler == Sampler::ddpm_learned) {
    require(model.network->learns_variance(),
            "sampler: ddpm-learned needs a network that predicts a variance, with twice as many "
            "output channels as input channels; this one does not. Take ddpm-small or ddpm-large");
    require(!options.init || !options.init->mask,
            "sampler: ddpm-learned cannot keep the pixels outside of a mask; take ddpm-small or "
            "ddpm-large");
  }
  if (options.x_T) check_images(*model.network, options.count, *options.x_T, "x_T");
  if (options.init) check_init(model, plan, options);
}

Generated generate(const TrainedNetwork& model, const Plan& plan, const SampleOptions& options,
                   const PictureSink& sink) {
  check_options(model, plan, options);
  const auto start = std::chrono::steady_clock::now();
  const InitStart init = options.init ? make_init_start(model, plan, options) : InitStart{};
  Previews previews(options.preview, model.network->shape());
  const ImageProcess draw = [&](const MicroBatch& batch) {
    const Tensor x_T = initial_state(plan, options, init, batch);
    std::vector<float> states = previews.states(batch, x_T);
    const auto observer = [&](const diffusion::StepReport& report) {
      previews.show(batch, report, states);
      diffusion::Flow flow = diffusion::Flow::proceed;
      for (std::int64_t call = 0; call < report.num_calls; ++call) flow = batch.step_done();
      return flow;
    };
    const diffusion::DrawnNoise noise{.seed = options.seed, .first_image = batch.first_image};
    if (init.kept.empty()) return diffusion::sample(plan, batch.denoiser, x_T, noise, observer);
    const Tensor known = batch.upload(init.pictures);
    const diffusion::Denoiser denoiser =
        diffusion::keep_known(model.schedule, plan.prediction, batch.denoiser, known, init.kept);
    return diffusion::restore_known(diffusion::sample(plan, denoiser, x_T, noise, observer), known,
                                    init.kept);
  };
  ImageRun run = run_images(*model.network,
                            {.count = options.count,
                             .first_image = static_cast<std::uint32_t>(options.first_image),
                             .class_choice = options.class_choice,
                             .output = plan.options.sampler == Sampler::ddpm_learned
                                           ? ImageRunOptions::Output::with_variance
                                           : ImageRunOptions::Output::prediction,
                             // An adaptive plan has calls of its own for each.
                             .one_by_one = plan.is_adaptive(),
                             .steps_per_image = plan.nfe,
                             .run = options.run},
                            draw, sink);
  const double steps = plan.is_adaptive() ? static_cast<double>(run.steps_done)
                                          : static_cast<double>(plan.nfe * options.count);
  const double evaluations =
      steps * static_cast<double>(num_calls(options.class_choice)) + init.evaluations;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {
      .samples = {.x_0 = std::move(run.images),
                  .nfe = std::llround(std::ceil(evaluations / static_cast<double>(options.count))),
                  .seconds = seconds.count(),
                  .peak_memory_bytes = peak_memory_bytes()},
      .num_step_allocations = run.num_step_allocations};
}

}  // namespace ddim::engine::run
