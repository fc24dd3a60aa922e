#include "model/overrides.h"

#include "base/error.h"
#include "base/text.h"
#include "model/file_configs.h"
#include "nn/unet_config.h"

namespace ddim::engine::model {
namespace {

/// What they say of the size: "size 96x64", or nothing.
std::vector<std::string> size_in(const ModelOverrides& overrides) {
  if (!overrides.height) return {};
  return {concat("size ", overrides.width.value_or(*overrides.height), "x", *overrides.height)};
}

/// Of the forward process: "schedule linear", "T 1000".
std::vector<std::string> process_in(const ModelOverrides& overrides) {
  std::vector<std::string> given;
  if (overrides.schedule) given.push_back(concat("schedule ", to_string(*overrides.schedule)));
  if (overrides.beta_start) given.push_back("beta_start " + number_text(*overrides.beta_start));
  if (overrides.beta_end) given.push_back("beta_end " + number_text(*overrides.beta_end));
  if (overrides.T) given.push_back(concat("T ", *overrides.T));
  if (overrides.prediction)
    given.push_back(concat("prediction ", to_string(*overrides.prediction)));
  return given;
}

std::string with_given(const std::string& file_name, const std::vector<std::string>& given) {
  return given.empty() ? file_name : concat(file_name, ", with ", join(given, ", "), " as given");
}

}  // namespace

void apply_size(const ModelOverrides& overrides, io::UNetFileConfig& file) {
  if (overrides.height) file.sample_size = overrides.height;
  if (overrides.width) file.sample_width = overrides.width;
}

void apply_size(const ModelOverrides& overrides, UNetConfig& config) {
  if (overrides.height) config.sample_size = *overrides.height;
  if (!overrides.width) return;
  config.sample_width = overrides.width;
  if (config.sample_width == config.sample_size) config.sample_width.reset();
}

void resize(const ModelOverrides& overrides, const std::string& file_name, UNetConfig& config) {
  apply_size(overrides, config);
  try {
    validate(config);
  } catch (const Error& error) {
    fail(error.code(), named_with_size(file_name, overrides), ": ", error.what());
  }
}

void apply_process(const ModelOverrides& overrides, io::SchedulerFileConfig& file,
                   const std::string& file_name) {
  ForwardProcess given;
  if (overrides.schedule) {
    require(*overrides.schedule != BetaKind::list,
            "schedule: a list of betas cannot be given for a model; its scheduler file can have "
            "one (trained_betas)");
    given.schedule = *overrides.schedule;
    file.beta_schedule = file_config(given).beta_schedule;
    if (given.schedule == BetaKind::sigmoid) file.beta_schedule = "sigmoid";
    file.trained_betas.reset();
    if (!file.without_betas.empty()) {
      // The class cannot hold what is given, and its other numbers are not about betas.
      file.class_name = io::SchedulerFileConfig{}.class_name;
      file.without_betas.clear();
      file.beta_start = given.beta_start;
      file.beta_end = given.beta_end;
    }
  }
  const bool has_numbers = overrides.beta_start || overrides.beta_end || overrides.T;
  require(!has_numbers || !file.trained_betas, file_name,
          ": has a list of betas (trained_betas), which --beta-start, --beta-end and --T cannot "
          "change; give --schedule, too");
  const std::string cosine = file_config({.schedule = BetaKind::cosine}).beta_schedule;
  require(!(overrides.beta_start || overrides.beta_end) || file.beta_schedule != cosine,
          named_with_process(file_name, overrides),
          ": the schedule is cosine, whose betas follow from T; leave out --beta-start and "
          "--beta-end, or give another --schedule");
  if (overrides.beta_start) file.beta_start = *overrides.beta_start;
  if (overrides.beta_end) file.beta_end = *overrides.beta_end;
  if (overrides.T) file.num_train_timesteps = *overrides.T;
  if (overrides.prediction) {
    given.prediction = *overrides.prediction;
    file.prediction_type = file_config(given).prediction_type;
  }
}

std::string named_with_size(const std::string& file_name, const ModelOverrides& overrides) {
  return with_given(file_name, size_in(overrides));
}

std::string named_with_process(const std::string& file_name, const ModelOverrides& overrides) {
  return with_given(file_name, process_in(overrides));
}

std::vector<std::string> notes_on(const ModelOverrides& overrides) {
  std::vector<std::string> given = size_in(overrides);
  for (std::string& one : process_in(overrides)) given.push_back(std::move(one));
  if (given.empty()) return {};
  return {"instead of what the model's files say: " + join(given, ", ")};
}

io::SchedulerFileConfig scheduler_from(const ModelOverrides& overrides,
                                       const std::string& missing_file) {
  require(overrides.schedule.has_value(), missing_file,
          ": no such file; it says what noise the model was trained with. If you know that, give "
          "--schedule, and --beta-start, --beta-end, --T and --prediction where they are not "
          "0.0001, 0.02, 1000 and eps");
  io::SchedulerFileConfig file = file_config(ForwardProcess{});
  apply_process(overrides, file, missing_file);
  return file;
}

}  // namespace ddim::engine::model
