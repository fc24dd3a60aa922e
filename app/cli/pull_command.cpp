#include <ddim/pull.h>
#include <fmt/core.h>

#include <memory>

#include "commands.h"
#include "interrupts.h"
#include "json_object.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct PullCommandFlags {
  PullOptions options;
  bool json = false;
  bool quiet = false;
};

void run(const PullCommandFlags& flags) {
  const Interrupts interrupts;
  PullOptions options = flags.options;
  options.show_progress = flags.quiet || flags.json ? ShowProgress::no : ShowProgress::on_stderr;
  options.stop = interrupts.token();
  const bool is_inception = options.model == "inception";
  const PullResult result = is_inception ? pull_inception(options) : pull_model(options);
  const std::filesystem::path place =
      is_inception ? result.folder / result.files.front() : result.folder;
  if (flags.json) {
    print_out("{}\n", JsonObject()
                          .add("model", options.model)
                          .add(is_inception ? "sha256" : "commit", result.commit)
                          .add("files", result.files.size())
                          .add("bytes", result.bytes)
                          .add("bytes_fetched", result.bytes_fetched)
                          .add(is_inception ? "file" : "folder", place.string())
                          .text());
    return;
  }
  const std::string size =
      fmt::format("{:.1f} MB, {:.1f} MB fetched", static_cast<double>(result.bytes) / 1e6,
                  static_cast<double>(result.bytes_fetched) / 1e6);
  if (is_inception) {
    print_out("{}: {}\n{}\n", options.model, size, place.string());
  } else {
    print_out("{}: commit {:.12}, {} files of {}\n{}\n", options.model, result.commit,
              result.files.size(), size, place.string());
  }
}

}  // namespace

void add_pull_command(Command root) {
  const Command command = root.add_command(
      "pull", "Fetch a diffusers model from the Hugging Face hub, or the network of the FID");
  command.footer(
      "Uses the cache and the environment variables of the hub's own library: "
      "HF_HOME, HF_HUB_CACHE, HF_TOKEN (or `token` in HF_HOME), HF_ENDPOINT, HF_HUB_OFFLINE. "
      "An interrupted download continues when you run the command again. The network of the FID "
      "comes from the project pytorch-fid, or from DDIM_INCEPTION_URL, and is kept where PyTorch "
      "keeps it (TORCH_HOME).");
  const auto flags = std::make_shared<PullCommandFlags>();
  command
      .add_option(
          "model", flags->options.model,
          "Name of the model on the hub, where a revision is a branch, a tag or a commit; or "
          "inception, the network of the FID for `ddim evaluate`")
      .required()
      .type_name("OWNER/NAME[@REVISION]|inception");
  command.add_flag("--json", flags->json, "Print the result as one JSON object");
  command.add_flag("--quiet", flags->quiet, "Show no progress");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
