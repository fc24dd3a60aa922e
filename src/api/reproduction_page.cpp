#include <ddim/counts.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "api/reproduction.h"
#include "api/reproduction_figures.h"
#include "api/reproduction_findings.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/text.h"
#include "io/png.h"
#include "report/chart.h"
#include "report/page.h"

namespace ddim::reproduction {

using namespace engine;
using report::Curve;
using report::Page;
using report::Table;
using report::TableCell;

namespace {

using Steps = std::vector<std::int64_t>;

constexpr const char* kShrunk = "covariances shrunk";

/// "0.4 s", "12 s", "3 min"
std::string time_of(const ReproducedCell& cell) {
  const double seconds = value_of(cell, "seconds");
  return seconds < 9.95 ? formatted("%.1f s", seconds) : describe_duration(seconds);
}

std::string pictures_of(const ReproducedCell& cell) {
  return count_of(std::llround(value_of(cell, "count")), "pictures");
}

std::vector<std::string> step_labels(const Steps& steps) {
  std::vector<std::string> labels;
  for (const std::int64_t S : steps) labels.push_back(concat("S = ", with_thousands(S)));
  return labels;
}

report::HorizontalAxis steps_axis(const Steps& steps) {
  std::vector<double> ticks(steps.begin(), steps.end());
  const double first = ticks.front(), last = ticks.back();
  return {.title = "steps S",
          .scale = report::Scale::logarithmic,
          .last = last > first ? last : first + 1.0,
          .first = first,
          .ticks = ticks};
}

/// A number of a table, and of how many pictures it is; 0 where there is none.
struct Shown {
  double value = 0.0;
  std::int64_t count = 0;
};

/// Shades the cells of each count by themselves, since figures of few pictures are larger.
void shade(Table& table, const std::vector<Shown>& values) {
  std::vector<TableCell*> cells;
  for (Table::Row& row : table.rows)
    for (TableCell& cell : row.cells) cells.push_back(&cell);
  std::set<std::int64_t> counts;
  for (const Shown& shown : values) counts.insert(shown.count);
  for (const std::int64_t count : counts) {
    std::vector<double> of_count;
    for (const Shown& shown : values) of_count.push_back(shown.count == count ? shown.value : 0.0);
    const std::vector<std::optional<double>> shades = report::shades_of(of_count);
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (shades[i]) cells[i]->shade = shades[i];
  }
}

class Writer {
 public:
  Writer(const PageContext& context, const Cells& cells)
      : context_(context),
        size_(context.options.size),
        cells_(cells),
        page_(concat("DDIM's tables and figures, by ", context.model),
              concat("What \u201cDenoising diffusion implicit models\u201d (arXiv:2010.02502) "
                     "measures, measured on the model ",
                     context.model, " and the data set ", context.data,
                     ", beside the paper\u2019s own numbers.")) {}

  std::string write() {
    findings();
    figure_1();
    table_1();
    figure_3();
    figure_4();
    table_2();
    figure_5();
    figure_6();
    figure_11();
    table_3();
    recipes();
    return page_.html();
  }

 private:
  std::optional<ReproducedCell> drawn(const Noise& noise, std::int64_t S, TauKind tau) const {
    return cells_.find(drawn_cell(noise, S, tau));
  }
  TauKind tau() const { return context_.options.tau; }
  std::string distance_name() const { return concat("Frechet distance by ", context_.extractor); }

  void picture(const std::string& name, const std::string& alt) {
    if (!cells_.find(name)) return missing();
    show(picture_of(name), alt);
  }
  Image picture_of(const std::string& name) const {
    try {
      return io::read_png(cells_.picture(name)).image;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::corrupt) throw;
      fail(ErrorCode::corrupt, error.what(), "; remove the file, and it is drawn again");
    }
  }
  void show(const Image& image, const std::string& alt) {
    page_.picture(io::encode_png(image), alt);
  }
  void missing() { page_.note("Not finished yet."); }

  // ---- what was found ----

  void findings() {
    Table table{.caption = "What the paper claims, and what was found here",
                .corner = "claim",
                .columns = {"here", "figures"}};
    for (const Finding& finding : findings_of(size_, tau(), cells_)) {
      Table::Row row{.label = finding.claim};
      row.cells.push_back({.lines = {finding.verdict}});
      row.cells.push_back({.lines = {finding.found.empty() ? "-" : finding.found}});
      std::vector<std::string>& lines = row.cells.back().lines;
      lines.insert(lines.end(), finding.differences.begin(), finding.differences.end());
      table.rows.push_back(row);
    }
    page_.table(table);
    page_.note(
        concat("A claim about two figures holds, or does not, where one is better outside both 95 "
               "% intervals; else it is open. One about several holds where it does of each and "
               "the next, and does not where it does not of some. Table 2 has the same pictures "
               "for every S: where its cells have the errors of each picture, the mean "
               "differences and their intervals decide. "
               "Distances here are by the network ",
               context_.extractor,
               context_.extractor == "inception"
                   ? ""
                   : "; they have a scale of their own and are not the FID that the paper prints",
               ". Compare patterns, not numbers."));
  }

  // ---- its tables and figures, in the order of the paper ----

  void figure_1() {
    page_.heading("Figure 1: on the way from noise");
    page_.paragraph(concat("The states x_t and what the network makes of each of them, in ",
                           size_.figure_steps, " steps of eta 0."));
    picture(kFilmCell, "rows of pictures that turn from noise into pictures");
  }

  TableCell measure_cell(const std::optional<ReproducedCell>& cell, const std::string& measure,
                         std::vector<Shown>& values) const {
    if (!cell || !cell->values.contains(measure)) {
      values.emplace_back();
      return {};
    }
    values.push_back({value_of(*cell, measure), std::llround(value_of(*cell, "count"))});
    TableCell shown{
        .lines = {with_interval(figure_of(*cell, measure)), pictures_of(*cell), time_of(*cell)}};
    if (measure == kFrechet && cell->values.contains("shrunk")) shown.lines.push_back(kShrunk);
    return shown;
  }

  Table measured(const std::string& measure, const std::string& caption, const Steps& steps,
                 const std::vector<const Noise*>& noises, TauKind of_tau) const {
    Table table{.caption = caption, .corner = "", .columns = step_labels(steps)};
    std::vector<Shown> values;
    for (const Noise* noise : noises) {
      Table::Row row{.label = noise->name};
      for (const std::int64_t S : steps)
        row.cells.push_back(measure_cell(drawn(*noise, S, of_tau), measure, values));
      table.rows.push_back(row);
    }
    shade(table, values);
    return table;
  }

  template <class Number>
  static Table printed(const std::string& caption, const Steps& steps,
                       const std::vector<const Noise*>& noises, const Number& number) {
    Table table{.caption = caption, .corner = "", .columns = step_labels(steps)};
    std::vector<Shown> values;
    for (const Noise* noise : noises) {
      Table::Row row{.label = noise->name};
      for (const std::int64_t S : steps) {
        const std::optional<double> fid = number(*noise, S);
        values.push_back({fid.value_or(0.0), fid ? 1 : 0});
        row.cells.push_back(fid ? TableCell{.lines = {formatted("%.2f", *fid)}} : TableCell{});
      }
      table.rows.push_back(row);
    }
    shade(table, values);
    return table;
  }

  static std::vector<const Noise*> every_noise() {
    std::vector<const Noise*> noises;
    for (const Noise& noise : all_noises()) noises.push_back(&noise);
    return noises;
  }

  void table_1() {
    page_.heading("Table 1: quality against steps and eta");
    page_.paragraph(concat(
        "Each cell draws as many pictures as it says from the same noise, with ", to_string(tau()),
        " tau, and compares them with the ", context_.reference, " of ", context_.data,
        ": the value, its 95 % interval, the count, and the time that the cell took. Lower is "
        "better. sigma-hat clips the predicted x_0, as the paper's code does."));
    std::vector<Table> tables{
        measured(kFrechet, distance_name(), size_.steps, every_noise(), tau())};
    const auto add_paper = [&](const char* set) {
      const auto steps = steps_of_paper();
      tables.push_back(printed(
          concat("The paper: FID of ", set, ", 50,000 pictures"), {steps.begin(), steps.end()},
          every_noise(),
          [&](const Noise& noise, std::int64_t S) { return paper_table_1(tau(), noise, S); }));
    };
    if (tau() == TauKind::quadratic) add_paper("CIFAR-10");
    if (tau() == TauKind::linear) add_paper("CelebA");
    page_.tables(tables);
    std::set<std::int64_t> counts;
    for (const std::int64_t S : size_.steps) counts.insert(count_of_cell(size_, S));
    page_.note(concat(
        "The Frechet distance of few pictures is too large: compare cells of one count only",
        counts.size() > 1 ? " (those of more than 100 steps have fewer)" : "",
        ". The kernel distance (KID) below has no such bias. In both, darker is worse, among "
        "cells of one count",
        shrinks() ? "; \u201ccovariances shrunk\u201d: there are fewer pictures than features, "
                    "and such figures can be compared with each other only"
                  : "",
        "."));
    page_.table(measured("kernel_distance", concat("Kernel distance by ", context_.extractor),
                         size_.steps, every_noise(), tau()));
    chart("Frechet distance", kFrechet);
  }

  bool shrinks() const {
    for (const std::int64_t S : size_.steps)
      for (const Noise& noise : all_noises())
        if (const auto cell = drawn(noise, S, tau()); cell && cell->values.contains("shrunk"))
          return true;
    return false;
  }

  /// A curve ends where the count changes, and another one begins.
  void chart(const std::string& title, const std::string& measure) {
    report::Panel panel{.title = title, .scale = report::Scale::logarithmic, .height = 300.0};
    for (const Noise& noise : all_noises()) {
      Curve curve{.label = noise.name, .colour = noise.colour};
      double count = 0.0;
      for (const std::int64_t S : size_.steps) {
        const auto cell = drawn(noise, S, tau());
        if (!cell || !(value_of(*cell, measure) > 0.0)) continue;
        if (!curve.points.empty() && value_of(*cell, "count") != count) {
          panel.curves.push_back(curve);
          curve = {.label = "", .colour = noise.colour};
        }
        count = value_of(*cell, "count");
        curve.points.push_back({static_cast<double>(S), value_of(*cell, measure),
                                value_of(*cell, measure + "_half_width_95")});
      }
      panel.curves.push_back(curve);
    }
    std::ranges::reverse(panel.curves);  // so that the legend begins with the first
    draw(panel, size_.steps);
  }

  void draw(const report::Panel& panel, const Steps& steps) {
    const bool is_empty =
        std::ranges::all_of(panel.curves, [](const Curve& curve) { return curve.points.empty(); });
    if (steps.size() > 1 && !is_empty)
      page_.chart(report::to_svg({.heading = "", .x = steps_axis(steps), .panels = {panel}}));
  }

  void figure_3() {
    page_.heading("Figure 3: pictures in few and many steps");
    page_.paragraph("The first pictures of each cell of table 1, from the same noise.");
    std::vector<Image> images;
    std::vector<std::string> rows;
    for (const Noise& noise : all_noises()) {
      rows.push_back(noise.name);
      for (const std::int64_t S : size_.steps) {
        if (!drawn(noise, S, tau())) return missing();
        images.push_back(picture_of(drawn_cell(noise, S, tau())));
      }
    }
    show(make_labelled_table(images, rows, step_labels(size_.steps)),
         "pictures for each eta and number of steps");
  }

  /// Of the cells of figure 4.
  std::string devices() const {
    std::set<std::string> found;
    for (const std::int64_t S : size_.steps)
      if (const auto cell = drawn(no_noise(), S, tau()); cell && cell->recipe.contains("device"))
        found.insert(cell->recipe.at("device"));
    return found.empty() ? "not finished" : join(found, "; ");
  }

  void figure_4() {
    page_.heading("Figure 4: time against steps");
    page_.paragraph(
        concat("Hours for 50,000 pictures of eta 0, as the cells of table 1 took them (", devices(),
               "). The paper's figure is a chart of the same form for "
               "one graphics card, whose values it does not print."));
    Table table{.caption = "", .corner = "", .columns = step_labels(size_.steps)};
    table.rows = {{.label = "seconds a picture"}, {.label = "hours for 50,000"}};
    report::Panel panel{.title = "hours for 50,000 pictures",
                        .scale = report::Scale::logarithmic,
                        .height = 220.0,
                        .curves = {{.label = "", .colour = no_noise().colour}}};
    for (const std::int64_t S : size_.steps) {
      const auto cell = drawn(no_noise(), S, tau());
      const double seconds = cell ? value_of(*cell, "seconds_per_picture") : std::nan("");
      if (!std::isfinite(seconds)) {
        for (Table::Row& row : table.rows) row.cells.emplace_back();
        continue;
      }
      const double hours = seconds * 50'000.0 / 3600.0;
      table.rows[0].cells.push_back({.lines = {formatted("%.3g", seconds)}});
      table.rows[1].cells.push_back({.lines = {formatted("%.3g", hours)}});
      panel.curves[0].points.push_back({static_cast<double>(S), hours});
    }
    page_.table(table);
    draw(panel, size_.steps);
  }

  /// Of table 2: "Test pictures, evenly spaced,"
  std::string which_pictures() const {
    for (const std::int64_t S : size_.reconstruct_steps) {
      const auto cell = cells_.find(reconstructed_cell(S));
      if (!cell || !cell->recipe.contains("pictures")) continue;
      std::string text = cell->recipe.at("pictures") + ",";
      text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
      return text;
    }
    return "Pictures";
  }

  void table_2() {
    page_.heading("Table 2: encoding and decoding");
    const bool has_paper = std::ranges::any_of(size_.reconstruct_steps, [&](std::int64_t S) {
      const auto cell = cells_.find(reconstructed_cell(S));
      return cell && cell->values.contains("paper");
    });
    page_.paragraph(
        concat(which_pictures(),
               " encoded and decoded with S steps each: the mean squared error per "
               "element, with black 0 and white 1.",
               has_paper ? " The paper's numbers are for CIFAR-10's test pictures." : "",
               context_.options.class_choice.guidance == 1.0
                   ? ""
                   : " There is no guidance here, whatever the other parts have."));
    Table table{.caption = "", .corner = "", .columns = step_labels(size_.reconstruct_steps)};
    table.rows = {{.label = context_.model}, {.label = "the paper"}};
    report::Panel panel{
        .title = "mean squared error",
        .scale = report::Scale::logarithmic,
        .height = 240.0,
        .curves = {{.label = "the paper", .colour = "#888", .stroke = report::Stroke::dashed},
                   {.label = context_.model, .colour = no_noise().colour}}};
    std::vector<Image> rows;
    std::vector<std::string> labels;
    for (const std::int64_t S : size_.reconstruct_steps) {
      const auto cell = cells_.find(reconstructed_cell(S));
      if (!cell) {
        for (Table::Row& row : table.rows) row.cells.emplace_back();
        continue;
      }
      const Figure error = figure_of(*cell, kSquaredError);
      const double paper = value_of(*cell, "paper");
      const auto x = static_cast<double>(S);
      table.rows[0].cells.push_back(
          {.lines = {with_interval(error), pictures_of(*cell), time_of(*cell)}});
      table.rows[1].cells.push_back(
          std::isfinite(paper) ? TableCell{.lines = {formatted("%g", paper)}} : TableCell{});
      if (error.value > 0.0)
        panel.curves[1].points.push_back(
            {x, error.value, std::isnan(error.half_width) ? 0.0 : error.half_width});
      if (std::isfinite(paper)) panel.curves[0].points.push_back({x, paper});
      const Image both = picture_of(cell->name);
      if (rows.empty()) {
        rows.push_back(half_of(both, 0));
        labels.emplace_back("pictures");
      }
      rows.push_back(half_of(both, 1));
      labels.push_back(concat("S = ", S));
    }
    if (!has_paper) table.rows.pop_back();
    page_.table(table);
    draw(panel, size_.reconstruct_steps);
    if (!rows.empty())
      show(make_labelled_table(rows, labels, {""}), "pictures and what came back of them");
  }

  /// The upper or the lower half.
  static Image half_of(const Image& image, std::int64_t which) {
    Image half{.width = image.width, .height = image.height / 2, .channels = image.channels};
    const auto size = static_cast<std::ptrdiff_t>(half.num_samples());
    const auto begin = image.pixels.begin() + which * (std::ssize(image.pixels) - size);
    half.pixels.assign(begin, begin + size);
    return half;
  }

  void figure_5() {
    page_.heading("Figures 5 and 9: the same noise in other numbers of steps");
    page_.paragraph(
        "Each column begins with the same noise, with eta 0: what a picture shows is "
        "decided by the noise, not by the number of steps.");
    picture(kConsistencyCell, "rows of the same pictures drawn in more and more steps");
    const auto cell = cells_.find(kConsistencyCell);
    if (!cell) return;
    const Steps& all = size_.consistency_steps;
    const Steps steps(all.begin(), all.end() - 1);
    Table table{.caption = concat("Distance from the pictures of ", all.back(),
                                  " steps (root mean squared, white 1)"),
                .corner = "",
                .columns = step_labels(steps)};
    table.rows = {{.label = context_.model}};
    for (const std::int64_t S : steps) {
      const std::string key = concat("distance_", S);
      table.rows[0].cells.push_back(
          {.lines = {with_interval(figure_of(*cell, key)), pictures_of(*cell)}});
    }
    page_.table(table);
  }

  void figure_6() {
    page_.heading("Figure 6: between two pictures");
    page_.paragraph(
        concat("The noise of the first and of the last picture of each row, and "
               "spherical interpolation between them, drawn in ",
               size_.figure_steps, " steps."));
    picture(kLinesCell, "rows of pictures that change into others");
  }

  void figure_11() {
    page_.heading("Figures 11 to 13: between four pictures");
    page_.paragraph("The corners are four pictures; rows and columns interpolate between them.");
    picture(kSquareCell, "a square of pictures that change into each other");
  }

  void table_3() {
    const Steps steps = steps_of_table_3(size_);
    if (steps.empty()) return;
    page_.heading("Table 3: DDIM and DDPM with linear tau");
    page_.paragraph("The form of the paper's table 3, which is about pictures of 256x256.");
    const std::vector<const Noise*> noises{&no_noise(), &ddpm_noise()};
    std::vector<Table> tables{measured(kFrechet, distance_name(), steps, noises, TauKind::linear)};
    for (const char* set : {"Bedroom", "Church"})
      tables.push_back(printed(
          concat("The paper: FID of LSUN ", set), {10, 20, 50, 100}, noises,
          [&](const Noise& noise, std::int64_t S) { return paper_table_3(set, noise, S); }));
    page_.tables(tables);
  }

  void recipes() {
    page_.heading("Recipes");
    page_.paragraph(
        "What each part was made by. `ddim sample` takes these options under the names "
        "of its flags; `ddim evaluate` compares the pictures with the data set.");
    page_.details("all parts", std::vector<std::string>{concat("model: ", context_.model),
                                                        concat("model_hash: ", context_.model_hash),
                                                        concat("data: ", context_.data),
                                                        concat("extractor: ", context_.extractor),
                                                        concat("seed: ", context_.options.seed)});
    const std::set<std::string> common{"model", "model_hash", "data", "seed"};
    for (const std::string& name : names()) {
      const auto cell = cells_.find(name);
      if (!cell) continue;
      std::vector<std::string> lines;
      for (const auto& [key, value] : cell->recipe)
        if (!common.contains(key)) lines.push_back(concat(key, ": ", value));
      for (const auto& [key, value] : cell->values)
        lines.push_back(concat(key, " = ", report::short_number(value)));
      page_.details(name, lines);
    }
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names{kFilmCell, kConsistencyCell, kLinesCell, kSquareCell};
    for (const std::int64_t S : size_.reconstruct_steps) names.push_back(reconstructed_cell(S));
    for (const std::int64_t S : size_.steps)
      for (const Noise& noise : all_noises()) names.push_back(drawn_cell(noise, S, tau()));
    if (tau() != TauKind::linear)
      for (const std::int64_t S : steps_of_table_3(size_))
        for (const Noise* noise : {&no_noise(), &ddpm_noise()})
          names.push_back(drawn_cell(*noise, S, TauKind::linear));
    return names;
  }

  const PageContext& context_;
  const ReproduceSize& size_;
  const Cells& cells_;
  Page page_;
};

}  // namespace

std::string page_of(const PageContext& context, const Cells& cells) {
  return Writer(context, cells).write();
}

}  // namespace ddim::reproduction
