#include <ddim/evaluate.h>
#include <fmt/core.h>

#include <memory>

#include "commands.h"
#include "device_flag.h"
#include "interrupts.h"
#include "json_object.h"
#include "model_flag.h"

namespace ddim::cli {
namespace {

struct Flags {
  ModelFlag model;
  DeviceFlag device;
  ChoiceFlag<DataSplit> split{{{"test", DataSplit::test}, {"train", DataSplit::train}}};
  EpsErrorOptions options;
  bool eps_error = false;
  bool json = false;
  bool quiet = false;
};

void print_json(const EpsErrors& errors) {
  std::string rows;
  for (const EpsErrorAt& error : errors.at) {
    if (!rows.empty()) rows += ",";
    rows += JsonObject()
                .add("t", error.t)
                .add("mean_squared_error", error.mean_squared_error)
                .add("half_width_95", error.half_width_95)
                .text();
  }
  fmt::print("{}\n", JsonObject()
                         .add("images", errors.images)
                         .add("inner_size", errors.inner_size)
                         .add_text("eps_error", "[" + rows + "]")
                         .text());
}

void print_table(const EpsErrors& errors) {
  fmt::print(
      "Mean squared error of the predicted noise per element, {} images, inner {}x{} pixels\n",
      errors.images, errors.inner_size, errors.inner_size);
  fmt::print("{:>6}  {:>10}  {}\n", "t", "error", "95 % interval");
  for (const EpsErrorAt& error : errors.at) {
    fmt::print("{:>6}  {:>10.6f}  +- {:.6f}\n", error.t, error.mean_squared_error,
               error.half_width_95);
  }
}

void run(const Flags& flags) {
  const Interrupts interrupts;
  EpsErrorOptions options = flags.options;
  options.show_progress = flags.quiet || flags.json ? ShowProgress::no : ShowProgress::on_stderr;
  options.split = flags.split.value();
  options.stop = interrupts.token();
  const EpsErrors errors = eps_error(
      Model::load(flags.model.folder(interrupts.token()), flags.device.options()), options);
  if (flags.json) {
    print_json(errors);
  } else {
    print_table(errors);
  }
}

}  // namespace

void add_evaluate_command(Command root) {
  const Command command = root.add_command("evaluate", "Measure how good a model is on a data set");
  command.fallthrough();
  const auto flags = std::make_shared<Flags>();
  EpsErrorOptions& options = flags->options;
  command
      .add_flag("--eps-error", flags->eps_error,
                "Mean squared error of the predicted noise at some t")
      .required();
  flags->model.add_to(command).required();
  command.add_option("--data", options.data, "Folder of the data set, as for ddim train")
      .envname("DDIM_DATA")
      .required()
      .type_name("DIR");
  flags->split.add_to(command, "--split", "train or test");
  command.add_option("--t", options.t, "Where, counted from 0")
      .delimiter(',')
      .show_default("10,100,500,900")
      .type_name("LIST");
  command.add_option("--max-images", options.max_images, "Only the first so many images");
  command.add_option("--seed", options.seed, "Of the noise")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  command.add_option("--batch", options.batch, "How many are worked on at a time")
      .envname("DDIM_BATCH")
      .show_default();
  command.add_option("--threads", options.threads, "0: one per processor")
      .envname("DDIM_THREADS")
      .show_default();
  flags->device.add_to(command);
  command.add_flag("--json", flags->json, "Print one JSON object");
  command.add_flag("--quiet", flags->quiet, "Show no progress");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
