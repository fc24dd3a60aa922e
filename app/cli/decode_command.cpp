#include <ddim/encode.h>
#include <fmt/core.h>

#include <memory>

#include "commands.h"
#include "interrupts.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"

namespace ddim::cli {
namespace {

struct DecodeCommandFlags {
  RunFlags run;
  TauFlags tau;
  ClipFlag clip;
  OverwriteFlag overwrite;
  std::filesystem::path codes;
  PictureOutput out;
  std::filesystem::path tensors;
  bool other_weights = false;
};

/// The file's own steps, unless somebody names others for this command: the environment means
/// steps for what is drawn anew.
Codes codes_of(const DecodeCommandFlags& flags, const Model& model) {
  Codes codes = read_codes(flags.codes);
  if (flags.other_weights) codes.model_hash.clear();
  const auto names_others = [](Option option) {
    return option.given() && option.source() != Source::environment;
  };
  if (!codes.tau.empty() && !names_others(flags.tau.steps_option()) &&
      !names_others(flags.tau.tau_option()))
    return codes;
  codes.tau.clear();
  const Plan plan =
      make_plan(model, {.steps = flags.tau.steps(model.info().process.T), .tau = flags.tau.tau()});
  for (const PlanStep& step : plan.steps) codes.tau.insert(codes.tau.begin(), step.t);
  return codes;
}

void run(const DecodeCommandFlags& flags) {
  const Interrupts interrupts;
  const Overwrite overwrite = flags.overwrite.value();
  Files files(overwrite);
  flags.out.add_to(files);
  files.reads(flags.codes).writes("--save-tensors", flags.tensors, {".safetensors"}).check();
  flags.tau.check();
  const Model described = flags.run.model_without_weights(interrupts.token());
  const PictureShape shape = described.info().shape;
  const DecodeOptions options{.clip = flags.clip.value(),
                              .class_choice = flags.run.class_choice(described),
                              .run = flags.run.options(interrupts.token())};
  const Codes codes = codes_of(flags, described);
  check_codes(described, codes, flags.codes.string());
  check_decode(described, codes, options);
  const GridOptions grid = flags.out.grid(codes.x_T.count, shape);
  flags.out.check(shape, codes.x_T.count, grid);
  const Model model = flags.run.load_model(interrupts.token());
  check_codes(model, codes, flags.codes.string());
  if (options.clip.bound != Clip::Bound::none) warn_of_clipping();
  const Samples samples = decode(model, codes, options);
  if (!flags.tensors.empty()) write_tensor(flags.tensors, "x_0", samples.x_0, overwrite);
  flags.out.write(samples, grid, overwrite);
  print_drawn(samples, flags.out.path(), flags.run.json());
}

}  // namespace

void add_decode_command(Command root) {
  const Command command = root.add_command(
      "decode", "Decode the codes of ddim encode to pictures, with the same steps");
  const auto flags = std::make_shared<DecodeCommandFlags>();
  command.add_option("codes", flags->codes, "Safetensors file with x_T [N,C,H,W]")
      .required()
      .type_name("FILE");
  flags->out.add_to(command, "all pictures").required();
  flags->out.add_columns_to(command);
  command
      .add_option("--save-tensors", flags->tensors,
                  "Also write x_0 [N,C,H,W], not clamped, to this safetensors file")
      .type_name("FILE");
  command.add_flag("--other-weights", flags->other_weights,
                   "Decode even if a model with different weights made the codes");
  flags->tau.add_to(command);
  flags->clip.add_to(command,
                     "Clamp the predicted x_0 in each step, as in ddim sample; the clamped part "
                     "cannot be recovered from the code");
  flags->run.add_to(command).required();
  flags->overwrite.add_to(command);
  command.footer("Without --steps and --tau, the steps stored in the file are used.");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
