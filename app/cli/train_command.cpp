#include <ddim/error.h>
#include <ddim/pull.h>
#include <ddim/train.h>
#include <fmt/core.h>

#include <memory>
#include <string>

#include "commands.h"
#include "interrupts.h"
#include "json_object.h"

namespace ddim::cli {
namespace {

struct Flags {
  TrainOptions options;
  std::string init;
  bool resume = false;
  bool json = false;
  bool quiet = false;
};

const char* to_string(TrainEnding ending) {
  switch (ending) {
    case TrainEnding::finished:
      return "finished";
    case TrainEnding::step_limit:
      return "step limit reached";
    case TrainEnding::interrupted:
      return "interrupted";
  }
  return "";
}

void print_result(const TrainSummary& summary, const Flags& flags) {
  if (flags.json) {
    fmt::print("{}\n", JsonObject()
                           .add("ending", to_string(summary.ending))
                           .add("steps", summary.steps)
                           .add("steps_here", summary.steps_here)
                           .add("steps_refused", summary.steps_refused)
                           .add("loss", summary.loss)
                           .add("ms_per_image", summary.ms_per_image)
                           .add("peak_memory_bytes", summary.peak_memory_bytes)
                           .add("checkpoint", summary.checkpoint.string())
                           .text());
    return;
  }
  const std::string speed =
      summary.steps_here == 0
          ? ""
          : fmt::format(", loss {:.5g}, {:.1f} ms per image", summary.loss, summary.ms_per_image);
  fmt::print("{} after step {}{}, {} MB; {}\n", to_string(summary.ending), summary.steps, speed,
             summary.peak_memory_bytes / 1'000'000, summary.checkpoint.string());
}

void run(const Flags& flags) {
  const Interrupts interrupts;
  TrainOptions options = flags.options;
  options.start = flags.resume ? Start::resume : Start::fresh;
  if (!flags.init.empty()) options.init = find_model(flags.init);
  options.show_progress = flags.quiet ? ShowProgress::no : ShowProgress::on_stderr;
  options.stop = interrupts.token();
  const TrainSummary summary = train_model(options);
  print_result(summary, flags);
  if (summary.ending == TrainEnding::interrupted && interrupts.by_keyboard()) {
    throw Error(ErrorCode::interrupted,
                fmt::format("saved; go on with: ddim train {} --data {} --out {} --resume",
                            options.config.string(), options.data.string(), options.out.string()));
  }
}

}  // namespace

void add_train_command(Command root) {
  const Command command =
      root.add_command("train", "Train a model from scratch, or go on with a run");
  command.fallthrough();
  command.footer(
      "Ctrl-C finishes the step under way, saves and exits with 130; a second one exits at once.\n"
      "SIGTERM and SIGUSR1 do the same and exit with 0.");
  const auto flags = std::make_shared<Flags>();
  TrainOptions& options = flags->options;
  command.add_option("recipe", options.config, "What to train and how; see configs/")
      .required()
      .type_name("CONFIG.toml");
  command
      .add_option("--data", options.data,
                  "Folder: idx files (MNIST), CIFAR-10's binary version, or PNG and JPEG files")
      .envname("DDIM_DATA")
      .required()
      .type_name("DIR");
  command
      .add_option("--out", options.out,
                  "Folder of the run: configuration, checkpoints, samples, metrics")
      .required()
      .type_name("RUN");
  const Option resume =
      command.add_flag("--resume", flags->resume, "Go on from the newest complete checkpoint");
  command
      .add_option(
          "--init", flags->init,
          "Begin with this model: any that --model takes elsewhere; a checkpoint of ddim or "
          "of the official code brings Adam's state, average and steps")
      .excludes(resume)
      .type_name("MODEL");
  command.add_option("--max-steps", options.max_steps, "Stop when so many steps are done in all");
  command.add_option("--seed", options.seed, "Instead of training.seed")
      .envname("DDIM_SEED")
      .non_negative();
  command
      .add_option("--threads", options.threads,
                  "Instead of training.threads; 0: one per processor; never changes the result")
      .envname("DDIM_THREADS");
  command.add_flag("--json", flags->json, "Print the result as one JSON object");
  command.add_flag("--quiet", flags->quiet, "Show no progress");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
