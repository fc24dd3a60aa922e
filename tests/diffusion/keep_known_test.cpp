#include "diffusion/keep_known.h"

#include <cmath>

#include "backend/ref/ref_backend.h"
#include "diffusion/tau.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::diffusion {
namespace {

using test::expect_error;

class KeepKnown : public testing::Test {
 protected:
  KeepKnown() : known_(normal(7)) {
    for (std::size_t i = 0; i < kept_.size(); ++i) kept_[i] = i % 4 < 2 ? 1.0 : 0.0;  // left half
  }

  Tensor normal(std::uint64_t seed) const {
    Tensor x(device, {3, 4, 4, 2});
    draw_initial_state(seed, 0, x);
    return x;
  }
  Plan plan_of(const PlanOptions& options, Prediction prediction = Prediction::eps) const {
    return make_plan(schedule, make_tau(TauKind::linear, 12, 1000).steps, options, prediction);
  }
  /// Element i of an image belongs to pixel i / 2.
  bool is_kept(std::int64_t i) const { return kept_[static_cast<std::size_t>(i % 32 / 2)] == 1.0; }

  const Schedule schedule = Schedule::linear();
  const Device device{make_ref_backend()};
  std::vector<double> kept_ = std::vector<double>(16);
  Tensor known_;
};

/// Something that is no constant and looks at neighbours, as a network does.
Tensor network(const Tensor& x, double t) {
  Tensor eps = empty_like(x);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const std::int64_t neighbour = i / 32 * 32 + (i + 2) % 32;
    eps.data<float>()[i] = static_cast<float>(
        std::tanh(x.data<float>()[i] + 0.3F * x.data<float>()[neighbour] + t / 1000.0));
  }
  return eps;
}

TEST_F(KeepKnown, KeptPixelsComeOutAsTheyAreInEverySampler) {
  const Denoiser denoiser = network;
  std::vector<Plan> plans{plan_of({.eta = 1.0}), plan_of({.eta = SigmaHat{}}),
                          plan_of({}, Prediction::x0), plan_of({}, Prediction::v)};
  for (const Named<Sampler>& named : Names<Sampler>::all())
    // One needs a variance, the other takes image by image.
    if (named.value != Sampler::ddpm_learned && named.value != Sampler::adaptive)
      plans.push_back(plan_of({.sampler = named.value}));
  for (const Plan& plan : plans) {
    SCOPED_TRACE(to_string(plan.options.sampler));
    const Denoiser keeping = keep_known(schedule, plan.prediction, denoiser, known_, kept_);
    const Tensor x = sample(plan, keeping, normal(1), DrawnNoise{.seed = 2});
    const Tensor free = sample(plan, denoiser, normal(1), DrawnNoise{.seed = 2});
    double drawn = 0.0;
    for (std::int64_t i = 0; i < x.size(); ++i) {
      // Nearly as they are, where steps are exact for a known x_0; or as restore_known() leaves
      // them.
      const bool is_exact = plan.options.sampler == Sampler::ddim ||
                            plan.options.sampler == Sampler::heun ||
                            plan.options.sampler == Sampler::dpmpp_2m;
      if (is_kept(i) && is_exact) {
        ASSERT_NEAR(x.data<float>()[i], known_.data<float>()[i], 2e-4) << i;
      } else if (!is_kept(i)) {
        drawn += std::abs(x.data<float>()[i] - free.data<float>()[i]);
      }
    }
    EXPECT_GT(drawn, 0.1);  // their neighbours look at the known pixels
    const Tensor restored = restore_known(x, known_, kept_);
    for (std::int64_t i = 0; i < x.size(); ++i)
      ASSERT_EQ(restored.data<float>()[i],
                is_kept(i) ? known_.data<float>()[i] : x.data<float>()[i]);
  }
}

// Between the steps a kept pixel is its true value with the noise of that t (eq. 4): with eta 0,
// the noise that it began with.
TEST_F(KeepKnown, KeptPixelsCarryTheNoiseOfEachStep) {
  const Denoiser denoiser = network;
  const Denoiser keeping = keep_known(schedule, Prediction::eps, denoiser, known_, kept_);
  const Tensor x_T = normal(1);
  const double first = schedule.alpha_bar(999);
  sample(plan_of({}), keeping, x_T, DrawnNoise{}, [&](const StepReport& report) {
    const double alpha_bar = report.step.alpha_bar_prev;
    for (std::int64_t i = 0; i < x_T.size(); ++i) {
      if (!is_kept(i)) continue;
      const double x_0 = known_.data<float>()[i];
      const double eps = (x_T.data<float>()[i] - std::sqrt(first) * x_0) / std::sqrt(1.0 - first);
      EXPECT_NEAR(report.x_prev.data<float>()[i],
                  std::sqrt(alpha_bar) * x_0 + std::sqrt(1.0 - alpha_bar) * eps, 1e-4);
    }
    return Flow::proceed;
  });
}

TEST_F(KeepKnown, RefusesAMaskOfAnotherSize) {
  const Denoiser denoiser = network;
  kept_.pop_back();
  expect_error(ErrorCode::user, "mask of 15",
               [&] { keep_known(schedule, Prediction::eps, denoiser, known_, kept_); });
}

}  // namespace
}  // namespace ddim::engine::diffusion
