#include <ddim/encode.h>
#include <ddim/pictures.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "clip_flag.h"
#include "commands.h"
#include "dequantise_flag.h"
#include "interrupts.h"
#include "json_object.h"
#include "picture_flags.h"
#include "png_output.h"
#include "residual_warning.h"
#include "run_flags.h"
#include "tau_flags.h"

namespace ddim::cli {
namespace {

struct Flags {
  RunFlags run;
  PictureFlags pictures;
  ReconstructOptions options;
  TauKindFlag tau;
  DequantiseFlag dequantise;
  ClipFlag clip;
  OverwriteFlag overwrite;
  std::filesystem::path out;
  bool exact = false;
};

/// A bar for each row, on a logarithmic scale of eight steps a decade.
std::string bar(double error, double smallest) {
  constexpr double kPerDecade = 8.0;
  if (!(error > 0.0)) return "";
  return std::string(static_cast<std::size_t>(1.0 + kPerDecade * std::log10(error / smallest)),
                     '#');
}

void print_table(const std::vector<ReconstructedAt>& table, std::int64_t num_pictures) {
  double smallest = INFINITY;
  for (const ReconstructedAt& row : table)
    if (row.mean_squared_error > 0.0) smallest = std::min(smallest, row.mean_squared_error);
  fmt::print(
      "Reconstruction error of {} {}: mean squared error per element, black 0 and white 1\n\n"
      "{:>6}  {:>9}  {:>9}  {:>9}  {:>6}  log scale, 8 # a decade\n",
      num_pictures, num_pictures == 1 ? "picture" : "pictures", "S", "error", "paper*", "largest",
      "calls");
  for (const ReconstructedAt& row : table) {
    fmt::print("{:>6}  {:>9.3g}  {:>9}  {:>9.3g}  {:>6.0f}  {}\n", row.steps,
               row.mean_squared_error, row.paper ? fmt::format("{:g}", *row.paper) : "",
               row.largest_error, row.nfe, bar(row.mean_squared_error, smallest));
  }
  fmt::print(
      "\nAre the codes Gaussian? What noise of the same size shows is in the last row.\n\n"
      "{:>6}  {:>8}  {:>8}  {:>8}  {:>11}\n",
      "S", "mean", "variance", "kurtosis", "correlation");
  for (const ReconstructedAt& row : table) {
    fmt::print("{:>6}  {:>8.4f}  {:>8.4f}  {:>8.4f}  {:>11.4f}\n", row.steps, row.codes.mean.value,
               row.codes.variance.value, row.codes.kurtosis.value, row.codes.correlation.value);
  }
  const CodeStatistics& codes = table.front().codes;
  fmt::print("{:>6}  {:>8}  {:>8}  {:>8}  {:>11}\n", "noise",
             fmt::format("+-{:.4f}", codes.mean.standard_error),
             fmt::format("1+-{:.4f}", codes.variance.standard_error),
             fmt::format("3+-{:.4f}", codes.kurtosis.standard_error),
             fmt::format("+-{:.4f}", codes.correlation.standard_error));
  fmt::print("\n* table 2 of arXiv:2010.02502, CIFAR-10's test set and network\n");
}

void print_json(const std::vector<ReconstructedAt>& table, std::int64_t num_pictures) {
  std::string rows;
  for (const ReconstructedAt& row : table) {
    JsonObject object;
    object.add("steps", row.steps)
        .add("mean_squared_error", row.mean_squared_error)
        .add("largest_error", row.largest_error)
        .add("nfe", row.nfe)
        .add("residual", row.residual)
        .add("seconds", row.seconds)
        .add("mean", row.codes.mean.value)
        .add("variance", row.codes.variance.value)
        .add("kurtosis", row.codes.kurtosis.value)
        .add("correlation", row.codes.correlation.value);
    if (row.paper) object.add("paper", *row.paper);
    rows += (rows.empty() ? "" : ",") + object.text();
  }
  fmt::print("{}\n",
             JsonObject().add("images", num_pictures).add_text("table", "[" + rows + "]").text());
}

/// A row of originals, then a row for each S.
void write_grid(const Flags& flags, const FloatImages& pictures,
                const std::vector<ReconstructedAt>& table) {
  std::vector<Image> images;
  const auto add_row = [&](const FloatImages& row) {
    for (std::int64_t k = 0; k < row.count; ++k) images.push_back(to_image(row, k));
  };
  add_row(pictures);
  std::string steps;
  for (const ReconstructedAt& row : table) {
    add_row(row.x_0);
    steps += (steps.empty() ? "" : ",") + std::to_string(row.steps);
  }
  write_png(
      flags.out, make_grid(images, {.columns = pictures.count}),
      {.text = {{"ddim", "reconstruct: pictures, then encoded and decoded in " + steps + " steps"}},
       .overwrite = flags.overwrite.value()});
}

void run(const Flags& flags) {
  const Interrupts interrupts;
  if (!flags.out.empty()) check_png_output(flags.out, flags.overwrite.value());
  const Model model = flags.run.load_model(interrupts.token());
  const FloatImages pictures = flags.pictures.load(model);
  ReconstructOptions options = flags.options;
  options.method = flags.exact ? EncodeMethod::exact : EncodeMethod::euler;
  options.tau = flags.exact && !flags.tau.given() ? TauKind::quadratic : flags.tau.value();
  options.dequantise = flags.dequantise.value();
  options.clip = flags.clip.value();
  options.class_choice = flags.run.class_choice();
  options.batch = flags.run.batch();
  options.threads = flags.run.threads();
  options.show_progress = flags.run.show_progress();
  options.stop = interrupts.token();
  if (options.clip != Clip::none) warn_of_clipping();
  const std::vector<ReconstructedAt> table = reconstruct(model, pictures, options);
  double residual = 0.0;
  for (const ReconstructedAt& row : table) residual = std::max(residual, row.residual);
  warn_of_residual(residual);
  if (!flags.out.empty()) write_grid(flags, pictures, table);
  if (flags.run.json()) {
    print_json(table, pictures.count);
  } else {
    print_table(table, pictures.count);
  }
}

}  // namespace

void add_reconstruct_command(Command root) {
  const Command command = root.add_command(
      "reconstruct", "Measure what pictures lose by encoding and decoding (the paper's table 2)");
  command.fallthrough();
  const auto flags = std::make_shared<Flags>();
  flags->pictures.add_to(command);
  command.add_option("--steps", flags->options.steps, "Steps of both ways, each 1 to T")
      .delimiter(',')
      .show_default("10,20,50,100,200,500,1000")
      .type_name("LIST");
  flags->tau.add_to(command);
  command.add_flag("--exact", flags->exact,
                   "Undo the decoder's steps one by one, some ten network calls each; --tau is "
                   "quadratic then unless given");
  flags->dequantise.add_to(command);
  flags->clip.add_to(command,
                     "Clamp the predicted x_0 in each step of decoding, as in ddim sample; what it "
                     "clamps is lost to the code");
  command
      .add_option("--out", flags->out,
                  "Also write a PNG: the pictures in a row, below them what came back for each S")
      .type_name("NAME.png");
  flags->run.add_to(command);
  flags->overwrite.add_to(command);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
