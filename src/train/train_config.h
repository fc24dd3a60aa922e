#pragma once

#include <ddim/precision.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "diffusion/prediction.h"
#include "diffusion/schedule.h"
#include "nn/initialisation.h"
#include "nn/unet_config.h"

namespace ddim::train {

/// `mean`: squared error averaged over images, pixels and channels (Ho et al.).
/// `sum`: summed over pixels and channels, averaged over images (the DDIM paper's code).
enum class Loss { mean, sum };
/// How the learning rate goes on after its warm-up: it stays, or falls along half a cosine to
/// learning_rate_final at the last step, beginning `decay_steps` before it.
enum class Decay { constant, cosine };

/// [diffusion] The forward process and what the network learns to predict. `schedule` "linear",
/// "scaled-linear" and "sigmoid" go from beta_start to beta_end over T steps, "cosine" looks at T
/// alone, "list" takes `betas`, T numbers. zero_terminal_snr rescales any of them so that nothing
/// of the image is left at T; a network that predicts eps cannot be trained with it.
struct DiffusionConfig {
  diffusion::BetaKind schedule = diffusion::BetaKind::linear;
  double beta_start = 1e-4;
  double beta_end = 0.02;
  std::int64_t T = 1000;
  std::vector<double> betas = {};
  bool zero_terminal_snr = false;
  diffusion::Prediction prediction = diffusion::Prediction::eps;
};
diffusion::ScheduleOptions schedule_options(const DiffusionConfig& config);

/// [data]
struct DataConfig {
  data::Split split = data::Split::train;
  data::Fit fit = data::Fit::none;
  bool flip = false;  ///< mirror each image with probability 1/2
  bool skip_corrupt = false;
};

/// [training]
struct OptimisationConfig {
  std::int64_t batch = 128;
  std::int64_t shards = 4;  ///< parts of a batch, each computed by one thread; part of the result
  std::int64_t steps = 800000;
  double learning_rate = 2e-4;
  std::int64_t warmup_steps = 0;
  Decay decay = Decay::constant;
  std::int64_t decay_steps = 0;      ///< of Decay::cosine; 0 = all that come after the warm-up
  double learning_rate_final = 0.0;  ///< of Decay::cosine
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double clip_norm = 1.0;  ///< of the whole gradient; 0 = not clipped
  Loss loss = Loss::mean;
  double ema_decay = 0.9999;
  bool ema_warmup = false;  ///< decay of update k is min(ema_decay, (1 + k) / (10 + k))
  /// Of the images of a class-conditional network, so many are shown without their class, as of
  /// the class num_classes: what guidance needs. 0 = none, and no such class.
  double label_dropout = 0.0;
  Initialisation initialisation = Initialisation::pytorch;
  /// Of products on the way forward and of gradients of activations; gradients of weights, weights
  /// and Adam are fp32 always.
  Precision precision = Precision::fp32;
  std::int64_t seed = 0;
  std::int64_t threads = 0;  ///< 0 = one per processor; no influence on the result
};

/// [output] None of it has an influence on the result. 0 = never.
struct OutputConfig {
  std::int64_t checkpoint_every_steps = 1000;
  std::int64_t keep_checkpoints = 2;
  std::int64_t log_every_steps = 50;
  std::int64_t sample_every_steps = 0;
  std::int64_t sample_count = 36;
  std::int64_t sample_steps = 50;
};

/// All that decides what a training run computes, as a TOML file states it. [model] holds fields of
/// UNetConfig under their names, with `channels` for in_channels and out_channels (1 or 3), and
/// with `num_classes` for the table of class embeddings: the classes of the data, 0 for a network
/// that is told none; with training.label_dropout the table has a row more, the null class.
/// sample_size is `resolution` in [data].
struct TrainConfig {
  UNetConfig model;
  DiffusionConfig diffusion;
  DataConfig data;
  OptimisationConfig training;
  OutputConfig output;
};

/// Reads a configuration; what it does not name keeps its default. Throws Error(user) with the
/// file, the line and the key: for an unknown key, a value of the wrong type or out of range, and
/// for values that do not go together.
TrainConfig parse_train_config(std::string_view toml, std::string_view file_name);
TrainConfig load_train_config(const std::filesystem::path& file);

/// Throws Error(user) when values are out of range or do not go together (a batch that is not a
/// multiple of shards, a network that cannot be built ...).
void validate(const TrainConfig& config);

/// The complete configuration as TOML: parse_train_config() gives the same one back.
std::string to_toml(const TrainConfig& config);

/// What keeps a run with configuration `now` from going on where one with `before` stopped after
/// `steps_done` steps: one line for each key that decides the result and differs, "training.batch
/// is 64, the checkpoint has 128". [output] and training.threads may differ, and so may what sets
/// the learning rate, as long as the steps done had the rate that `now` gives them: a run may be
/// made longer before its learning rate falls.
std::vector<std::string> differences(const TrainConfig& now, const TrainConfig& before,
                                     std::int64_t steps_done);

}  // namespace ddim::train
