#include "diffusion/samplers/adaptive.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/network_call.h"
#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {
namespace {

class AdaptiveSampler {
 public:
  AdaptiveSampler(const Plan& plan, const Denoiser& denoiser, const Tensor& x_T,
                  const StepObserver& observer)
      : plan_(plan),
        schedule_(std::get<AdaptiveSteps>(plan.stepping).betas),
        observer_(observer),
        network_(plan.options, denoiser, x_T.slice(0, 1)),
        stage_(empty_like(x_T.slice(0, 1))),
        error_(empty_like(stage_)),
        x0_pred_(empty_like(stage_)) {
    for (Tensor& k : k_) k = empty_like(stage_);
  }

  /// Image `row`, in place.
  void run(Tensor& x, std::int64_t row) {
    const PlanStep& last = plan_.steps.back();
    const double end = noise_level(last.alpha_bar);
    row_ = row;
    num_calls_ = num_reported_ = 0;
    index_ = 0;
    place_ = {plan_.steps.front().t, plan_.steps.front().alpha_bar,
              noise_level(plan_.steps.front().alpha_bar)};
    if (place_.s > end) ask(x, place_, k_[0]);
    double h = -0.3 * place_.s;
    while (place_.s > end) {
      // What would be left for a step that is next to nothing is gone at once.
      if (place_.s + 1.001 * h < end) h = end - place_.s;
      const double error = try_step(x, h);
      if (!std::isfinite(error))
        fail(ErrorCode::numeric, "sample: the picture overflows between t = ", place_.t,
             " and t = ", next_.t);
      if (error <= plan_.options.tolerance) accept(x);
      const double ratio = std::cbrt(plan_.options.tolerance / std::max(error, 1e-300));
      h *= std::clamp(0.9 * ratio, 0.2, 5.0);
    }
    Tensor no_noise;
    const Tensor output = call(x, last.t);
    network_.update(last.update, x, output, no_noise, x, x0_pred_);
    report(last, x, /*is_last=*/true);
  }

 private:
  struct Place {
    double t = 0.0, alpha_bar = 1.0, s = 0.0;
  };

  Place place_at(double s) const {
    const double end = noise_level(plan_.steps.back().alpha_bar);
    if (s <= end) return {plan_.steps.back().t, plan_.steps.back().alpha_bar, end};
    const double t = schedule_.t_at_log_snr(-2.0 * std::log(s));
    return {t, schedule_.alpha_bar_at(t), s};
  }

  Tensor call(const Tensor& x, double t) {
    if (++num_calls_ > kMaxAdaptiveCalls)
      fail(ErrorCode::numeric, "sample: tolerance ", plan_.options.tolerance, " needs more than ",
           kMaxAdaptiveCalls, " network calls for an image (", concat("at t = ", t), "); raise it");
    return network_.output(x, t, concat("t = ", t)).prediction;
  }

  /// k = eps at `place`; x0_pred_ follows.
  void ask(const Tensor& x, const Place& place, Tensor& k) {
    const PlanStep step = begin_multistep({.t = place.t, .alpha_bar = place.alpha_bar},
                                          plan_.prediction, plan_.options.clip, Direction::eps, 0);
    network_.update(step.update, x, call(x, place.t), Tensor(), k, x0_pred_);
  }

  /// to = sqrt(alpha_bar) (y + h sum_i a_i k_i) at `place`
  void move(const Tensor& x, const Place& place, double h, const std::array<double, 3>& a) {
    const double scale = std::sqrt(place.alpha_bar);
    const double factors[] = {scale / std::sqrt(place_.alpha_bar), scale * h * a[0],
                              scale * h * a[1], scale * h * a[2]};
    const Tensor terms[] = {x, k_[0], k_[1], k_[2]};
    const std::size_t num_terms = a[2] != 0.0 ? 4 : a[1] != 0.0 ? 3 : 2;
    x.device().kernels().linear_combination(std::span(factors).first(num_terms),
                                            std::span(terms).first(num_terms), stage_);
  }

  /// Leaves x_prev in stage_ and k4 in k_[3]; returns the error.
  double try_step(const Tensor& x, double h) {
    const Place half = place_at(place_.s + 0.5 * h), later = place_at(place_.s + 0.75 * h);
    next_ = place_at(place_.s + h);
    move(x, half, h, {0.5, 0.0, 0.0});
    ask(stage_, half, k_[1]);
    move(x, later, h, {0.0, 0.75, 0.0});
    ask(stage_, later, k_[2]);
    move(x, next_, h, {2.0 / 9.0, 3.0 / 9.0, 4.0 / 9.0});
    ask(stage_, next_, k_[3]);
    const double scale = std::sqrt(next_.alpha_bar) * h / 72.0;
    const double factors[] = {-5.0 * scale, 6.0 * scale, 8.0 * scale, -9.0 * scale};
    Kernels& kernels = x.device().kernels();
    kernels.linear_combination(factors, k_, error_);
    return std::sqrt(kernels.sum_of_squares(error_) / static_cast<double>(error_.size()));
  }

  void accept(Tensor& x) {
    const PlanStep step{.t = place_.t,
                        .t_prev = next_.t,
                        .alpha_bar = place_.alpha_bar,
                        .alpha_bar_prev = next_.alpha_bar};
    x.device().kernels().copy(stage_, x);
    std::swap(k_[0], k_[3]);  // the last stage of a step is the first of the next
    place_ = next_;
    report(step, x, /*is_last=*/false);
  }

  void report(const PlanStep& step, const Tensor& x, bool is_last) {
    if (!observer_) return;
    const StepReport report{.index = index_++,
                            .step = step,
                            .x_prev = x,
                            .x0_pred = x0_pred_,
                            .first_row = row_,
                            .num_calls = num_calls_ - num_reported_,
                            .is_last = is_last};
    num_reported_ = num_calls_;
    if (observer_(report) == Flow::stop)
      fail(ErrorCode::interrupted, "sample: stopped at t = ", step.t_prev);
  }

  const Plan& plan_;
  const Schedule schedule_;
  const StepObserver& observer_;
  NetworkCall network_;
  Tensor stage_, error_, x0_pred_;
  std::array<Tensor, 4> k_;
  Place place_, next_;
  std::int64_t row_ = 0, num_calls_ = 0, num_reported_ = 0;
  std::size_t index_ = 0;
};

}  // namespace

std::vector<PlanStep> adaptive_steps(const Route& route) {
  const Leg& first = route.legs.front();
  const Leg& last = route.legs.back();
  PlanStep step = begin_step(route, last);
  step.update.prev_from_x0 = std::sqrt(last.alpha_bar_prev);
  step.update.prev_from_eps = std::sqrt(1.0 - last.alpha_bar_prev);
  return {PlanStep{.t = first.t,
                   .t_prev = last.t,
                   .alpha_bar = first.alpha_bar,
                   .alpha_bar_prev = last.alpha_bar},
          step};
}

Tensor sample_adaptively(const Plan& plan, const Denoiser& denoiser, const Tensor& x_T,
                         const StepObserver& observer) {
  Tensor x = empty_like(x_T);
  x_T.device().kernels().copy(x_T, x);
  AdaptiveSampler sampler(plan, denoiser, x_T, observer);
  for (std::int64_t row = 0; row < x.dim(0); ++row) {
    Tensor image = x.slice(row, 1);
    sampler.run(image, row);
  }
  return x;
}

}  // namespace ddim::engine::diffusion
