// Samples a function instead of a network: the exact denoiser of pixels that are normal.
//   custom_denoiser
#include <ddim/ddim.h>

#include <cmath>
#include <iostream>

namespace {

constexpr double kMean = 0.25, kDeviation = 0.5;

ddim::Denoiser normal_pixels() {
  ddim::Denoiser denoiser{.name = "normal", .shape = {.channels = 1, .height = 16, .width = 16}};
  const ddim::Plan plan = ddim::make_plan(denoiser.process, {.steps = denoiser.process.T});
  // The mean of eps, given x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps.
  denoiser.predict = [steps = plan.steps](const ddim::Denoiser::Call& call,
                                          std::span<float> output) {
    const double alpha_bar = steps[steps.size() - 1 - static_cast<std::size_t>(call.t)].alpha_bar;
    const double variance = alpha_bar * kDeviation * kDeviation + 1.0 - alpha_bar;
    for (std::size_t i = 0; i < output.size(); ++i)
      output[i] = static_cast<float>(std::sqrt(1.0 - alpha_bar) *
                                     (call.x_t[i] - std::sqrt(alpha_bar) * kMean) / variance);
  };
  return denoiser;
}

void print_statistics(const ddim::Samples& samples) {
  double sum = 0.0, squares = 0.0;
  for (const float x : samples.x_0.values) {
    sum += x;
    squares += static_cast<double>(x) * x;
  }
  const double mean = sum / static_cast<double>(samples.x_0.values.size());
  const double variance = squares / static_cast<double>(samples.x_0.values.size()) - mean * mean;
  std::cout << samples.recipe.at("sampler") << ": mean " << mean << ", standard deviation "
            << std::sqrt(variance) << '\n';
}

}  // namespace

int main() {
  try {
    const auto model = ddim::Model::from(normal_pixels());
    std::cout << "wanted: mean " << kMean << ", standard deviation " << kDeviation << '\n';
    for (const ddim::Sampler sampler : {ddim::Sampler::ddim, ddim::Sampler::dpmpp_2m})
      print_statistics(
          ddim::sample(model, {.plan = {.steps = 10, .sampler = sampler}, .count = 64}));
  } catch (const ddim::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
