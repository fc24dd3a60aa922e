#include "model/file_configs.h"

#include <utility>

#include "base/error.h"

namespace ddim::model {
namespace {

std::string quoted(const std::string& text) { return '"' + text + '"'; }

/// Runs `check` and puts the file's name before the message of what it throws.
template <class Check>
auto naming_the_file(const std::string& file_name, const Check& check) {
  try {
    return check();
  } catch (const Error& error) {
    fail(error.code(), file_name, ": ", error.what());
  }
}

// diffusers' names of what the diffusion room knows.
constexpr std::pair<const char*, diffusion::BetaKind> kBetaSchedules[] = {
    {"linear", diffusion::BetaKind::linear},
    {"scaled_linear", diffusion::BetaKind::scaled_linear},
    {"squaredcos_cap_v2", diffusion::BetaKind::cosine},
    {"sigmoid", diffusion::BetaKind::sigmoid}};
constexpr std::pair<const char*, diffusion::Prediction> kPredictionTypes[] = {
    {"epsilon", diffusion::Prediction::eps},
    {"sample", diffusion::Prediction::x0},
    {"v_prediction", diffusion::Prediction::v}};

diffusion::BetaKind beta_kind_of(const std::string& beta_schedule, const std::string& file_name) {
  for (const auto& [name, kind] : kBetaSchedules)
    if (beta_schedule == name) return kind;
  fail(ErrorCode::user, file_name, ": beta_schedule is ", quoted(beta_schedule),
       "; supported are \"linear\", \"scaled_linear\", \"squaredcos_cap_v2\" and \"sigmoid\"");
}

}  // namespace

diffusion::Schedule schedule_of(const io::SchedulerFileConfig& file, const std::string& file_name) {
  using diffusion::BetaKind;
  diffusion::ScheduleOptions options{
      .range = {.start = file.beta_start, .end = file.beta_end, .T = file.num_train_timesteps}};
  if (file.trained_betas) {
    options.betas = BetaKind::list;
    options.list = *file.trained_betas;
  } else {
    options.betas = beta_kind_of(file.beta_schedule, file_name);
  }
  if (file.rescale_betas_zero_snr)
    options.terminal_snr = diffusion::ScheduleOptions::TerminalSnr::zero;
  return naming_the_file(file_name, [&] { return diffusion::make_schedule(options); });
}

diffusion::Prediction prediction_of(const io::SchedulerFileConfig& file,
                                    const std::string& file_name) {
  for (const auto& [name, prediction] : kPredictionTypes)
    if (file.prediction_type == name) return prediction;
  fail(ErrorCode::user, file_name, ": prediction_type is ", quoted(file.prediction_type),
       "; supported are \"epsilon\", \"sample\" and \"v_prediction\"");
}

io::SchedulerFileConfig file_config(const diffusion::ScheduleOptions& schedule,
                                    diffusion::Prediction prediction) {
  using diffusion::BetaKind;
  io::SchedulerFileConfig file;
  file.beta_start = schedule.range.start;
  file.beta_end = schedule.range.end;
  file.num_train_timesteps = schedule.range.T;
  file.clip_sample = false;
  file.rescale_betas_zero_snr =
      schedule.terminal_snr == diffusion::ScheduleOptions::TerminalSnr::zero;
  for (const auto& [name, kind] : kBetaSchedules)
    if (schedule.betas == kind) file.beta_schedule = name;
  if (schedule.betas == BetaKind::list) file.trained_betas = schedule.list;
  // diffusers' DDIMScheduler knows no "sigmoid".
  if (schedule.betas == BetaKind::sigmoid) {
    file.beta_schedule = "linear";
    file.trained_betas = diffusion::sigmoid_betas(schedule.range);
  }
  if (file.trained_betas) file.num_train_timesteps = std::ssize(*file.trained_betas);
  for (const auto& [name, kind] : kPredictionTypes)
    if (prediction == kind) file.prediction_type = name;
  return file;
}

io::SchedulerFileConfig file_config(const LinearSchedule& schedule) {
  return file_config(
      {.range = {.start = schedule.beta_start, .end = schedule.beta_end, .T = schedule.num_steps}},
      diffusion::Prediction::eps);
}

}  // namespace ddim::model
