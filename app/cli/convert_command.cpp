#include <ddim/convert.h>
#include <ddim/model.h>
#include <ddim/pull.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "choice_flag.h"
#include "commands.h"
#include "device_flags.h"
#include "model_override_flags.h"
#include "outputs.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct ConvertCommandFlags {
  std::string input;
  std::filesystem::path output;
  ChoiceFlag<ConvertTarget> target;
  ChoiceFlag<WeightType> dtype;
  std::string weights = "all";
  bool old_attention_names = false;
  bool unet_ema = false;
  NoVerifyFlag no_verify;
  ModelOverrideFlags overrides;
};

void run(const ConvertCommandFlags& flags) {
  Files().creates("OUT", flags.output).check();
  const ConvertCheck check =
      convert_model(find_model(flags.input), flags.output,
                    {.target = flags.target.value(),
                     .type = flags.dtype.value(),
                     .weights = value_named<WeightSet>(flags.weights),
                     .attention_names = flags.old_attention_names ? AttentionNames::of_2022
                                                                  : AttentionNames::current,
                     .average = flags.unet_ema ? AverageFolder::unet_ema : AverageFolder::none,
                     .overrides = flags.overrides.overrides(),
                     .verification = flags.no_verify.value()});
  const ModelInfo info = describe_model(flags.output);
  print_out("{}: {}, {} parameters as {}, pictures of {}x{}\n", flags.output.string(), info.format,
            info.num_parameters, info.weight_type, info.shape.width, info.shape.height);
  for (const std::string& note : check.notes) print_out("note: {}\n", printable(note));
  print_out("check: largest difference of eps {:.3g} (largest eps {:.3g})\n",
            check.largest_difference, check.largest_eps);
}

}  // namespace

void add_convert_command(Command root) {
  const Command command = root.add_command("convert",
                                           "Convert a model or checkpoint to another format, then "
                                           "check that both give the same results");
  command.footer(
      "Reads diffusers folders, checkpoints of ddim train, and ckpt.pth, .ckpt and .safetensors "
      "of "
      "the paper's code and compatible programs. Nothing in a file is ever executed.");
  const auto flags = std::make_shared<ConvertCommandFlags>();
  command.add_option("input", flags->input, "Any model that --model takes: a folder or a file")
      .required()
      .type_name("MODEL");
  command.add_option("output", flags->output, "Folder or file to write; must not exist")
      .required()
      .type_name("OUT");
  flags->target.add_to(
      command, "--to",
      "diffusers: a folder for DDIMPipeline; official: the paper's ckpt.pth, with Adam's state and "
      "average if the input has them; official-weights: the weights alone (pesser's .ckpt)");
  flags->dtype.add_to(
      command, "--dtype",
      "How weights are stored: f32, f16, bf16, or f8 (large tensors as F8_E4M3, with 4 bits "
      "of precision, others as f16)");
  command
      .add_option("--weights", flags->weights,
                  "Which weights of a checkpoint to write: ema (moving average), raw (as trained), "
                  "or all (both, if the format allows; otherwise ema)")
      .show_default()
      .type_name("NAME")
      .one_of({"all", "ema", "raw"});
  command.add_flag("--unet-ema", flags->unet_ema,
                   "With --to diffusers: write both sets of weights, the moving average to "
                   "unet_ema/ and those as trained to unet/");
  command.add_flag("--old-attention-names", flags->old_attention_names,
                   "With --to diffusers: name attention weights as in 2022 (query, key, value, "
                   "proj_attn), for programs that know no others");
  flags->no_verify.add_to(command);
  flags->overrides.add_to(command);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
