#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "train/train_config.h"

// The one description of a training configuration: its sections, keys and ranges. What reads a file
// and what writes one are visitors.
namespace ddim::engine::train {

/// The least and the greatest number of ranges that do not hold their end.
inline constexpr double kAboveZero = std::numeric_limits<double>::min();
inline constexpr double kBelowOne = 1.0 - std::numeric_limits<double>::epsilon();
/// The least that is added to a float before it divides: just above the least float that keeps all
/// its digits; much less becomes 0.
inline constexpr double kLeastEpsilon = 1.2e-38;

/// The classes of the data that a network knows, without the null class.
inline std::int64_t num_real_classes(const UNetConfig& model) {
  return model.null_class.value_or(model.num_class_embeds.value_or(0));
}

inline void set_classes(UNetConfig& model, std::int64_t num_classes, double label_dropout) {
  if (num_classes == 0) return;
  const bool has_null_class = label_dropout > 0.0;
  model.class_embed_type = ClassEmbedType::lookup;
  model.num_class_embeds = num_classes + (has_null_class ? 1 : 0);
  if (has_null_class) model.null_class = num_classes;
}

/// Shows `visit` every section and key, with the variable behind it, its range and a sentence.
template <class Visitor>
void describe(TrainConfig& config, Visitor& visit) {
  constexpr std::int64_t kMaxSteps = (std::int64_t{1} << 31) - 1;

  visit.section("model");
  UNetConfig& model = config.model;
  visit.integer("channels", model.in_channels, 1, 64,
                "Channels of a picture: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA, or more");
  model.out_channels = model.in_channels;
  visit.integers("block_out_channels", model.block_out_channels, 1, 65536,
                 "Channels of each level, the finest first; each level halves height and width");
  visit.integer("layers_per_block", model.layers_per_block, 1, 64,
                "Residual blocks per level on the way down");
  visit.integers("attention_levels", model.attention_levels, 0, 63,
                 "Levels whose blocks have attention; 0 is the finest");
  visit.integer(
      "norm_num_groups", model.norm_num_groups, 1, 65536,
      "Groups of each group norm; every entry of block_out_channels must be a multiple of it");
  visit.number("norm_eps", model.norm_eps, kLeastEpsilon, 1.0, "Added to the variance in norms");
  visit.number("dropout", model.dropout, 0.0, 0.99, "Dropout probability in residual blocks");
  std::int64_t head_dim = model.attention_head_dim.value_or(0);  // 0 = one head
  visit.integer("attention_head_dim", head_dim, 0, 65536,
                "Channels of an attention head; 0 means one head");
  if (head_dim != 0) model.attention_head_dim = head_dim;
  visit.integer("downsample_padding", model.downsample_padding, 0, 1,
                "0 pads one row and column at the end, 1 pads every side");
  visit.flag("flip_sin_to_cos", model.flip_sin_to_cos,
             "Time embedding [cos, sin] instead of [sin, cos]");
  visit.integer("freq_shift", model.freq_shift, 0, 1,
                "Time embedding of size 2n: its frequencies are 10000^(-i / (n - freq_shift))");
  visit.choice("act_fn", model.act_fn, "Activation of the residual blocks");
  visit.choice("resnet_time_scale_shift", model.resnet_time_scale_shift,
               "How a residual block uses the time embedding: added, or as scale and shift");
  std::int64_t num_classes = num_real_classes(model);
  visit.integer("num_classes", num_classes, 0, 1000000,
                "Classes of the data; 0 for a network without classes");

  visit.section("diffusion");
  visit.choice("schedule", config.diffusion.schedule, "How the betas are spread over the steps");
  visit.number("beta_start", config.diffusion.beta_start, kAboveZero, 0.999,
               "First beta of linear, scaled-linear and sigmoid");
  visit.number("beta_end", config.diffusion.beta_end, kAboveZero, 0.999,
               "Last beta of linear, scaled-linear and sigmoid");
  visit.integer("T", config.diffusion.T, 1, 1000000, "Training steps of the forward process");
  visit.numbers("betas", config.diffusion.betas, kAboveZero, 0.999,
                "The T betas of schedule \"list\"");
  bool zero_terminal_snr = config.diffusion.terminal_snr == TerminalSnr::zero;
  visit.flag("zero_terminal_snr", zero_terminal_snr,
             "Rescale the betas so that the last step is pure noise; not with prediction \"eps\"");
  config.diffusion.terminal_snr = zero_terminal_snr ? TerminalSnr::zero : TerminalSnr::as_is;
  visit.choice("prediction", config.diffusion.prediction, "What the network learns to predict");

  visit.section("data");
  visit.size("resolution", model.sample_size, model.sample_width, 1, 4096,
             "Size of the pictures: one number, or [height, width]; multiples of 2^(levels - 1)");
  visit.choice("split", config.data.split, "Which part of the data set to train on");
  visit.choice("fit", config.data.fit, "How pictures of another size are fitted");
  visit.flag("flip", config.data.flip, "Mirror each picture with probability 1/2");
  visit.share_or_text(
      "validation", config.data.validation.share, config.data.validation.source, 0.5,
      "Pictures to measure the loss on, never trained with: a share of the training pictures, "
      "\"test\" for that split, or a folder or .npz file");
  visit.flag("skip_corrupt", config.data.skip_corrupt,
             "Skip files that cannot be read, instead of stopping");
  visit.colour("background", config.data.background,
               "Colour behind pictures with transparency, for a network without alpha");

  visit.section("training");
  OptimisationConfig& training = config.training;
  visit.integer("batch", training.batch, 1, 65536, "Pictures per step; a multiple of shards");
  visit.integer(
      "shards", training.shards, 1, 1024,
      "Parts of a batch that threads compute side by side; the result depends on their number");
  visit.integer("accumulate", training.accumulate, 1, 1024,
                "Batches per step: their gradients are added, in the memory of one batch");
  visit.choice(
      "reduce", training.reduce,
      "How several processes add their gradients: exact, with the same bits for any number "
      "of them, or fast, by MPI's own sum");
  visit.integer("steps", training.steps, 1, kMaxSteps, "Steps of the whole run");
  visit.number("learning_rate", training.learning_rate, kAboveZero, 1e6,
               "Learning rate of Adam after the warm-up");
  visit.integer("warmup_steps", training.warmup_steps, 0, kMaxSteps,
                "Steps over which the learning rate rises linearly");
  visit.choice("decay", training.decay,
               "Learning rate after the warm-up: constant, or falling along half a cosine");
  visit.integer("decay_steps", training.decay_steps, 0, kMaxSteps,
                "Last steps over which the learning rate falls; 0 means all after the warm-up");
  visit.number("learning_rate_final", training.learning_rate_final, 0.0, 1e6,
               "Learning rate that the decay falls towards: the step after the last would have it");
  visit.number("beta1", training.beta1, 0.0, kBelowOne, "Adam: decay of the first moment");
  visit.number("beta2", training.beta2, 0.0, kBelowOne, "Adam: decay of the second moment");
  visit.number("epsilon", training.epsilon, kLeastEpsilon, 1.0,
               "Adam: added to the root of the second moment");
  visit.number(
      "weight_decay", training.weight_decay, 0.0, 1e3,
      "AdamW: each update first multiplies the weights by 1 - learning rate * this; 0 means "
      "Adam");
  visit.number("clip_norm", training.clip_norm, 0.0, 1e30,
               "Largest norm of the whole gradient; 0 means no clipping");
  visit.number("skip_spikes", training.skip_spikes, 0.0, 1e6,
               "Leave out steps whose loss or gradient norm lies so many standard deviations above "
               "the last 128; 0 means none (6 is cautious)");
  visit.choice("loss", training.loss,
               "Squared error averaged over pixels and channels (mean), or summed over them (sum)");
  visit.number("min_snr_gamma", training.min_snr_gamma, 0.0, 1e6,
               "Min-SNR weights of the loss at each t, with this gamma (5 is usual); 0 means none");
  visit.number("ema_decay", training.ema_decay, 0.0, kBelowOne,
               "Decay of the moving average of the weights");
  visit.flag("ema_warmup", training.ema_warmup,
             "Use a lower decay at first: min(ema_decay, (1 + k) / (10 + k)) at update k");
  visit.number("label_dropout", training.label_dropout, 0.0, kBelowOne,
               "Fraction of pictures shown without their class, which guidance needs");
  set_classes(model, num_classes, training.label_dropout);
  visit.choice("initialisation", training.initialisation,
               "Random weights at the start: as PyTorch or as Ho et al. initialise them");
  visit.choice("precision", training.precision,
               "Precision of products, and on a GPU of stored activations; weights and Adam are "
               "always fp32");
  visit.integer("seed", training.seed, 0, std::numeric_limits<std::int64_t>::max(), "Random seed");
  visit.integer("threads", training.threads, 0, 1024,
                "Number of threads; 0 means one per processor; does not affect the result");

  visit.section("output");
  OutputConfig& output = config.output;
  visit.text("name", output.name, "Name of the model; empty means that of the run's folder");
  visit.integer("checkpoint_every_steps", output.checkpoint_every_steps, 1, kMaxSteps,
                "Steps between checkpoints");
  visit.integer("keep_checkpoints", output.keep_checkpoints, 2, 1000000,
                "How many of the newest checkpoints to keep");
  visit.integer("log_every_steps", output.log_every_steps, 1, kMaxSteps,
                "Steps between lines of metrics.csv");
  visit.integer(
      "validate_every_steps", output.validate_every_steps, 0, kMaxSteps,
      "Steps between measurements on data.validation; 0 means every checkpoint_every_steps, and "
      "at the last step");
  visit.integer("validation_count", output.validation_count, 1, 1000000,
                "Pictures of data.validation that are measured, at most; evenly spaced among them");
  visit.integer("evaluate_every_steps", output.evaluate_every_steps, 0, kMaxSteps,
                "Steps between measurements of quality by the averaged weights: eps error on "
                "data.validation, and the kernel distance of drawn pictures; 0 means never");
  visit.integer("evaluate_count", output.evaluate_count, 4, 1000000,
                "Pictures that are drawn, and compared with, for that; at most those there are");
  visit.integer("evaluate_steps", output.evaluate_steps, 1, 1000000,
                "Sampling steps of these pictures");
  visit.integer("sample_every_steps", output.sample_every_steps, 0, kMaxSteps,
                "Steps between grids of samples; 0 means never");
  visit.integer("sample_count", output.sample_count, 1, 10000, "Pictures in a grid of samples");
  visit.integer("sample_steps", output.sample_steps, 1, 1000000,
                "Sampling steps of these pictures");
  visit.choice("sample_clip", output.sample_clip,
               "Clipping of the predicted x_0 while they are sampled, as sample --clip");
  visit.flag("tensorboard", output.tensorboard, "Write event files for TensorBoard");
}

}  // namespace ddim::engine::train
