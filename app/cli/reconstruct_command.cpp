#include <ddim/interpolate.h>
#include <ddim/reconstruct.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "commands.h"
#include "encode_flags.h"
#include "interrupts.h"
#include "json_object.h"
#include "picture_flags.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"
#include "tau_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct ReconstructCommandFlags {
  RunFlags run;
  PictureFlags pictures;
  std::vector<std::int64_t> steps = ReconstructOptions{}.steps;
  Option steps_option;
  TauKindFlag tau;
  EncodeFlags encode;
  ClipFlag clip;
  OverwriteFlag overwrite;
  PictureOutput out;
};

/// A bar for each row, on a logarithmic scale of eight characters per decade.
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
  print_out(
      "Reconstruction error of {} {}:\n"
      "mean squared error per element, black 0 and white 1\n\n"
      "{:>6} {:>8} {:>7} {:>8} {:>6}  log scale: 8 # for ten times\n",
      num_pictures, num_pictures == 1 ? "picture" : "pictures", "S", "error", "paper*", "largest",
      "calls");
  for (const ReconstructedAt& row : table) {
    print_out("{:>6} {:>8.3g} {:>7} {:>8.3g} {:>6.0f}  {}\n", row.steps, row.mean_squared_error,
              row.paper ? fmt::format("{:g}", *row.paper) : "", row.largest_error, row.nfe,
              bar(row.mean_squared_error, smallest));
  }
  print_out(
      "\nAre the codes Gaussian? The last row shows what to expect\nof pure noise.\n\n"
      "{:>6}  {:>8}  {:>8}  {:>8}  {:>11}\n",
      "S", "mean", "variance", "kurtosis", "correlation");
  for (const ReconstructedAt& row : table) {
    print_out("{:>6}  {:>8.4f}  {:>8.4f}  {:>8}  {:>11}\n", row.steps, row.codes.mean.value,
              row.codes.variance.value, number_or_dash("{:.4f}", row.codes.kurtosis.value),
              number_or_dash("{:.4f}", row.codes.correlation.value));
  }
  const CodeStatistics& codes = table.front().codes;
  print_out("{:>6}  {:>8}  {:>8}  {:>8}  {:>11}\n", "noise",
            fmt::format("+-{:.4f}", codes.mean.standard_error),
            fmt::format("1+-{:.4f}", codes.variance.standard_error),
            fmt::format("3+-{:.4f}", codes.kurtosis.standard_error),
            number_or_dash("+-{:.4f}", codes.correlation.standard_error));
  print_out("\n* table 2 of arXiv:2010.02502, for CIFAR-10\n");
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
  print_out("{}\n",
            JsonObject().add("images", num_pictures).add_text("table", "[" + rows + "]").text());
}

/// A row of originals, then a row for each S.
GridOptions grid_of(const ReconstructCommandFlags& flags, const FloatImages& pictures) {
  std::vector<std::string> labels = {pictures.count == 1 ? "picture" : "pictures"};
  for (const std::int64_t steps : flags.steps) labels.push_back(fmt::format("S = {}", steps));
  GridOptions grid =
      flags.out.grid(pictures.count * std::ssize(labels), pictures.shape, pictures.count);
  grid.row_labels = labels;
  return grid;
}

void write_rows(const ReconstructCommandFlags& flags, const FloatImages& pictures,
                const std::vector<ReconstructedAt>& table) {
  FloatImages rows = pictures;
  std::string steps;
  for (const ReconstructedAt& row : table) {
    rows = join(rows, row.x_0);
    steps += (steps.empty() ? "" : ",") + std::to_string(row.steps);
  }
  flags.out.write(
      rows, grid_of(flags, pictures),
      {{"ddim", "reconstruct: pictures, then encoded and decoded in " + steps + " steps"}},
      flags.overwrite.value());
}

void run(ReconstructCommandFlags& flags) {
  const Interrupts interrupts;
  Files files(flags.overwrite.value());
  flags.out.add_to(files);
  flags.pictures.add_to(files);
  files.check();
  flags.pictures.check();
  ReconstructOptions options{.encode = flags.encode.options(), .clip = flags.clip.value()};
  if (flags.tau.given()) options.encode.plan.tau = flags.tau.value();
  const Model described = flags.run.model_without_weights(interrupts.token());
  if (!flags.steps_option.given())
    flags.steps = usual_steps(flags.steps, described.info().process.T);
  options.steps = flags.steps;
  options.encode.class_choice = flags.run.class_choice(described);
  options.encode.run = flags.run.options(interrupts.token());
  for (const std::int64_t steps : options.steps) {
    EncodeOptions encode = options.encode;
    encode.plan.steps = steps;
    check_encode(described, encode);
    flags.run.checked_plan(described, encode.plan, encode.class_choice);
  }
  if (flags.out.given()) flags.out.check(described.info().shape);
  const FloatImages pictures = flags.pictures.load(described);
  if (flags.out.given())
    flags.out.check(pictures.shape, pictures.count * (std::ssize(flags.steps) + 1),
                    grid_of(flags, pictures));
  const Model model = flags.run.load_model(interrupts.token());
  if (options.clip.bound != Clip::Bound::none) warn_of_clipping();
  const std::vector<ReconstructedAt> table = reconstruct(model, pictures, options);
  double residual = 0.0;
  for (const ReconstructedAt& row : table) residual = std::max(residual, row.residual);
  warn_of_residual(residual, options.encode.plan.tau);
  if (flags.out.given()) write_rows(flags, pictures, table);
  if (flags.run.json()) {
    print_json(table, pictures.count);
  } else {
    print_table(table, pictures.count);
  }
  flags.pictures.print_skipped();
}

}  // namespace

void add_reconstruct_command(Command root) {
  const Command command = root.add_command(
      "reconstruct", "Measure the error of encoding and decoding pictures (the paper's table 2)");
  const auto flags = std::make_shared<ReconstructCommandFlags>();
  flags->pictures.add_to(command);
  flags->steps_option =
      command
          .add_option("--steps", flags->steps,
                      "Numbers of steps, for both encoding and decoding, each 1 to T")
          .delimiter(',')
          .positive()
          .show_default("10,20,50,100,200,500,1000")
          .type_name("LIST");
  flags->tau.add_to(command);
  flags->encode.add_to(command);
  flags->clip.add_to(command,
                     "Clamp the predicted x_0 in each step of decoding, as in ddim sample; the "
                     "clamped part cannot be recovered from the code");
  const Option out =
      flags->out.add_to(command, "the pictures, then one row of reconstructions per S");
  command.find_option("--scale")->needs(out);
  flags->run.add_to(command).required();
  flags->overwrite.add_to(command).needs(out);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
