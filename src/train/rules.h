#pragma once

#include <cstdint>
#include <vector>

#include "data/images.h"
#include "train/train_config.h"

namespace ddim::engine::train {

// What of a training step is a function of the configuration and the step number alone. Steps count
// from 0; images are numbered by their place in the batch.

/// Pictures that a step sees, and the parts that it computes them in: those of
/// training.accumulate batches.
std::int64_t pictures_per_step(const OptimisationConfig& training);
std::int64_t shards_per_step(const OptimisationConfig& training);

/// The weight of an image's squared error at a step of this alpha_bar: with gamma > 0 min-SNR
/// (Hang et al. 2023, arXiv:2303.09556, section 3.4), with SNR = alpha_bar / (1 - alpha_bar):
///   eps min(SNR, gamma) / SNR    x_0 min(SNR, gamma)    v min(SNR, gamma) / (SNR + 1)
/// With gamma = 0 it is 1.
double loss_weight(Prediction prediction, double alpha_bar, double gamma);

/// t of image `image` of those that the loss is validated on: evenly spread over 0..T-1 whatever
/// their number (multiples of the golden ratio), and the same in every run.
std::int64_t validation_time_step(std::int64_t image, std::int64_t T);

/// The learning rate of step `step`: learning_rate * min(1, (step+1) / warmup_steps), then, for
/// Decay::cosine, final + (learning_rate - final) (1 + cos(pi p)) / 2, where p rises by
/// 1 / decay_steps with each of the last decay_steps of the run, or of all that come after the
/// warm-up, from 0 at the first of them: it would be 1 at the step after the last.
double learning_rate_at(const OptimisationConfig& training, std::int64_t step);

/// The decay of the moving average at update `update`, counted from 0.
double ema_decay_at(const OptimisationConfig& training, std::int64_t update);

/// t of images 0..batch-1, antithetic as in the official code: image 2i gets t uniform in 0..T-1
/// and image 2i+1 gets T-1-t. Philox purpose time_step, image = pair.
std::vector<std::int64_t> time_steps_at(std::uint64_t seed, std::int64_t step, std::int64_t batch,
                                        std::int64_t T);

/// Whether the class of image `image` of the batch is kept from the network, with this probability:
/// classifier-free guidance needs a network that also knows images of no class (Ho and Salimans,
/// arXiv:2207.12598, algorithm 1). Philox purpose label_dropout.
bool label_dropped_at(std::uint64_t seed, std::int64_t step, std::int64_t image,
                      double probability);

/// Whether image `image` of the batch is mirrored. Philox purpose augmentation.
data::Flip flip_at(std::uint64_t seed, std::int64_t step, std::int64_t image);

}  // namespace ddim::engine::train
