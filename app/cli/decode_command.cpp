#include <ddim/encode.h>
#include <fmt/core.h>

#include <memory>

#include "clip_flag.h"
#include "commands.h"
#include "interrupts.h"
#include "json_object.h"
#include "output_file.h"
#include "png_output.h"
#include "run_flags.h"
#include "tau_flags.h"

namespace ddim::cli {
namespace {

struct Flags {
  RunFlags run;
  TauFlags tau;
  ClipFlag clip;
  OverwriteFlag overwrite;
  std::filesystem::path codes;
  std::filesystem::path out;
  std::filesystem::path tensors;
  std::optional<std::int64_t> columns;
};

/// The file's own steps, unless flags name others.
Codes codes_of(const Flags& flags, const Model& model) {
  Codes codes = read_codes(flags.codes);
  if (!codes.tau.empty() && !flags.tau.steps_given() && !flags.tau.tau_given()) return codes;
  codes.tau.clear();
  const Plan plan = make_plan(model, {.steps = flags.tau.steps(), .tau = flags.tau.tau()});
  for (const PlanStep& step : plan.steps) codes.tau.insert(codes.tau.begin(), step.t);
  return codes;
}

void run(const Flags& flags) {
  const Interrupts interrupts;
  check_png_output(flags.out, flags.overwrite.value());
  if (!flags.tensors.empty()) check_output(flags.tensors, flags.overwrite.value());
  const Model model = flags.run.load_model(interrupts.token());
  const Codes codes = codes_of(flags, model);
  if (flags.clip.value() != Clip::none) warn_of_clipping();
  const Samples samples = decode(model, codes,
                                 {.clip = flags.clip.value(),
                                  .class_choice = flags.run.class_choice(),
                                  .batch = flags.run.batch(),
                                  .threads = flags.run.threads(),
                                  .show_progress = flags.run.show_progress(),
                                  .stop = interrupts.token()});
  if (!flags.tensors.empty())
    write_tensor(flags.tensors, "x_0", samples.x_0, flags.overwrite.value());
  write_png_grid(flags.out, samples, flags.overwrite.value(), {.columns = flags.columns});
  print_drawn(samples, flags.out, flags.run.json());
}

}  // namespace

void add_decode_command(Command root) {
  const Command command = root.add_command(
      "decode", "Draw the pictures that codes of ddim encode stand for, with the same steps");
  command.fallthrough();
  const auto flags = std::make_shared<Flags>();
  command.add_option("codes", flags->codes, "Safetensors file with x_T [N,C,H,W]")
      .required()
      .type_name("FILE");
  command.add_option("--out", flags->out, "PNG file of all pictures")
      .required()
      .type_name("NAME.png");
  command.add_option("--columns", flags->columns, "Columns of the grid; default: a square");
  command
      .add_option("--save-tensors", flags->tensors,
                  "Also write x_0 [N,C,H,W], not clamped, to this safetensors file")
      .type_name("FILE");
  flags->tau.add_to(command);
  flags->clip.add_to(command,
                     "Clamp the predicted x_0 in each step, as in ddim sample; what it clamps is "
                     "lost to the code");
  flags->run.add_to(command);
  flags->overwrite.add_to(command);
  command.footer("Without --steps and --tau, the steps are those that the file was encoded with.");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
