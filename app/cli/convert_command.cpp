#include <ddim/convert.h>
#include <ddim/pull.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "choice_flag.h"
#include "commands.h"

namespace ddim::cli {
namespace {

using Weights = std::optional<WeightSet>;

struct Flags {
  std::string input;
  std::filesystem::path output;
  ChoiceFlag<ConvertTarget> target{{{"diffusers", ConvertTarget::diffusers},
                                    {"official", ConvertTarget::official},
                                    {"official-weights", ConvertTarget::official_weights}}};
  ChoiceFlag<WeightType> dtype{
      {{"f32", WeightType::f32}, {"f16", WeightType::f16}, {"bf16", WeightType::bf16}}};
  ChoiceFlag<Weights> weights{
      {{"all", Weights()}, {"ema", WeightSet::ema}, {"raw", WeightSet::raw}}};
};

void run(const Flags& flags) {
  const ConvertCheck check = convert_model(find_model(flags.input), flags.output,
                                           {.target = flags.target.value(),
                                            .type = flags.dtype.value(),
                                            .weights = flags.weights.value()});
  const ModelInfo info = describe_model(flags.output);
  fmt::print("{}: {}, {} parameters as {}, pictures of {}x{}\n", flags.output.string(), info.format,
             info.num_parameters, info.weight_type, info.resolution, info.width);
  fmt::print("the same noise through both: eps differs by {:.3g} at most, of {:.3g}\n",
             check.largest_difference, check.largest_eps);
}

}  // namespace

void add_convert_command(Command root) {
  const Command command = root.add_command(
      "convert", "Rewrite a model or checkpoint in another program's form, and compare the two");
  command.fallthrough();
  command.footer(
      "Reads diffusers folders, checkpoints of ddim train, and ckpt.pth, .ckpt and .safetensors "
      "of\n"
      "the paper's own code and its followers. Nothing in a file is ever run.");
  const auto flags = std::make_shared<Flags>();
  command.add_option("input", flags->input, "Any model that --model takes: a folder or a file")
      .required()
      .type_name("MODEL");
  command.add_option("output", flags->output, "Folder or file to write; must not exist")
      .required()
      .type_name("OUT");
  flags->target.add_to(
      command, "--to",
      "diffusers: a folder for DDIMPipeline; official: the paper's ckpt.pth, with Adam's state and "
      "average where the input has them; official-weights: the weights alone (pesser's .ckpt)");
  flags->dtype.add_to(command, "--dtype", "How weights are stored: f32, f16 or bf16");
  flags->weights.add_to(command, "--weights",
                        "Of a checkpoint: ema, its moving average; raw, the weights behind it; all "
                        "that the output can hold, or else the average");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
