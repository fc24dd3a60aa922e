#include <ddim/model.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "choice_flag.h"
#include "commands.h"

namespace ddim::cli {
namespace {

struct Flags {
  std::filesystem::path input;
  std::filesystem::path output;
  ChoiceFlag<WeightType> dtype{{{"f32", WeightType::f32}, {"f16", WeightType::f16}}};
};

void run(const Flags& flags) {
  convert_model(flags.input, flags.output, flags.dtype.value());
  const ModelInfo info = Model::load(flags.output).info();
  fmt::print("{}: {} parameters, pictures of {}x{}\n", flags.output.string(), info.num_parameters,
             info.resolution, info.resolution);
}

}  // namespace

void add_convert_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "convert", "Turn a model of the paper's own code, or a checkpoint, into a diffusers folder");
  command->fallthrough();
  const auto flags = std::make_shared<Flags>();
  command
      ->add_option(
          "input", flags->input,
          "Folder with the official config.json and unet.safetensors, a diffusers folder, or a "
          "checkpoint of ddim train")
      ->required()
      ->type_name("DIR");
  command->add_option("output", flags->output, "Folder to write; must not exist")
      ->required()
      ->type_name("OUT");
  flags->dtype.add_to(*command, "--dtype", "How weights are stored: f32 or f16");
  command->callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
