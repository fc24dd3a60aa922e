#include <ddim/consistency.h>
#include <fmt/core.h>

#include <memory>

#include "clip_flag.h"
#include "commands.h"
#include "interrupts.h"
#include "json_object.h"
#include "png_output.h"
#include "run_flags.h"
#include "tau_flags.h"

namespace ddim::cli {
namespace {

struct Flags {
  RunFlags run;
  ConsistencyOptions options;
  TauKindFlag tau;
  ClipFlag clip;
  OverwriteFlag overwrite;
  std::filesystem::path out;
};

/// A row for each number of steps.
void write_grid(const Flags& flags, const ConsistencyOptions& options,
                const std::vector<ConsistencyAt>& rows) {
  std::vector<Image> images;
  std::string steps;
  for (const ConsistencyAt& row : rows) {
    for (std::int64_t k = 0; k < row.x_0.count; ++k) images.push_back(to_image(row.x_0, k));
    steps += (steps.empty() ? "" : ",") + std::to_string(row.steps);
  }
  write_png(flags.out, make_grid(images, {.columns = options.count}),
            {.text = {{"ddim", "consistency: seed " + std::to_string(options.seed) + ", rows of " +
                                   steps + " steps"}},
             .overwrite = flags.overwrite.value()});
}

void print_table(const std::vector<ConsistencyAt>& rows) {
  fmt::print(
      "Distance to the {}-step pictures from the same noise: root mean squared error per element,\n"
      "black 0 and white 1, mean of {} pictures with its 95 % interval\n\n{:>6}  {:>8}\n",
      rows.back().steps, rows.back().x_0.count, "S", "distance");
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    fmt::print("{:>6}  {:>8.4f}  +- {:.4f}\n", rows[i].steps, rows[i].distance,
               rows[i].half_width_95);
  }
}

void print_json(const std::vector<ConsistencyAt>& rows, const std::string& out) {
  std::string text;
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    text += (i == 0 ? "" : ",") + JsonObject()
                                      .add("steps", rows[i].steps)
                                      .add("distance", rows[i].distance)
                                      .add("half_width_95", rows[i].half_width_95)
                                      .text();
  }
  fmt::print("{}\n", JsonObject()
                         .add("images", rows.back().x_0.count)
                         .add("reference_steps", rows.back().steps)
                         .add_text("distances", "[" + text + "]")
                         .add("out", out)
                         .text());
}

void run(const Flags& flags) {
  const Interrupts interrupts;
  check_png_output(flags.out, flags.overwrite.value());
  ConsistencyOptions options = flags.options;
  options.tau = flags.tau.value();
  options.clip = flags.clip.value();
  options.class_choice = flags.run.class_choice();
  options.batch = flags.run.batch();
  options.threads = flags.run.threads();
  options.show_progress = flags.run.show_progress();
  options.stop = interrupts.token();
  const std::vector<ConsistencyAt> rows =
      consistency(flags.run.load_model(interrupts.token()), options);
  write_grid(flags, options, rows);
  if (flags.run.json()) {
    print_json(rows, flags.out.string());
  } else {
    print_table(rows);
  }
}

}  // namespace

void add_consistency_command(Command root) {
  const Command command = root.add_command(
      "consistency", "Draw the same noise with many numbers of steps (the paper's figure 5)");
  command.fallthrough();
  const auto flags = std::make_shared<Flags>();
  ConsistencyOptions& options = flags->options;
  command.add_option("--steps", options.steps, "Numbers of steps, each 1 to T; a row for each")
      .delimiter(',')
      .show_default("10,20,50,100,200,500")
      .type_name("LIST");
  command
      .add_option("--reference", options.reference_steps,
                  "Steps of the last row, which the others are compared with")
      .show_default();
  command.add_option("--out", flags->out, "PNG file of all rows").required().type_name("NAME.png");
  command.add_option("--count", options.count, "Pictures in a row").show_default();
  command.add_option("--seed", options.seed, "Picture k is a function of the seed and k")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  flags->tau.add_to(command);
  flags->clip.add_to(command, "Clamp the predicted x_0 in each step, as in ddim sample");
  flags->run.add_to(command);
  flags->overwrite.add_to(command);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
