#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "ddim/data_options.h"
#include "ddim/export.h"
#include "ddim/forward_process.h"
#include "ddim/names.h"
#include "ddim/precision.h"
#include "ddim/sampler.h"
#include "ddim/unet_config.h"

namespace ddim {

/// How the errors of a batch become one number.
enum class Loss {
  mean,  ///< squared error averaged over images, pixels and channels (Ho et al.)
  sum,   ///< summed over pixels and channels, averaged over images (the DDIM paper's code)
};

template <>
struct Names<Loss> {
  static constexpr Named<Loss> kAll[] = {{Loss::mean, "mean"}, {Loss::sum, "sum"}};
  static constexpr std::span<const Named<Loss>> all() { return kAll; }
};

/// How the learning rate goes on after its warm-up: it stays, or falls along half a cosine over the
/// last `decay_steps` steps, towards learning_rate_final, which the step after the last would have.
enum class Decay { constant, cosine };

template <>
struct Names<Decay> {
  static constexpr Named<Decay> kAll[] = {{Decay::constant, "constant"}, {Decay::cosine, "cosine"}};
  static constexpr std::span<const Named<Decay>> all() { return kAll; }
};

/// How several processes of a training (MPI) add their gradients.
enum class GradientSum {
  exact,  ///< along a tree over the shards: the same bits for every number of processes
  fast    ///< each its own shards, and then all by MPI's sum, whose order is MPI's: the last bits
          ///< depend on the number of processes and on MPI
};

template <>
struct Names<GradientSum> {
  static constexpr Named<GradientSum> kAll[] = {{GradientSum::exact, "exact"},
                                                {GradientSum::fast, "fast"}};
  static constexpr std::span<const Named<GradientSum>> all() { return kAll; }
};

/// Both: norms 1 and 0; fan_in = C_in * kernel^2, fan_out = C_out * kernel^2; learned rows of times
/// and classes standard normal, frequencies of a fourier embedding 16 times that.
enum class Initialisation {
  pytorch,  ///< what the DDIM paper's code starts from: weights and biases of convolutions and
            ///< linear layers uniform in +-1/sqrt(fan_in)
  ho,  ///< what Ho et al. start from: weights uniform in +-sqrt(3 scale / ((fan_in + fan_out) /
       ///< 2)), biases 0; scale is 1, but 1e-10 for the last layer of each residual block and
       ///< attention and for conv_out, so that a fresh network is almost the identity and
       ///< predicts almost nothing
};

template <>
struct Names<Initialisation> {
  static constexpr Named<Initialisation> kAll[] = {{Initialisation::pytorch, "pytorch"},
                                                   {Initialisation::ho, "ho"}};
  static constexpr std::span<const Named<Initialisation>> all() { return kAll; }
};

/// Pictures that the loss is measured on and that training never sees: a share of the training
/// pictures, or pictures of their own.
struct Validation {
  double share = 0.0;       ///< every (1 / share)-th picture is kept back; 0 = none is
  std::string source = {};  ///< "test" or "train": that split of the same data; else a folder or an
                            ///< .npz file. Empty = see `share`

  /// Whether anything is held out.
  bool enabled() const { return share > 0.0 || !source.empty(); }
};

/// [data]
struct DataConfig {
  DataSplit split = DataSplit::train;
  Fit fit = Fit::none;
  bool flip = false;  ///< mirror each image with probability 1/2
  Validation validation = {};
  bool skip_corrupt = false;  ///< leave out files that cannot be read, instead of stopping
  Colour background = {};     ///< behind pictures with alpha, for a network without
};

/// [training]
struct OptimisationConfig {
  std::int64_t batch = 128;
  std::int64_t shards = 4;  ///< parts of a batch, each computed by one thread; part of the result
  /// Batches whose gradients are added for one step, which so sees batch * accumulate pictures.
  std::int64_t accumulate = 1;
  GradientSum reduce = GradientSum::exact;
  std::int64_t steps = 800000;
  double learning_rate = 2e-4;
  std::int64_t warmup_steps = 0;
  Decay decay = Decay::constant;
  std::int64_t decay_steps = 0;      ///< of Decay::cosine; 0 = all that come after the warm-up
  double learning_rate_final = 0.0;  ///< of Decay::cosine
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  /// AdamW (Loshchilov and Hutter): before each update weights are multiplied by 1 - learning rate
  /// * weight_decay. 0 = Adam.
  double weight_decay = 0.0;
  double clip_norm = 1.0;  ///< of the whole gradient; 0 = not clipped
  /// Leave out a step whose loss or norm of the gradient lies more than this many standard
  /// deviations above the mean of the last 128 steps (of at least 32). 0 = none is left out.
  double skip_spikes = 0.0;
  Loss loss = Loss::mean;
  /// Weights of the losses of single steps t (Hang et al. 2023, arXiv:2303.09556), with this gamma
  /// (5 in the paper): min(SNR, gamma) / SNR for eps, min(SNR, gamma) for x_0 and
  /// min(SNR, gamma) / (SNR + 1) for v, where SNR = alpha_bar / (1 - alpha_bar). 0 = all weights 1.
  double min_snr_gamma = 0.0;
  double ema_decay = 0.9999;
  bool ema_warmup = false;  ///< decay of update k is min(ema_decay, (1 + k) / (10 + k))
  /// The fraction of images of a class-conditional network that are shown without their class, as
  /// of the class num_classes: what guidance needs. 0 = none, and no such class.
  double label_dropout = 0.0;
  Initialisation initialisation = Initialisation::pytorch;
  /// Of products on the way forward and of gradients of activations; gradients of weights, weights
  /// and Adam are always fp32.
  Precision precision = Precision::fp32;
  std::int64_t seed = 0;
  std::int64_t threads = 0;  ///< 0 = one per processor; does not affect the result
};

/// [output] None of it affects the result. 0 = never.
struct OutputConfig {
  std::string name = {};  ///< of the model; empty = that of the run's folder
  std::int64_t checkpoint_every_steps = 1000;
  std::int64_t keep_checkpoints = 2;
  std::int64_t log_every_steps = 50;
  std::int64_t validate_every_steps = 0;  ///< 0 = every checkpoint_every_steps, and at the end
  std::int64_t validation_count = 512;  ///< pictures of data.validation that are measured, at most
  /// Steps between measurements of quality, by the averaged weights: eps error on data.validation,
  /// and the kernel distance of `evaluate_count` pictures, drawn by DDIM in `evaluate_steps` steps,
  /// from as many of data.validation, or of the training pictures where nothing is held out.
  std::int64_t evaluate_every_steps = 0;
  std::int64_t evaluate_count = 256;
  std::int64_t evaluate_steps = 20;
  std::int64_t sample_every_steps = 0;
  std::int64_t sample_count = 36;
  std::int64_t sample_steps = 50;
  Clip sample_clip = {};
  bool tensorboard = true;  ///< event files for TensorBoard, in the run's folder
};

/// All that decides what a training run computes. As a TOML file, [model] holds fields of
/// UNetConfig under their names, with `channels` for in_channels and out_channels, and with
/// `num_classes` for the table of class embeddings: the classes of the data, 0 for a network
/// without; with training.label_dropout the table has one more row, the null class. The size of
/// pictures is `resolution` in [data]: one number, or [height, width].
struct TrainConfig {
  UNetConfig model = {};
  ForwardProcess diffusion = {};
  DataConfig data = {};
  OptimisationConfig training = {};
  OutputConfig output = {};
};

/// Reads a configuration; what it does not name keeps its default. Error(io) when the file cannot
/// be read; Error(user) with the file, the line and the key for an unknown key, a value of the
/// wrong type or out of range, and values that do not go together.
DDIM_API TrainConfig load_train_config(const std::filesystem::path& file);

/// The complete configuration as TOML: load_train_config() gives the same one back.
DDIM_API std::string to_toml(const TrainConfig& config);

/// All keys of that TOML file with default, allowed values and meaning, as Markdown tables.
DDIM_API std::string train_config_reference();

}  // namespace ddim
