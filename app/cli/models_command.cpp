#include <ddim/error.h>
#include <ddim/model.h>
#include <ddim/models.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "commands.h"
#include "json_object.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct ModelsCommandFlags {
  std::string folder = ".";
  bool json = false;
};

struct Line {
  FoundModel model;
  ModelInfo info;
  std::string problem;  ///< why it cannot be used
};

std::vector<Line> lines_of(const std::vector<FoundModel>& models) {
  std::vector<Line> lines;
  for (const FoundModel& model : models) {
    Line& line = lines.emplace_back(Line{.model = model, .info = {}, .problem = {}});
    try {
      line.info = describe_model(model.folder);
    } catch (const Error& error) {
      line.problem = error.what();
    }
  }
  return lines;
}

void print_json(const std::vector<Line>& lines) {
  std::string all;
  for (const Line& line : lines) {
    JsonObject object;
    object.add("name", line.model.name)
        .add("place", to_string(line.model.place))
        .add("folder", line.model.folder.string());
    if (line.problem.empty()) {
      object.add("width", line.info.shape.width)
          .add("height", line.info.shape.height)
          .add("channels", line.info.shape.channels)
          .add("num_classes", line.info.num_classes)
          .add("num_parameters", line.info.num_parameters);
    } else {
      object.add("problem", line.problem);
    }
    all += (all.empty() ? "" : ",") + object.text();
  }
  print_out("[{}]\n", all);
}

void print_table(const std::vector<Line>& lines) {
  std::size_t width = 4;
  for (const Line& line : lines) width = std::max(width, line.model.name.size());
  print_out("{:<{}}  place    pictures   parameters\n", "name", width);
  for (const Line& line : lines) {
    print_out("{:<{}}  {:<7}  ", printable(line.model.name), width, to_string(line.model.place));
    if (!line.problem.empty()) {
      print_out("cannot be used: {}\n", printable(line.problem));
      continue;
    }
    const PictureShape& shape = line.info.shape;
    print_out("{:<9}  {:>10}{}\n",
              fmt::format("{}x{}x{}", shape.width, shape.height, shape.channels),
              line.info.num_parameters, line.info.num_classes > 0 ? ", with classes" : "");
  }
}

void run(const ModelsCommandFlags& flags) {
  const std::vector<Line> lines = lines_of(find_models(flags.folder));
  if (flags.json) {
    print_json(lines);
  } else if (lines.empty()) {
    print_out("No models here. Train one (ddim train), or fetch one (ddim pull OWNER/NAME).\n");
  } else {
    print_table(lines);
  }
}

}  // namespace

void add_models_command(Command root) {
  const Command command =
      root.add_command("models", "List the models that --model finds: shipped, cached and local");
  const auto flags = std::make_shared<ModelsCommandFlags>();
  command
      .add_option("folder", flags->folder,
                  "Where to look for local models and training runs, also in its folders models "
                  "and runs")
      .type_name("FOLDER")
      .show_default();
  command.add_flag("--json", flags->json, "Print one JSON array");
  command.footer(
      "Shipped models are found by their names from every folder. DDIM_MODELS names more folders "
      "of such models, between colons. Pictures are width x height x channels.");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
