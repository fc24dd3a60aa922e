#include <ddim/pull.h>
#include <fmt/core.h>

#include <memory>

#include "commands.h"
#include "interrupts.h"
#include "json_object.h"

namespace ddim::cli {
namespace {

struct Flags {
  PullOptions options;
  bool json = false;
  bool quiet = false;
};

void run(const Flags& flags) {
  const Interrupts interrupts;
  PullOptions options = flags.options;
  options.show_progress = flags.quiet || flags.json ? ShowProgress::no : ShowProgress::on_stderr;
  options.stop = interrupts.token();
  const PullResult result = pull_model(options);
  if (flags.json) {
    fmt::print("{}\n", JsonObject()
                           .add("model", options.model)
                           .add("commit", result.commit)
                           .add("files", result.files.size())
                           .add("bytes", result.bytes)
                           .add("bytes_fetched", result.bytes_fetched)
                           .add("folder", result.folder.string())
                           .text());
    return;
  }
  fmt::print("{}: commit {:.12}, {} files of {:.1f} MB, {:.1f} MB fetched\n{}\n", options.model,
             result.commit, result.files.size(), static_cast<double>(result.bytes) / 1e6,
             static_cast<double>(result.bytes_fetched) / 1e6, result.folder.string());
}

}  // namespace

void add_pull_command(Command root) {
  const Command command =
      root.add_command("pull", "Fetch a diffusers model from the Hugging Face hub");
  command.footer(
      "Uses the cache and the environment variables of the hub's own library: "
      "HF_HOME, HF_HUB_CACHE, HF_TOKEN (or `token` in HF_HOME), HF_ENDPOINT, HF_HUB_OFFLINE. "
      "An interrupted download continues when you run the command again.");
  const auto flags = std::make_shared<Flags>();
  command
      .add_option("model", flags->options.model,
                  "Name of the model on the hub; a revision is a branch, a tag or a commit")
      .required()
      .type_name("OWNER/NAME[@REVISION]");
  command.add_flag("--json", flags->json, "Print the result as one JSON object");
  command.add_flag("--quiet", flags->quiet, "Show no progress");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
