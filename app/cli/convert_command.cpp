#include <ddim/model.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "commands.h"

namespace ddim::cli {
namespace {

struct Flags {
  std::filesystem::path input;
  std::filesystem::path output;
};

void run(const Flags& flags) {
  convert_official_model(flags.input, flags.output);
  const ModelInfo info = Model::load(flags.output).info();
  fmt::print("{}: {} parameters, pictures of {}x{}\n", flags.output.string(), info.num_parameters,
             info.resolution, info.resolution);
}

}  // namespace

void add_convert_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("convert", "Turn a model of the paper's own code into a diffusers folder");
  command->fallthrough();
  const auto flags = std::make_shared<Flags>();
  command
      ->add_option("input", flags->input,
                   "Folder with the official config.json and unet.safetensors")
      ->required()
      ->type_name("DIR");
  command->add_option("output", flags->output, "Folder to write; must not exist")
      ->required()
      ->type_name("OUT");
  command->callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
