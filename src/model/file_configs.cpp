#include "model/file_configs.h"

#include <utility>

#include "base/error.h"
#include "diffusion/betas.h"

namespace ddim::engine::model {
namespace {

std::string quoted(const std::string& text) { return '"' + text + '"'; }

// diffusers' names of what the diffusion room knows.
constexpr std::pair<const char*, BetaKind> kBetaSchedules[] = {
    {"linear", BetaKind::linear},
    {"scaled_linear", BetaKind::scaled_linear},
    {"squaredcos_cap_v2", BetaKind::cosine},
    {"sigmoid", BetaKind::sigmoid}};
constexpr std::pair<const char*, Prediction> kPredictionTypes[] = {
    {"epsilon", Prediction::eps}, {"sample", Prediction::x0}, {"v_prediction", Prediction::v}};

BetaKind beta_kind_of(const std::string& beta_schedule, const std::string& file_name) {
  for (const auto& [name, kind] : kBetaSchedules)
    if (beta_schedule == name) return kind;
  fail(ErrorCode::user, file_name, ": beta_schedule is ", quoted(beta_schedule),
       "; supported are \"linear\", \"scaled_linear\", \"squaredcos_cap_v2\" and \"sigmoid\"");
}

Prediction prediction_of(const std::string& prediction_type, const std::string& file_name) {
  for (const auto& [name, prediction] : kPredictionTypes)
    if (prediction_type == name) return prediction;
  fail(ErrorCode::user, file_name, ": prediction_type is ", quoted(prediction_type),
       "; supported are \"epsilon\", \"sample\" and \"v_prediction\"");
}

}  // namespace

std::int64_t num_steps_of(const io::SchedulerFileConfig& file) {
  return file.trained_betas ? std::ssize(*file.trained_betas) : file.num_train_timesteps;
}

ForwardProcess process_of(const io::SchedulerFileConfig& file, const std::string& file_name) {
  require(file.without_betas.empty(), file_name, ": ", file.without_betas,
          ". If you know what noise the network was trained with, give --schedule, and "
          "--beta-start, --beta-end, --T and --prediction where they are not 0.0001, 0.02, 1000 "
          "and eps");
  ForwardProcess process{
      .beta_start = file.beta_start,
      .beta_end = file.beta_end,
      .T = num_steps_of(file),
      .terminal_snr = file.rescale_betas_zero_snr ? TerminalSnr::zero : TerminalSnr::as_is,
      .prediction = prediction_of(file.prediction_type, file_name)};
  if (file.trained_betas) {
    process.schedule = BetaKind::list;
    process.betas = *file.trained_betas;
  } else {
    process.schedule = beta_kind_of(file.beta_schedule, file_name);
  }
  return process;
}

diffusion::Schedule schedule_of(const ForwardProcess& process, const std::string& file_name) {
  try {
    return diffusion::make_schedule(process);
  } catch (const Error& error) {
    fail(error.code(), file_name, ": ", error.what());
  }
}

io::SchedulerFileConfig file_config(const ForwardProcess& process) {
  io::SchedulerFileConfig file;
  file.beta_start = process.beta_start;
  file.beta_end = process.beta_end;
  file.num_train_timesteps = process.T;
  file.clip_sample = false;
  file.rescale_betas_zero_snr = process.terminal_snr == TerminalSnr::zero;
  for (const auto& [name, kind] : kBetaSchedules)
    if (process.schedule == kind) file.beta_schedule = name;
  if (process.schedule == BetaKind::list) file.trained_betas = process.betas;
  // diffusers' DDIMScheduler knows no "sigmoid".
  if (process.schedule == BetaKind::sigmoid) {
    file.beta_schedule = "linear";
    file.trained_betas = diffusion::sigmoid_betas(process);
  }
  if (file.trained_betas) file.num_train_timesteps = std::ssize(*file.trained_betas);
  for (const auto& [name, kind] : kPredictionTypes)
    if (process.prediction == kind) file.prediction_type = name;
  return file;
}

}  // namespace ddim::engine::model
