#include <ddim/ddim.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "commands.h"
#include "interrupts.h"
#include "json_object.h"
#include "number_list.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"
#include "tau_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

constexpr const char* kSigmaHat = "sigma-hat";

struct SweepCommandFlags {
  RunFlags run;
  std::vector<std::int64_t> steps = {10, 20, 50};
  Option steps_option;
  std::vector<std::string> eta = {"0"};
  std::vector<std::string> samplers = {"ddim"};
  TauKindFlag tau;
  ClipFlag clip;
  std::int64_t count = 4;
  std::uint64_t seed = 0;
  std::filesystem::path out;
  OverwriteFlag overwrite;
};

/// What is varied: the values of one flag, as they are written.
struct Axis {
  std::string title;  ///< "eta = " before a value; empty where the value speaks for itself
  std::vector<std::string> values;
  std::vector<std::string> labels() const {
    std::vector<std::string> labels;
    for (const std::string& value : values) labels.push_back(title + value);
    return labels;
  }
};

enum AxisIndex { kSampler, kEta, kGuidance, kSteps, kNumAxes };

std::array<Axis, kNumAxes> axes_of(const SweepCommandFlags& flags) {
  std::vector<std::string> steps;
  for (const std::int64_t value : flags.steps) steps.push_back(std::to_string(value));
  std::vector<std::string> guidances;
  for (const double value : flags.run.guidances()) guidances.push_back(fmt::format("{}", value));
  return {Axis{"", flags.samplers}, Axis{"eta = ", flags.eta}, Axis{"guidance = ", guidances},
          Axis{"S = ", steps}};
}

double number(const std::string& text, const char* flag) {
  const std::vector<double> values = parse_numbers(text, flag);
  if (values.size() != 1)
    throw Error(ErrorCode::user, fmt::format("{}: \"{}\" is not one number", flag, text));
  return values.front();
}

/// The samplers, values of eta and so on of one cell of the table.
using Cell = std::array<std::string, kNumAxes>;

SampleOptions options_of_cell(const SweepCommandFlags& flags, const Cell& cell) {
  SampleOptions options{.count = flags.count, .seed = flags.seed};
  options.plan.sampler = *value_named<Sampler>(cell[kSampler]);
  options.plan.steps = std::stoll(cell[kSteps]);
  options.plan.tau = flags.tau.value();
  options.plan.clip = flags.clip.value();
  options.plan.eta = cell[kEta] == kSigmaHat ? Eta(SigmaHat{}) : Eta(number(cell[kEta], "--eta"));
  options.class_choice.guidance = std::stod(cell[kGuidance]);
  return options;
}

/// Rows and columns of the table: the flags of which several values are given.
struct Layout {
  std::size_t rows = kSampler;
  std::size_t columns = kSteps;
};

Layout layout_of(const std::array<Axis, kNumAxes>& axes) {
  std::vector<std::size_t> varied;
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (axes[i].values.size() > 1) varied.push_back(i);
  if (varied.size() > 2)
    throw Error(ErrorCode::user,
                "a table has rows and columns: give several values to at most two of --sampler, "
                "--eta, --guidance and --steps");
  if (varied.size() == 2) return {.rows = varied[0], .columns = varied[1]};
  if (varied.size() == 1 && varied[0] != kSteps) return {.rows = varied[0], .columns = kSteps};
  return {};
}

/// The cells, row by row.
std::vector<Cell> cells_of(const std::array<Axis, kNumAxes>& axes, const Layout& layout) {
  std::vector<Cell> cells;
  for (const std::string& row : axes[layout.rows].values) {
    for (const std::string& column : axes[layout.columns].values) {
      Cell cell;
      for (std::size_t i = 0; i < axes.size(); ++i) cell[i] = axes[i].values.front();
      cell[layout.rows] = row;
      cell[layout.columns] = column;
      cells.push_back(cell);
    }
  }
  return cells;
}

/// "eta = 0.5, S = 20": its row and column.
std::string label_of(const std::array<Axis, kNumAxes>& axes, const Layout& layout,
                     const Cell& cell) {
  return axes[layout.rows].title + cell[layout.rows] + ", " + axes[layout.columns].title +
         cell[layout.columns];
}

struct Drawn {
  Cell cell;
  std::int64_t nfe;
  double seconds;
  double seconds_per_picture;
};

void print_table(const std::vector<Drawn>& all, const std::string& out) {
  print_out("{:<12} {:>9} {:>8} {:>4} {:>5} {:>7} {:>9}\n", "sampler", "eta", "guidance", "S",
            "calls", "seconds", "s/picture");
  for (const Drawn& drawn : all) {
    print_out("{:<12} {:>9} {:>8} {:>4} {:>5} {:>7.2f} {:>9.4f}\n", drawn.cell[kSampler],
              drawn.cell[kEta], drawn.cell[kGuidance], drawn.cell[kSteps], drawn.nfe, drawn.seconds,
              drawn.seconds_per_picture);
  }
  print_out("\n{}\n", out);
}

/// A number, or "sigma-hat".
std::string json_of_eta(const std::string& eta) {
  return eta == kSigmaHat ? Json(eta).text() : Json(number(eta, "--eta")).text();
}

void print_json(const std::vector<Drawn>& all, const SweepCommandFlags& flags) {
  std::string text;
  for (const Drawn& drawn : all) {
    text += (text.empty() ? "" : ",") + JsonObject()
                                            .add("sampler", drawn.cell[kSampler])
                                            .add_text("eta", json_of_eta(drawn.cell[kEta]))
                                            .add("guidance", std::stod(drawn.cell[kGuidance]))
                                            .add("steps", std::stoll(drawn.cell[kSteps]))
                                            .add("nfe", drawn.nfe)
                                            .add("seconds", drawn.seconds)
                                            .text();
  }
  print_out("{}\n", JsonObject()
                        .add("images", flags.count)
                        .add("seed", flags.seed)
                        .add_text("cells", "[" + text + "]")
                        .add("out", flags.out.string())
                        .text());
}

/// Why these values of eta say nothing to one of these samplers.
std::string problem_of_eta(Option eta, const SweepCommandFlags& flags) {
  const auto is_none = [](const std::string& value) {
    return value != kSigmaHat && number(value, "--eta") == 0.0;
  };
  if (std::ranges::all_of(flags.eta, is_none)) return "";
  for (const std::string& sampler : flags.samplers) {
    const std::string problem = why_no_effect("eta", {.sampler = *value_named<Sampler>(sampler)});
    if (!problem.empty()) return fmt::format("{} {}", eta.cause(), problem);
  }
  return "";
}

void run(SweepCommandFlags& flags) {
  const Interrupts interrupts;
  std::array<Axis, kNumAxes> axes = axes_of(flags);
  Layout layout = layout_of(axes);
  std::vector<Cell> cells = cells_of(axes, layout);
  Files(flags.overwrite.value()).writes("--out", flags.out, {".png"}).check();
  for (const Cell& cell : cells) check_for_some_model(options_of_cell(flags, cell).plan);

  const Model described = flags.run.model_without_weights(interrupts.token());
  const PictureShape shape = described.info().shape;
  if (!flags.steps_option.given()) {
    flags.steps = usual_steps(flags.steps, described.info().process.T);
    axes = axes_of(flags);
    layout = layout_of(axes);
    cells = cells_of(axes, layout);
  }
  check_png_shape(shape, fmt::format("--out {}", flags.out.string()), kSampleWritesThem);
  ClassChoice classes = flags.run.class_choice(described);
  for (const Cell& cell : cells) {
    const SampleOptions options = options_of_cell(flags, cell);
    classes.guidance = options.class_choice.guidance;
    flags.run.checked_plan(described, options.plan, classes);
  }
  // Cells of about 300 pixels.
  constexpr std::int64_t kCellSide = 300;
  const std::int64_t columns = std::min<std::int64_t>(flags.count, 4);
  const std::int64_t scale = std::clamp<std::int64_t>(kCellSide / (columns * shape.width), 1, 8);
  // The table has these pictures, and labels.
  check_grid(shape, flags.count * std::ssize(cells),
             {.columns = columns * std::ssize(axes[layout.columns].labels()), .scale = scale});
  const Model model = flags.run.load_model(interrupts.token());

  std::vector<Image> pictures;
  std::vector<Drawn> all;
  for (const Cell& cell : cells) {
    SampleOptions options = options_of_cell(flags, cell);
    options.class_choice.classes = classes.classes;
    options.class_choice.null_class = classes.null_class;
    options.run = flags.run.options(interrupts.token());
    options.run.label = label_of(axes, layout, cell);
    const Samples samples = sample(model, options);
    std::vector<Image> images;
    for (std::int64_t k = 0; k < samples.x_0.count; ++k) images.push_back(to_image(samples.x_0, k));
    pictures.push_back(make_grid(images, {.columns = columns, .scale = scale}));
    all.push_back({.cell = cell,
                   .nfe = samples.nfe,
                   .seconds = samples.seconds,
                   .seconds_per_picture = samples.seconds / static_cast<double>(flags.count)});
  }
  const Image table =
      make_labelled_table(pictures, axes[layout.rows].labels(), axes[layout.columns].labels());
  write_png(
      flags.out, table,
      {.text = {{"ddim", fmt::format("sweep: model {}, seed {}, {} in each cell", model.info().name,
                                     flags.seed, count_of(flags.count, "pictures"))}},
       .overwrite = flags.overwrite.value()});
  if (flags.run.json()) {
    print_json(all, flags);
  } else {
    print_table(all, flags.out.string());
  }
}

}  // namespace

void add_sweep_command(Command root) {
  const Command command = root.add_command(
      "sweep", "Compare numbers of steps, samplers, eta or guidance on the same noise");
  const auto flags = std::make_shared<SweepCommandFlags>();
  flags->steps_option =
      command.add_option("--steps", flags->steps, "Numbers of steps (S), separated by commas")
          .delimiter(',')
          .positive()
          .type_name("LIST")
          .show_default("10,20,50");
  const Option eta =
      command
          .add_option("--eta", flags->eta,
                      "Values of eta, separated by commas; \"sigma-hat\" is DDPM's larger variance")
          .delimiter(',')
          .type_name("LIST")
          .show_default("0");
  std::vector<std::string> samplers = names_of<Sampler>();
  std::erase(samplers, std::string(to_string(Sampler::adaptive)));
  const Option sampler =
      command.add_option("--sampler", flags->samplers, "Samplers, separated by commas")
          .delimiter(',')
          .type_name("LIST")
          .one_of(samplers)
          .show_default("ddim");
  eta.depends_on(sampler, [eta, flags = flags.get()] { return problem_of_eta(eta, *flags); });
  flags->tau.add_to(command);
  flags->clip.add_to(command, "Clamp the predicted x_0 in each step, as in ddim sample");
  command.add_option("--count", flags->count, "Pictures in each cell")
      .within(1, kMostPictures)
      .show_default();
  command.add_option("--seed", flags->seed, "Random seed")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  command.add_option("--out", flags->out, "The labelled table of pictures")
      .required()
      .type_name("NAME.png");
  flags->run.add_to(command, RunFlags::Classes::chosen_with_guidances).required();
  flags->overwrite.add_to(command);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
