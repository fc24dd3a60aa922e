#include <ddim/counts.h>
#include <ddim/error.h>
#include <ddim/reproduce.h>
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "choice_flag.h"
#include "commands.h"
#include "data_flags.h"
#include "extractor_flag.h"
#include "interrupts.h"
#include "json_object.h"
#include "outputs.h"
#include "plan_flags.h"
#include "rank_flags.h"
#include "run_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct ReproduceCommandFlags {
  RunFlags run;
  DataFlags data;
  Option data_option;
  std::filesystem::path out;
  ExtractorFlag extractor;
  bool quick = false;
  bool full = false;
  std::int64_t count = 0;
  Option count_option;
  std::vector<std::int64_t> steps;
  ChoiceFlag<TauKind> tau{TauKind::quadratic};
  std::uint64_t seed = 0;
  RankFlags ranks;
  bool join = false;
};

/// For a model of T steps.
ReproduceSize size_of(const ReproduceCommandFlags& flags, std::int64_t T) {
  ReproduceSize size = flags.quick ? quick_size() : flags.full ? full_size() : ReproduceSize{};
  if (!flags.steps.empty()) {
    size.steps = size.reconstruct_steps = size.consistency_steps = flags.steps;
    for (std::vector<std::int64_t>* steps :
         {&size.steps, &size.reconstruct_steps, &size.consistency_steps}) {
      std::ranges::sort(*steps);
      steps->erase(std::ranges::unique(*steps).begin(), steps->end());
    }
    size.figure_steps = std::min(size.figure_steps, size.steps.back());
  } else {
    for (std::vector<std::int64_t>* steps :
         {&size.steps, &size.reconstruct_steps, &size.consistency_steps})
      *steps = usual_steps(*steps, T);
    size.figure_steps = std::min(size.figure_steps, T);
  }
  if (flags.count_option.given()) {
    size.count = flags.count;
    size.count_of_long = std::min(size.count_of_long, flags.count);
    size.num_reconstructed = std::min(size.num_reconstructed, flags.count);
  }
  return size;
}

/// "about 12 min", "less than a minute"
std::string about(double seconds) {
  if (seconds < 60.0) return "less than a minute";
  const double minutes = seconds / 60.0;
  if (minutes < 90.0) return fmt::format("about {:.0f} min", minutes);
  if (minutes < 48.0 * 60.0) return fmt::format("about {:.0f} h", minutes / 60.0);
  return fmt::format("about {:.0f} days", minutes / 1440.0);
}

void tell(const ReproduceCost& cost) {
  const std::string found =
      cost.num_found == 0 ? "" : fmt::format(", of which {} are finished", cost.num_found);
  if (cost.num_found == cost.num_cells) {
    print_err("ddim: all {} parts are finished\n", cost.num_cells);
    return;
  }
  print_err(
      "ddim: {} parts{}; {} network calls, {} on this machine (timed on a few); Ctrl-C keeps what "
      "is finished\n",
      cost.num_cells, found, with_thousands(cost.evaluations), about(cost.seconds));
}

void print_json(const Reproduction& report) {
  std::string cells;
  for (const ReproducedCell& cell : report.cells) {
    JsonObject recipe, object;
    for (const auto& [key, value] : cell.recipe) recipe.add(key, value);
    object.add("name", cell.name);
    for (const auto& [key, value] : cell.values) object.add(key, value);
    object.add_text("recipe", recipe.text());
    cells += (cells.empty() ? "" : ",") + object.text();
  }
  print_out("{}\n", JsonObject()
                        .add("page", report.page.string())
                        .add("found", report.num_found)
                        .add("seconds", report.seconds)
                        .add_text("cells", "[" + cells + "]")
                        .text());
}

void run_as_rank(ReproduceCommandFlags& flags, const Ranks& ranks, const Interrupts& interrupts) {
  if (!ranks.is_first() && !flags.ranks.log_all_ranks()) flags.run.be_quiet();
  if (flags.quick && flags.full)
    throw Error(ErrorCode::usage, "--quick and --full contradict each other: give one of them");
  ReproduceOptions options{.tau = flags.tau.value(),
                           .seed = flags.seed,
                           .run = flags.run.options(interrupts.token()),
                           .sharing = flags.ranks.sharing(ranks, flags.join)};
  Files().fills("--out", flags.out).check();
  check_input(flags.data.data());
  options.data = flags.data.options();
  const Model described = flags.run.model_without_weights(interrupts.token());
  options.size = size_of(flags, described.info().process.T);
  options.class_choice = flags.run.class_choice(described);
  check_reproduce(described, options);
  const FeatureExtractor extractor =
      FeatureExtractor::load(find_extractor(flags.extractor.value()));
  if (!flags.run.quiet()) options.told_cost = tell;
  const Model model = flags.run.load_model(interrupts.token());
  const Reproduction report = reproduce(model, extractor, options, flags.out);
  if (!ranks.is_first()) return;
  if (flags.run.json()) {
    print_json(report);
  } else {
    print_out("{}\n", report.page.string());
  }
  flags.data.print_skipped();
}

void run(ReproduceCommandFlags& flags) {
  const Interrupts interrupts;
  // Who joins is by itself, also where srun started several: one that ends takes no other with it.
  if (flags.join) return run_as_rank(flags, Ranks(), interrupts);
  flags.ranks.run([&](const Ranks& ranks) { run_as_rank(flags, ranks, interrupts); });
}

}  // namespace

void add_reproduce_command(Command root) {
  const Command command = root.add_command(
      "reproduce",
      "Measure the paper's tables and figures on a model, as one page of HTML beside its numbers");
  command.footer("A report that was stopped goes on where it was: give the same command again.");
  const auto flags = std::make_shared<ReproduceCommandFlags>();
  flags->data_option =
      flags->data.add_to(command,
                         "Folder, .npz or .npy file of the data set, as for ddim train: its "
                         "training pictures are what "
                         "drawn ones are compared with, its test pictures are encoded",
                         "", DataFlags::Part::several);
  flags->data_option.required();
  command
      .add_option("--out", flags->out,
                  "Folder of the report: index.html, cells/ with the figures, pictures/")
      .required()
      .type_name("DIR");
  command.add_flag(
      "--quick", flags->quick,
      "A small report, in minutes: 128 pictures in each cell, and 10 to 50 steps in tables 1 and "
      "3 (table 2 has up to 100, figure 5 up to 1000)");
  command.add_flag("--full", flags->full,
                   "With as many pictures as the paper: 50,000 in each cell");
  flags->count_option =
      command
          .add_option("--count", flags->count,
                      "Pictures in each cell of tables 1 and 3, and the most in others (default: "
                      "5000, and 500 for more than 100 steps)")
          .within(kFewestPictures, 1'000'000'000);
  command
      .add_option("--steps", flags->steps,
                  "Numbers of steps, separated by commas (default: the paper's)")
      .delimiter(',')
      .positive()
      .type_name("LIST");
  flags->tau.add_to(
      command, "--tau",
      "Steps of table 1: the paper has quadratic for CIFAR-10, and linear for others");
  flags->extractor.add_to(command);
  command.add_option("--seed", flags->seed, "Random seed")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  flags->run.add_to(command).required();
  command.add_flag("--join", flags->join,
                   "Share the work with all processes that run the same command, on any machine "
                   "that sees --out; they may come and go");
  flags->ranks.add_to(command);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
