#include "diffusion/invert.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/anderson.h"

namespace ddim::engine::diffusion {
namespace {

/// One image on its way up one step.
struct Search {
  std::span<const float> x_prev;  // where F must lead
  Anderson solver;
  std::vector<double> x;      // to be tried next
  std::vector<float> best_x;  // of those tried
  std::vector<float> best_eps;
  double best_residual;
};

/// max |a - b|; infinite for NaN.
double distance(std::span<const float> a, std::span<const float> b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

/// To what a network can be asked about.
void round_to_float(std::span<double> x) {
  for (double& value : x) value = static_cast<float>(value);
}

/// eps from the network's output in its place.
void to_eps(const FromOutput& rule, std::span<const float> x, std::span<float> output) {
  for (std::size_t i = 0; i < output.size(); ++i)
    output[i] = static_cast<float>(rule.from_x * x[i] + rule.from_output * output[i]);
}

/// Euler's step from x_prev.
std::vector<double> guess(const EncodeStep& step, std::span<const float> x_prev,
                          std::span<const float> eps) {
  std::vector<double> x(x_prev.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = step.x_from_prev * x_prev[i] + step.x_from_eps * eps[i];
  round_to_float(x);
  return x;
}

/// Judges the x that was tried, which F took to `reached`, and chooses the next one.
void advance(Search& search, const EncodeStep& step, std::span<const float> eps,
             std::span<const float> reached) {
  const double residual = distance(search.x_prev, reached);
  if (residual < search.best_residual) {
    search.best_residual = residual;
    std::ranges::copy(search.x, search.best_x.begin());
    std::ranges::copy(eps, search.best_eps.begin());
  }
  std::vector<double> r(search.x.size());
  for (std::size_t i = 0; i < r.size(); ++i)
    r[i] = step.x_from_prev * (static_cast<double>(search.x_prev[i]) - reached[i]);
  search.solver.advance(r, search.x);
  round_to_float(search.x);
}

}  // namespace

Inverted invert(std::span<const EncodeStep> steps, const Denoiser& denoiser, const Tensor& x_0,
                const InvertOptions& options, const EncodeObserver& observer) {
  constexpr std::size_t kDepth = 8;
  Kernels& kernels = x_0.device().kernels();
  const auto num_images = static_cast<std::size_t>(x_0.dim(0));
  const auto size = static_cast<std::size_t>(x_0.size()) / num_images;
  Inverted result{.x_T = empty_like(x_0),
                  .num_calls = std::vector<std::int64_t>(num_images),
                  .residuals = std::vector<double>(num_images)};
  Tensor& x = result.x_T;
  Tensor reached = empty_like(x_0), unused;
  std::vector<float> x_host = to_host(x_0), eps_host(x_host.size()), reached_host(x_host.size());
  const auto part = [&](std::vector<float>& values, std::size_t n) {
    return std::span(values).subspan(n * size, size);
  };

  require(!steps.empty(), "encode: no steps");
  const auto ask = [&](double t) {
    Tensor output = denoiser(x, t);
    if (!kernels.all_finite(output)) fail(ErrorCode::numeric, "encode: NaN or infinity at t = ", t);
    return output;
  };
  require(steps.back().x_from_prev > 0.0,
          "encode: a step has no exact inverse where alpha_bar is 0; encode without --exact");
  kernels.copy(x_0, x);
  kernels.download(ask(steps.front().t_prev), eps_host);
  to_eps(steps.front().eps_at_prev, x_host, eps_host);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const EncodeStep& step = steps[i];
    const std::vector<float> x_prev = x_host;
    std::vector<Search> searches;
    for (std::size_t n = 0; n < num_images; ++n) {
      const std::span<const float> target = std::span(x_prev).subspan(n * size, size);
      searches.push_back({.x_prev = target,
                          .solver = Anderson(kDepth),
                          .x = guess(step, target, part(eps_host, n)),
                          .best_x = std::vector<float>(size),
                          .best_eps = std::vector<float>(size),
                          .best_residual = INFINITY});
    }
    const auto is_open = [&](const Search& search) {
      return search.best_residual > options.tolerance;
    };
    for (int call = 0; call < options.max_calls && std::ranges::any_of(searches, is_open); ++call) {
      for (std::size_t n = 0; n < num_images; ++n) {
        if (is_open(searches[n]))
          std::ranges::transform(searches[n].x, part(x_host, n).begin(),
                                 [](double value) { return static_cast<float>(value); });
      }
      kernels.upload(x_host, x);
      const Tensor output = ask(step.t);
      kernels.sampler_update(step.down, x, output, {}, reached, unused);
      kernels.download(output, eps_host);
      to_eps(step.eps_at_t, x_host, eps_host);
      kernels.download(reached, reached_host);
      for (std::size_t n = 0; n < num_images; ++n) {
        if (!is_open(searches[n])) continue;
        advance(searches[n], step, part(eps_host, n), part(reached_host, n));
        ++result.num_calls[n];
      }
    }
    for (std::size_t n = 0; n < num_images; ++n) {
      if (searches[n].best_residual == INFINITY)
        fail(ErrorCode::numeric, "encode: the step to t = ", step.t,
             " cannot be undone: all numbers that were tried for it overflow");
      std::ranges::copy(searches[n].best_x, part(x_host, n).begin());
      std::ranges::copy(searches[n].best_eps, part(eps_host, n).begin());
      result.residuals[n] = std::max(result.residuals[n], searches[n].best_residual);
    }
    kernels.upload(x_host, x);
    if (observer && observer({i, step, x}) == Flow::stop)
      fail(ErrorCode::interrupted, "encode: stopped at t = ", step.t);
  }
  return result;
}

}  // namespace ddim::engine::diffusion
