#include <ddim/encode.h>
#include <fmt/core.h>

#include <memory>

#include "commands.h"
#include "dequantise_flag.h"
#include "interrupts.h"
#include "json_object.h"
#include "output_file.h"
#include "picture_flags.h"
#include "residual_warning.h"
#include "run_flags.h"
#include "tau_flags.h"

namespace ddim::cli {
namespace {

struct Flags {
  RunFlags run;
  PictureFlags pictures;
  TauFlags tau;
  DequantiseFlag dequantise;
  OverwriteFlag overwrite;
  std::filesystem::path out;
  bool exact = false;
};

void print_result(const Codes& codes, const Flags& flags) {
  const CodeStatistics statistics = code_statistics(codes.x_T);
  if (flags.run.json()) {
    fmt::print("{}\n", JsonObject()
                           .add("images", codes.x_T.count)
                           .add("nfe", codes.nfe)
                           .add("residual", codes.residual)
                           .add("mean", statistics.mean.value)
                           .add("variance", statistics.variance.value)
                           .add("kurtosis", statistics.kurtosis.value)
                           .add("correlation", statistics.correlation.value)
                           .add("seconds", codes.seconds)
                           .add("out", flags.out.string())
                           .text());
    return;
  }
  fmt::print("{}: {} {}, {:.0f} network calls each, {:.1f} s\n", flags.out.string(),
             codes.x_T.count, codes.x_T.count == 1 ? "code" : "codes", codes.nfe, codes.seconds);
  fmt::print("mean {:.4f}, variance {:.4f}, kurtosis {:.4f}, neighbours' correlation {:.4f}\n",
             statistics.mean.value, statistics.variance.value, statistics.kurtosis.value,
             statistics.correlation.value);
}

void run(const Flags& flags) {
  const Interrupts interrupts;
  check_output(flags.out, flags.overwrite.value());
  const Model model = flags.run.load_model(interrupts.token());
  // The steps of the other kinds are too long at their lower end to be undone.
  const bool is_default = flags.exact && !flags.tau.tau_given();
  const Codes codes = encode(model, flags.pictures.load(model),
                             {.steps = flags.tau.steps(),
                              .tau = is_default ? TauKind::quadratic : flags.tau.tau(),
                              .method = flags.exact ? EncodeMethod::exact : EncodeMethod::euler,
                              .dequantise = flags.dequantise.value(),
                              .class_choice = flags.run.class_choice(),
                              .batch = flags.run.batch(),
                              .threads = flags.run.threads(),
                              .show_progress = flags.run.show_progress(),
                              .stop = interrupts.token()});
  warn_of_residual(codes.residual);
  write_codes(flags.out, codes, flags.overwrite.value());
  print_result(codes, flags);
}

}  // namespace

void add_encode_command(Command root) {
  const Command command = root.add_command(
      "encode", "Turn pictures into the noise that a model draws them from (the paper's 5.4)");
  command.fallthrough();
  const auto flags = std::make_shared<Flags>();
  flags->pictures.add_to(command);
  command.add_option("--out", flags->out, "Safetensors file to write: x_T [N,C,H,W] and tau")
      .required()
      .type_name("FILE");
  flags->tau.add_to(command);
  command.add_flag("--exact", flags->exact,
                   "Undo the decoder's steps one by one, some ten network calls each, so that "
                   "decoding comes back to float accuracy; --tau is quadratic then unless given");
  flags->dequantise.add_to(command);
  flags->run.add_to(command);
  flags->overwrite.add_to(command);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
