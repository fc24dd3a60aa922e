#include <ddim/model.h>
#include <ddim/pull.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>

#include "commands.h"
#include "json_object.h"
#include "picture_info.h"

namespace ddim::cli {
namespace {

struct Flags {
  std::string path;
  bool json = false;
};

void print_model(const Flags& flags) {
  const ModelInfo info = describe_model(find_model(flags.path));
  if (flags.json) {
    fmt::print("{}\n", JsonObject()
                           .add("name", info.name)
                           .add("resolution", info.resolution)
                           .add("width", info.width)
                           .add("channels", info.channels)
                           .add("num_parameters", info.num_parameters)
                           .add_text("block_out_channels",
                                     fmt::format("[{}]", fmt::join(info.block_out_channels, ",")))
                           .add_text("attention_levels",
                                     fmt::format("[{}]", fmt::join(info.attention_levels, ",")))
                           .add("layers_per_block", info.layers_per_block)
                           .add("num_classes", info.num_classes)
                           .add("null_class", info.null_class.value_or(-1))
                           .add("T", info.T)
                           .add("beta_start", info.beta_start)
                           .add("beta_end", info.beta_end)
                           .add("prediction", info.prediction)
                           .add("format", info.format)
                           .add("weight_type", info.weight_type)
                           .add_text("has_both_weights", info.has_both_weights ? "true" : "false")
                           .add_text("has_adam", info.has_adam ? "true" : "false")
                           .add("step", info.step)
                           .text());
    return;
  }
  fmt::print("model       {}\n", info.name);
  fmt::print("format      {}\n", info.format);
  fmt::print("pictures    {} x {}, {}\n", info.resolution, info.width,
             info.channels == 1 ? "grey" : fmt::format("{} channels", info.channels));
  fmt::print("network     {} parameters; channels {} per level, {} blocks each\n",
             info.num_parameters, fmt::join(info.block_out_channels, ", "), info.layers_per_block);
  fmt::print("attention   {}\n", info.attention_levels.empty()
                                     ? "in the middle"
                                     : fmt::format("in the middle and at level {}",
                                                   fmt::join(info.attention_levels, ", ")));
  if (info.num_classes > 0) {
    fmt::print("classes     0 to {}{}\n", info.num_classes - 1,
               info.null_class ? fmt::format("; {} means none", *info.null_class) : "");
  }
  fmt::print("schedule    T = {}, beta from {} to {}; the network predicts {}\n", info.T,
             info.beta_start, info.beta_end, info.prediction);
  fmt::print("weights     {}, {}\n", info.weight_type,
             info.has_both_weights ? "moving average (EMA) and as trained" : "one set");
  if (info.has_adam || info.step > 0) {
    fmt::print("training    {} steps done{}\n", info.step,
               info.has_adam ? ", with Adam's state to go on" : "");
  }
}

void run(const Flags& flags) {
  if (std::filesystem::path(flags.path).extension() == ".png") {
    print_picture_info(flags.path, flags.json ? InfoStyle::json : InfoStyle::text);
  } else {
    print_model(flags);
  }
}

}  // namespace

void add_info_command(Command root) {
  const Command command =
      root.add_command("info", "Print what a model is, or how a picture was made");
  command.fallthrough();
  const auto flags = std::make_shared<Flags>();
  command
      .add_option("path", flags->path,
                  "Folder of a model, OWNER/NAME of one that was pulled, or a PNG that ddim wrote")
      .required()
      .type_name("PATH");
  command.add_flag("--json", flags->json, "Print one JSON object");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
