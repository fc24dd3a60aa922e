#include <ddim/evaluate.h>
#include <fmt/core.h>

#include <memory>

#include "commands.h"
#include "data_flags.h"
#include "interrupts.h"
#include "json_object.h"
#include "outputs.h"
#include "run_flags.h"

namespace ddim::cli {
namespace {

struct Flags {
  RunFlags run;
  DataFlags data;
  EpsErrorOptions options;
  bool eps_error = false;
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
                         .add("inner_height", errors.inner_height)
                         .add("inner_width", errors.inner_width)
                         .add_text("eps_error", "[" + rows + "]")
                         .text());
}

void print_table(const EpsErrors& errors) {
  fmt::print(
      "Mean squared error of the predicted noise per element, {} images, inner {}x{} pixels "
      "(width x height)\n",
      errors.images, errors.inner_width, errors.inner_height);
  fmt::print("{:>6}  {:>10}  {}\n", "t", "error", "95 % interval");
  for (const EpsErrorAt& error : errors.at) {
    fmt::print("{:>6}  {:>10.6f}  +- {:.6f}\n", error.t, error.mean_squared_error,
               error.half_width_95);
  }
}

void run(const Flags& flags) {
  const Interrupts interrupts;
  EpsErrorOptions options = flags.options;
  options.data = flags.data.options();
  options.run = flags.run.options(interrupts.token());
  check_input(options.data.data);
  const EpsErrors errors = eps_error(flags.run.load_model(interrupts.token()), options);
  if (flags.run.json()) {
    print_json(errors);
  } else {
    print_table(errors);
  }
  flags.data.print_skipped();
}

}  // namespace

void add_evaluate_command(Command root) {
  const Command command = root.add_command("evaluate", "Evaluate a model on a data set");
  const auto flags = std::make_shared<Flags>();
  EpsErrorOptions& options = flags->options;
  command
      .add_flag("--eps-error", flags->eps_error,
                "Measure the mean squared error of the predicted noise at each t of --t")
      .required();
  flags->data.add_to(command, "Folder, .npz or .npy file of the data set, as for ddim train")
      .required();
  command.add_option("--t", options.t, "Values of t, counted from 0")
      .delimiter(',')
      .non_negative()
      .show_default("10,100,500,900")
      .type_name("LIST");
  command.add_option("--seed", options.seed, "Random seed of the noise")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  flags->run.add_to(command, RunFlags::Classes::from_data).required();
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
