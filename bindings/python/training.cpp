#include <ddim/ddim.h>

#include <limits>

#include "parts.h"
#include "runs.h"
#include "values.h"

namespace ddim::python {
namespace {

nb::dict train(const std::optional<fs::path>& config, const fs::path& data, const fs::path& out,
               bool resume, const std::optional<fs::path>& init,
               const std::optional<std::int64_t>& max_steps, const std::string& device,
               const std::vector<std::string>& overrides,
               const std::optional<std::int64_t>& resume_from,
               const std::optional<std::function<void(nb::dict)>>& callback) {
  std::exception_ptr raised;
  TrainOptions options{.config = config ? load_train_config(*config) : config_of_run(out),
                       .data = data,
                       .out = out,
                       .start = resume ? Start::resume : Start::fresh,
                       .resume_from = resume_from,
                       .overrides = overrides,
                       .max_steps = max_steps,
                       .device = value_of_word<DeviceKind>("device", device)};
  if (init) options.init = find_model(init->string());
  const auto train_watched = [&](const std::stop_token& interrupted) {
    std::stop_source stop;
    const std::stop_callback link(interrupted, [&] { stop.request_stop(); });
    options.stop = stop.get_token();
    if (callback) {
      options.progress = [&](const TrainProgress& progress) {
        const nb::gil_scoped_acquire acquire;
        nb::dict dict;
        dict["step"] = progress.step;
        dict["last_step"] = progress.last_step;
        dict["epoch"] = progress.epoch;
        dict["loss"] = progress.loss;
        dict["mean_loss"] = progress.mean_loss;
        dict["validation_loss"] =
            progress.validation_loss.value_or(std::numeric_limits<double>::quiet_NaN());
        dict["gradient_norm"] = progress.gradient_norm;
        dict["learning_rate"] = progress.learning_rate;
        dict["seconds_left"] = progress.seconds_left;
        try {
          if (!raised) (*callback)(dict);
        } catch (...) {
          raised = std::current_exception();
          stop.request_stop();
        }
      };
    }
    return train_model(options);
  };
  TrainSummary summary;
  try {
    summary = run(train_watched);
  } catch (const Error&) {  // by what the callback raised, or after it
    if (raised) std::rethrow_exception(raised);
    throw;
  }
  if (raised) std::rethrow_exception(raised);
  nb::dict dict;
  dict["ending"] = std::string(to_string(summary.ending));
  dict["steps"] = summary.steps;
  dict["loss"] = summary.loss;
  dict["checkpoint"] = text_of(summary.checkpoint.string());
  return dict;
}

}  // namespace

void add_training(nb::module_& m) {
  using nb::arg;
  m.def("train", &train, arg("config").none(), arg("data"), arg("out"), arg("resume"),
        arg("init").none(), arg("max_steps").none(), arg("device"), arg("overrides"),
        arg("resume_from").none(), arg("callback").none(),
        nb::sig("def train(config: str | os.PathLike | None, data: str | os.PathLike, "
                "out: str | os.PathLike, resume: bool, init: str | os.PathLike | None, max_steps: "
                "int | None, device: str, overrides: collections.abc.Sequence[str], resume_from: "
                "int | None, "
                "callback: collections.abc.Callable[[dict], None] | None) "
                "-> dict[str, typing.Any]"),
        "Trains, and returns ending, steps, loss and checkpoint.");
}

}  // namespace ddim::python
