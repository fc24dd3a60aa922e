#include "model/file_configs.h"

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

class Requirements {
 public:
  explicit Requirements(const std::string& file_name) : file_name_(file_name) {}

  template <class T>
  void equal(const char* field, const T& found, const T& supported) const {
    require(found == supported, file_name_, ": ", field, " is ", shown(found), "; only ",
            shown(supported), " is supported");
  }

 private:
  static std::string shown(const std::string& value) { return quoted(value); }
  static std::string shown(bool value) { return value ? "true" : "false"; }

  std::string file_name_;
};

}  // namespace

diffusion::Schedule schedule_of(const io::SchedulerFileConfig& file, const std::string& file_name) {
  const Requirements need(file_name);
  need.equal<std::string>("prediction_type", file.prediction_type, "epsilon");
  need.equal("thresholding", file.thresholding, false);
  need.equal("rescale_betas_zero_snr", file.rescale_betas_zero_snr, false);
  return naming_the_file(file_name, [&] {
    if (file.trained_betas) return diffusion::Schedule(*file.trained_betas);
    require(file.beta_schedule == "linear", "beta_schedule is ", quoted(file.beta_schedule),
            "; only \"linear\" is supported");
    return diffusion::Schedule::linear(file.beta_start, file.beta_end, file.num_train_timesteps);
  });
}

io::SchedulerFileConfig file_config(const LinearSchedule& schedule) {
  io::SchedulerFileConfig file;
  file.beta_start = schedule.beta_start;
  file.beta_end = schedule.beta_end;
  file.num_train_timesteps = schedule.num_steps;
  file.clip_sample = false;
  return file;
}

}  // namespace ddim::model
