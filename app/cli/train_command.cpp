#include <ddim/error.h>
#include <ddim/model.h>
#include <ddim/pull.h>
#include <ddim/train.h>
#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "commands.h"
#include "data_flags.h"
#include "device_flags.h"
#include "interrupts.h"
#include "json_object.h"
#include "outputs.h"
#include "rank_flags.h"
#include "shell_word.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct TrainCommandFlags {
  TrainOptions options;
  std::filesystem::path config;
  std::optional<std::int64_t> seed;
  std::optional<std::int64_t> threads;
  std::string init;
  NoVerifyFlag no_verify;
  std::optional<std::string> name;
  std::filesystem::path resume;
  Option config_option, data_option, out_option, resume_option, seed_option;
  Option override_option, threads_option, name_option, skip_corrupt_option;
  bool skip_corrupt = false;
  RankFlags ranks;
  DeviceFlag device;
  bool json = false;
  bool quiet = false;
};

void print_result(const TrainSummary& summary, const TrainCommandFlags& flags) {
  if (flags.json) {
    // Of a run that did no step here, neither was measured: null.
    const auto measured = [&](double value) {
      return summary.steps_here > 0 ? value : std::numeric_limits<double>::quiet_NaN();
    };
    print_out("{}\n", JsonObject()
                          .add("ending", to_string(summary.ending))
                          .add("steps", summary.steps)
                          .add("steps_here", summary.steps_here)
                          .add("steps_refused", summary.steps_refused)
                          .add("loss", measured(summary.loss))
                          .add("ms_per_image", measured(summary.ms_per_image))
                          .add("peak_memory_bytes", summary.peak_memory_bytes)
                          .add("checkpoint", summary.checkpoint.string())
                          .text());
    return;
  }
  const std::string speed =
      summary.steps_here == 0
          ? ""
          : fmt::format(", loss {:.5g}, {:.1f} ms per image", summary.loss, summary.ms_per_image);
  print_out("{} after step {}{}, {} MB; {}\n", to_string(summary.ending), summary.steps, speed,
            summary.peak_memory_bytes / 1'000'000, summary.checkpoint.string());
}

/// Error(user) where --override names a key that another flag sets as well.
void refuse_second_values(const TrainCommandFlags& flags) {
  const auto refuse = [&](const Option& option, const std::string& value, std::string_view key) {
    if (!option.given_beside(flags.override_option)) return;
    for (const std::string& text : flags.options.overrides) {
      const std::string named = text.substr(0, text.find('='));
      if (named.substr(0, named.find_last_not_of(' ') + 1) == key)
        throw Error(ErrorCode::user,
                    fmt::format("{}{} and --override {}: {} can have one value only; leave one out",
                                option.cause(), value, text, key));
    }
  };
  if (flags.threads)
    refuse(flags.threads_option, fmt::format(" {}", *flags.threads), "training.threads");
  if (flags.name) refuse(flags.name_option, " " + *flags.name, "output.name");
  refuse(flags.skip_corrupt_option, "", "data.skip_corrupt");
}

/// The options of the first rank, with all files checked: the others look at none of them.
TrainOptions checked_options(const TrainCommandFlags& flags) {
  TrainOptions options = flags.options;
  // A run that is resumed has its own; the environment means new ones.
  if (!flags.data_option.given_beside(flags.resume_option)) options.data.clear();
  Files files;
  files.reads(options.data);
  if (flags.config_option.given()) options.config = load_train_config(flags.config);
  if (!flags.resume.empty()) {
    options.start = Start::resume;
    options.out = flags.resume;
  } else {
    for (const Option& option : {flags.config_option, flags.data_option, flags.out_option})
      if (!option.given()) option.throw_missing();
  }
  if (!flags.config_option.given()) options.config = config_of_run(options.out);
  files.fills(options.start == Start::resume ? "--resume" : "--out", options.out);
  files.check();
  refuse_second_values(flags);
  if (flags.seed_option.given_beside(flags.resume_option))
    options.config.training.seed = *flags.seed;
  if (flags.threads) options.config.training.threads = *flags.threads;
  if (flags.skip_corrupt) options.config.data.skip_corrupt = true;
  if (flags.name) options.config.output.name = *flags.name;
  if (!flags.init.empty()) {
    options.init = find_model(flags.init);
    options.verification = flags.no_verify.value();
    const UNetConfig& network = options.config.model;
    // Any schedule will do here: the configuration's is the one that counts.
    describe_model(
        *options.init,
        {.height = network.height(), .width = network.width(), .schedule = BetaKind::linear});
  }
  return options;
}

void run(const TrainCommandFlags& flags) {
  const Interrupts interrupts;
  TrainSummary summary;
  int rank = 0;
  flags.ranks.run([&](const Ranks& ranks) {
    TrainOptions options = ranks.is_first() ? checked_options(flags) : TrainOptions{};
    const bool is_shown = !flags.quiet && (ranks.is_first() || flags.ranks.log_all_ranks());
    options.show_progress = is_shown ? ShowProgress::on_stderr : ShowProgress::no;
    options.stop = interrupts.token();
    options.ranks = ranks;
    options.device = flags.device.value();
    summary = train_model(options);
    rank = ranks.rank();
    if (!ranks.is_first()) return;
    print_result(summary, flags);
    print_skipped_files(summary.skipped_files);
  });
  if (summary.ending == TrainEnding::interrupted && interrupts.by_keyboard()) {
    let_the_first_speak(rank);
    if (rank > 0) std::exit(static_cast<int>(ErrorCode::interrupted));
    const std::filesystem::path& out = flags.resume.empty() ? flags.options.out : flags.resume;
    throw Error(ErrorCode::interrupted, fmt::format("saved; to continue: ddim train --resume {}",
                                                    shell_word(out.string())));
  }
}

}  // namespace

void add_train_command(Command root) {
  const Command command = root.add_command("train", "Train a model from scratch, or resume a run");
  command.footer(
      "Ctrl-C finishes the current step, saves and exits with code 130; another Ctrl-C, at "
      "least a second later, exits at once.\n"
      "SIGTERM, SIGUSR1, SIGUSR2 and SIGHUP do the same as the first Ctrl-C, but exit with code "
      "0.");
  const auto flags = std::make_shared<TrainCommandFlags>();
  TrainOptions& options = flags->options;
  flags->config_option =
      command
          .add_option("config", flags->config, "Training configuration; examples are in configs/")
          .type_name("CONFIG.toml");
  flags->data_option =
      command
          .add_option("--data", options.data,
                      "Folder with idx files (MNIST), CIFAR-10's files, or pictures; or an .npz or "
                      ".npy file of bytes or floats [N,H,W,C]")
          .envname("DDIM_DATA")
          .type_name("DIR");
  flags->out_option =
      command
          .add_option("--out", options.out,
                      "Folder of the new run: configuration, checkpoints, samples, metrics")
          .type_name("RUN");
  const Option resume = flags->resume_option =
      command
          .add_option("--resume", flags->resume,
                      "Resume the run in this folder from its newest complete checkpoint; it knows "
                      "its configuration and its data, unless you name others")
          .excludes(flags->out_option)
          .type_name("RUN");
  command
      .add_option("--resume-from", options.resume_from,
                  "Resume from the checkpoint of this step instead of the newest; what came after "
                  "it is kept in the run's folder, under abandoned-1/")
      .needs(resume)
      .type_name("STEP")
      .non_negative();
  flags->override_option =
      command
          .add_option(
              "--override", options.overrides,
              "Resume with another value of a key of the configuration, such as "
              "training.learning_rate=1e-4; give it once per key. What would change the meaning "
              "of the run is refused")
          .needs(resume)
          .type_name("KEY=VALUE");
  const Option init =
      command
          .add_option(
              "--init", flags->init,
              "Start from this model; a checkpoint of ddim or of the official code also supplies "
              "Adam's state, the average and the step count")
          .excludes(resume)
          .type_name("MODEL");
  flags->no_verify.add_to(command).needs(init);
  flags->skip_corrupt_option = command.add_flag(
      "--skip-corrupt", flags->skip_corrupt,
      "Leave out files that cannot be read, instead of stopping, and name them in the "
      "end; as data.skip_corrupt");
  command
      .add_option("--max-steps", options.max_steps,
                  "Stop at this step, even if training.steps is larger")
      .positive();
  flags->name_option =
      command.add_option("--name", flags->name, "Name of the model; overrides output.name")
          .type_name("NAME");
  flags->seed_option = command.add_option("--seed", flags->seed, "Overrides training.seed")
                           .envname("DDIM_SEED")
                           .non_negative();
  flags->threads_option =
      command
          .add_option(
              "--threads", flags->threads,
              "Overrides training.threads; 0 means one per processor; does not affect the result")
          .envname("DDIM_THREADS")
          .within(0, kMaxThreads);
  command.add_help("--keys", train_config_reference,
                   "Print every key of the configuration, with its meaning, and exit");
  flags->device.add_to(command);
  flags->ranks.add_to(command);
  command.add_flag("--json", flags->json, "Print the result as one JSON object");
  command.add_flag("--quiet", flags->quiet, "Show no progress");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
