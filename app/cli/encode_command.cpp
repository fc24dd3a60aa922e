#include <ddim/reconstruct.h>
#include <fmt/core.h>

#include <memory>

#include "commands.h"
#include "encode_flags.h"
#include "interrupts.h"
#include "json_object.h"
#include "outputs.h"
#include "picture_flags.h"
#include "run_flags.h"
#include "tau_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct EncodeCommandFlags {
  RunFlags run;
  PictureFlags pictures;
  TauFlags tau;
  EncodeFlags encode;
  OverwriteFlag overwrite;
  std::filesystem::path out;
};

void print_result(const Codes& codes, const EncodeCommandFlags& flags) {
  const CodeStatistics statistics = code_statistics(codes.x_T);
  if (flags.run.json()) {
    print_out("{}\n", JsonObject()
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
  print_out("{}: {} {}, {:.0f} network {} each, {:.1f} s\n", flags.out.string(), codes.x_T.count,
            codes.x_T.count == 1 ? "code" : "codes", codes.nfe, codes.nfe == 1.0 ? "call" : "calls",
            codes.seconds);
  print_out("mean {:.4f}, variance {:.4f}, kurtosis {}, correlation of neighbours {}\n",
            statistics.mean.value, statistics.variance.value,
            number_or_dash("{:.4f}", statistics.kurtosis.value),
            number_or_dash("{:.4f}", statistics.correlation.value));
}

void run(const EncodeCommandFlags& flags) {
  const Interrupts interrupts;
  Files files(flags.overwrite.value());
  flags.pictures.add_to(files);
  files.writes("--out", flags.out, {".safetensors"}).check();
  flags.pictures.check();
  flags.tau.check();
  EncodeOptions options = flags.encode.options();
  if (flags.tau.tau_given()) options.plan.tau = flags.tau.tau();
  const Model described = flags.run.model_without_weights(interrupts.token());
  options.plan.steps = flags.tau.steps(described.info().process.T);
  options.class_choice = flags.run.class_choice(described);
  options.run = flags.run.options(interrupts.token());
  check_encode(described, options);
  const FloatImages pictures = flags.pictures.load(described);
  const Codes codes = encode(flags.run.load_model(interrupts.token()), pictures, options);
  warn_of_residual(codes.residual, options.plan.tau);
  write_codes(flags.out, codes, flags.overwrite.value());
  print_result(codes, flags);
  flags.pictures.print_skipped();
}

}  // namespace

void add_encode_command(Command root) {
  const Command command = root.add_command(
      "encode", "Encode pictures: find the noise that the model draws them from (the paper's 5.4)");
  const auto flags = std::make_shared<EncodeCommandFlags>();
  flags->pictures.add_to(command);
  command.add_option("--out", flags->out, "Safetensors file to write: x_T [N,C,H,W] and tau")
      .required()
      .type_name("FILE");
  flags->tau.add_to(command);
  flags->encode.add_to(command);
  flags->run.add_to(command).required();
  flags->overwrite.add_to(command);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
