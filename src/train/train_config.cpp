#include "train/train_config.h"

#include <ddim/json.h>

#include <algorithm>

#include "base/error.h"
#include "base/file_input.h"
#include "diffusion/schedule.h"
#include "nn/unet_config.h"

namespace ddim::engine::train {
namespace {

constexpr std::int64_t kMaxPicturesPerStep = std::int64_t{1} << 24;

void validate(const ForwardProcess& process) {
  require(process.beta_start <= process.beta_end, "diffusion.beta_start (", process.beta_start,
          ") must not be above beta_end (", process.beta_end, ")");
  const bool is_list = process.schedule == BetaKind::list;
  require(is_list || process.betas.empty(),
          "diffusion.betas holds numbers, but diffusion.schedule is \"",
          to_string(process.schedule), "\"; set it to \"list\", or leave out the betas");
  require(!is_list || std::ssize(process.betas) == process.T, "diffusion.betas holds ",
          process.betas.size(), " numbers, but diffusion.T is ", process.T);
  require(process.terminal_snr == TerminalSnr::as_is || process.prediction != Prediction::eps,
          "diffusion.zero_terminal_snr leaves nothing of the image at T, where a network that "
          "predicts eps learns nothing; set diffusion.prediction to \"v\" or \"x0\"");
  try {
    diffusion::make_schedule(process);
  } catch (const Error& error) {
    fail(error.code(), "diffusion: ", error.what());
  }
}

}  // namespace

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text,
                             [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; });
}

bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(Json(text).text({.strict = true}));
  } catch (const Error&) {
    return false;
  }
  return true;
}

void validate(const TrainConfig& config) {
  const OptimisationConfig& training = config.training;
  try {
    engine::validate(config.model);
  } catch (const Error& error) {
    constexpr std::string_view kUnet = "unet: ";  // of which this file knows nothing
    const std::string_view message = error.what();
    fail(error.code(), "model.",
         message.starts_with(kUnet) ? message.substr(kUnet.size()) : message);
  }
  validate(config.diffusion);
  require(training.label_dropout == 0.0 || config.model.null_class, "training.label_dropout (",
          training.label_dropout, ") must be 0 for a network without classes (model.num_classes)");
  require(training.batch * training.accumulate <= kMaxPicturesPerStep, "training.batch (",
          training.batch, ") times training.accumulate (", training.accumulate,
          ") must not be above ", kMaxPicturesPerStep);
  require(config.data.validation.share == 0.0 || config.data.validation.source.empty(),
          "data.validation is a share or a source, not both");
  require(!has_control_character(config.output.name) &&
              !has_control_character(config.data.validation.source),
          "output.name and data.validation must be one line of text each");
  require(is_utf8(config.output.name) && is_utf8(config.data.validation.source),
          "output.name and data.validation must be UTF-8");
  require(training.batch % training.shards == 0, "training.batch (", training.batch,
          ") must be a multiple of training.shards (", training.shards, ")");
  require(training.decay == Decay::constant || training.warmup_steps < training.steps,
          "training.warmup_steps (", training.warmup_steps, ") must be below training.steps (",
          training.steps, ") when decay is \"cosine\"");
  require(training.decay == Decay::constant ||
              training.decay_steps <= training.steps - training.warmup_steps,
          "training.decay_steps (", training.decay_steps, ") must not be above steps (",
          training.steps, ") less warmup_steps (", training.warmup_steps, ")");
  require(
      training.decay == Decay::constant || training.learning_rate_final <= training.learning_rate,
      "training.learning_rate_final (", training.learning_rate_final,
      ") must not be above learning_rate (", training.learning_rate, ")");
  require(config.output.sample_every_steps == 0 || config.output.sample_steps <= config.diffusion.T,
          "output.sample_steps (", config.output.sample_steps, ") must not be above diffusion.T (",
          config.diffusion.T, ")");
  require(
      config.output.evaluate_every_steps == 0 || config.output.evaluate_steps <= config.diffusion.T,
      "output.evaluate_steps (", config.output.evaluate_steps, ") must not be above diffusion.T (",
      config.diffusion.T, ")");
}

}  // namespace ddim::engine::train

namespace ddim {

using namespace engine;

TrainConfig load_train_config(const std::filesystem::path& file) {
  constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 24;
  return train::parse_train_config(read_file(file, kMaxConfigBytes), file.string());
}

}  // namespace ddim
