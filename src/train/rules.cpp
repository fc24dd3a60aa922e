#include "train/rules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/philox.h"

namespace ddim::engine::train {
namespace {

std::uint32_t random_word(Purpose purpose, std::uint64_t seed, std::int64_t step,
                          std::int64_t image) {
  const NoiseKey key{.seed = seed, .purpose = purpose, .step = static_cast<std::uint32_t>(step)};
  return random_block(key, static_cast<std::uint32_t>(image), 0)[0];
}

}  // namespace

std::int64_t pictures_per_step(const OptimisationConfig& training) {
  return training.batch * training.accumulate;
}

std::int64_t shards_per_step(const OptimisationConfig& training) {
  return training.shards * training.accumulate;
}

double loss_weight(Prediction prediction, double alpha_bar, double gamma) {
  if (gamma == 0.0) return 1.0;
  const double noise = 1.0 - alpha_bar;  // SNR = alpha_bar / noise
  const double clamped = noise * gamma <= alpha_bar ? gamma : alpha_bar / noise;
  switch (prediction) {
    case Prediction::eps:
      return noise * gamma <= alpha_bar ? gamma * noise / alpha_bar : 1.0;
    case Prediction::x0:
      return clamped;
    case Prediction::v:
      return clamped * noise;  // 1 / (SNR + 1) = noise
  }
  return 1.0;
}

std::int64_t validation_time_step(std::int64_t image, std::int64_t T) {
  const double place = 0.5 + static_cast<double>(image) / std::numbers::phi;
  const double fraction = place - std::floor(place);
  return std::min(T - 1, static_cast<std::int64_t>(fraction * static_cast<double>(T)));
}

double learning_rate_at(const OptimisationConfig& training, std::int64_t step) {
  const double peak = training.learning_rate;
  if (step < training.warmup_steps)
    return peak * static_cast<double>(step + 1) / static_cast<double>(training.warmup_steps);
  if (training.decay == Decay::constant) return peak;
  const std::int64_t decay_steps =
      training.decay_steps > 0 ? training.decay_steps : training.steps - training.warmup_steps;
  const double progress =
      static_cast<double>(step - (training.steps - decay_steps)) / static_cast<double>(decay_steps);
  const double fall = (1.0 + std::cos(std::numbers::pi * std::clamp(progress, 0.0, 1.0))) / 2.0;
  return training.learning_rate_final + (peak - training.learning_rate_final) * fall;
}

double ema_decay_at(const OptimisationConfig& training, std::int64_t update) {
  if (!training.ema_warmup) return training.ema_decay;
  return std::min(training.ema_decay,
                  static_cast<double>(1 + update) / static_cast<double>(10 + update));
}

std::vector<std::int64_t> time_steps_at(std::uint64_t seed, std::int64_t step, std::int64_t batch,
                                        std::int64_t T) {
  std::vector<std::int64_t> t(static_cast<std::size_t>(batch));
  for (std::int64_t image = 0; image < batch; ++image) {
    const std::uint64_t random = random_word(Purpose::time_step, seed, step, image / 2);
    const auto drawn = static_cast<std::int64_t>((random * static_cast<std::uint64_t>(T)) >> 32);
    t[static_cast<std::size_t>(image)] = image % 2 == 0 ? drawn : T - 1 - drawn;
  }
  return t;
}

bool label_dropped_at(std::uint64_t seed, std::int64_t step, std::int64_t image,
                      double probability) {
  return uniform_from_bits(random_word(Purpose::label_dropout, seed, step, image)) < probability;
}

data::Flip flip_at(std::uint64_t seed, std::int64_t step, std::int64_t image) {
  const std::uint32_t random = random_word(Purpose::augmentation, seed, step, image);
  return (random & 1) != 0 ? data::Flip::horizontal : data::Flip::no;
}

}  // namespace ddim::engine::train
