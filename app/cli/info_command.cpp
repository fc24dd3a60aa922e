#include <ddim/image.h>
#include <ddim/model.h>
#include <ddim/pull.h>
#include <ddim/words.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "commands.h"
#include "json_object.h"
#include "model_override_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct InfoCommandFlags {
  std::string path;
  ModelOverrideFlags overrides;
  std::set<std::string> of_model;  ///< names of the flags that say nothing about a picture
  bool json = false;
};

/// "linear, T = 1000, beta from 0.0001 to 0.02"
std::string schedule_text(const ForwardProcess& process) {
  std::string text = fmt::format("{}, T = {}", to_string(process.schedule), process.T);
  if (process.schedule != BetaKind::list && process.schedule != BetaKind::cosine)
    text += fmt::format(", beta from {} to {}", process.beta_start, process.beta_end);
  return process.terminal_snr == TerminalSnr::zero ? text + ", zero terminal SNR" : text;
}

void print_model(const InfoCommandFlags& flags) {
  const ModelInfo info = describe_model(find_model(flags.path), flags.overrides.overrides());
  if (flags.json) {
    print_out("{}\n", JsonObject()
                          .add("name", info.name)
                          .add("height", info.shape.height)
                          .add("width", info.shape.width)
                          .add("channels", info.shape.channels)
                          .add("num_parameters", info.num_parameters)
                          .add_text("block_out_channels",
                                    fmt::format("[{}]", fmt::join(info.block_out_channels, ",")))
                          .add_text("attention_levels",
                                    fmt::format("[{}]", fmt::join(info.attention_levels, ",")))
                          .add("layers_per_block", info.layers_per_block)
                          .add_text("learns_variance", info.learns_variance ? "true" : "false")
                          .add("num_classes", info.num_classes)
                          .add("class_names", info.class_names)
                          .add("null_class", info.null_class.value_or(-1))
                          .add("schedule", to_string(info.process.schedule))
                          .add("T", info.process.T)
                          .add("beta_start", info.process.beta_start)
                          .add("beta_end", info.process.beta_end)
                          .add("prediction", to_string(info.process.prediction))
                          .add("format", info.format)
                          .add("weight_type", info.weight_type)
                          .add_text("has_both_weights", info.has_both_weights ? "true" : "false")
                          .add_text("has_adam", info.has_adam ? "true" : "false")
                          .add("step", info.step)
                          .add("notes", fmt::format("{}", fmt::join(info.notes, "; ")))
                          .text());
    return;
  }
  print_out("model       {}\n", info.name);
  print_out("format      {}\n", info.format);
  print_out("pictures    {} x {}, {}\n", info.shape.width, info.shape.height,
            info.shape.channels == 1 ? "grey" : fmt::format("{} channels", info.shape.channels));
  print_out("network     {} parameters; channels {} per level, {} {} each\n", info.num_parameters,
            fmt::join(info.block_out_channels, ", "), info.layers_per_block,
            info.layers_per_block == 1 ? "block" : "blocks");
  print_out("attention   {}\n", info.attention_levels.empty()
                                    ? "in the middle"
                                    : fmt::format("in the middle and at level {}",
                                                  fmt::join(info.attention_levels, ", ")));
  if (info.num_classes > 0) {
    print_out("classes     0 to {}{}\n", info.num_classes - 1,
              info.null_class ? fmt::format("; {} means none", *info.null_class) : "");
    if (!info.class_names.empty())
      print_out("            {}\n",
                printable(fmt::format("{}", fmt::join(info.class_names, ", "))));
  }
  print_out("schedule    {}; the network predicts {}\n", schedule_text(info.process),
            to_string(info.process.prediction));
  if (info.learns_variance)
    print_out("variance    predicted, too; --sampler ddpm-learned uses it\n");
  print_out("weights     {}{}\n", info.weight_type,
            info.has_both_weights ? ", moving average (EMA) and trained weights" : "");
  if (info.has_adam || info.step > 0) {
    print_out("training    {} {} done{}\n", info.step, info.step == 1 ? "step" : "steps",
              info.has_adam ? ", with optimizer state (can be resumed)" : "");
  }
  for (const std::string& note : info.notes) print_out("note        {}\n", printable(note));
}

/// The text of a PNG, in those of ddim the recipe: the most telling first.
void print_picture(const InfoCommandFlags& flags) {
  std::map<std::string, std::string> text = read_png_text(flags.path);
  if (flags.json) {
    JsonObject object;
    for (const auto& [key, value] : text) object.add(key, value);
    print_out("{}\n", object.text());
    return;
  }
  if (text.empty()) print_out("{}: contains no recipe\n", flags.path);
  const auto print = [](const std::string& key, const std::string& value) {
    print_out("{:<12} {}\n", printable(key), printable(value));
  };
  for (const char* key : {"model", "model_hash", "size", "steps", "sampler", "tau", "eta", "clip",
                          "seed", "first_image", "count"}) {
    if (const auto entry = text.extract(key)) print(entry.key(), entry.mapped());
  }
  for (const auto& [key, value] : text) print(key, value);
}

void run(const InfoCommandFlags& flags, Command command) {
  if (std::filesystem::path(flags.path).extension() == ".png") {
    command.refuse_ignored(flags.of_model, "for a picture: it is about a model");
    print_picture(flags);
  } else {
    print_model(flags);
  }
}

}  // namespace

void add_info_command(Command root) {
  const Command command =
      root.add_command("info", "Print what a model is, or how a picture was made");
  const auto flags = std::make_shared<InfoCommandFlags>();
  command
      .add_option(
          "path", flags->path,
          "Any model that --model takes: a folder, a file or OWNER/NAME; or a PNG written by ddim")
      .required()
      .type_name("PATH");
  flags->of_model = command.names_added_by([&] { flags->overrides.add_to(command); });
  command.add_flag("--json", flags->json, "Print one JSON object");
  command.callback([flags, command] { run(*flags, command); });
}

}  // namespace ddim::cli
