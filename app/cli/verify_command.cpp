#include <ddim/error.h>
#include <ddim/pull.h>
#include <ddim/verification.h>
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "commands.h"
#include "json_object.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

struct VerifyCommandFlags {
  std::filesystem::path path;
  bool json = false;
};

void print_lines(const std::vector<VerifiedFile>& files) {
  for (const VerifiedFile& file : files) {
    if (!file.problem.empty()) {
      print_out("damaged  {}\n", file.problem);
      continue;
    }
    print_out("{}  {} ({} bytes{})\n", file.digest.empty() ? "unknown" : "whole  ",
              file.path.string(), file.size_bytes,
              file.digest.empty() ? ", carries no digest" : ", " + file.digest);
  }
}

void verify(const VerifyCommandFlags& flags) {
  const bool is_name = !fs::exists(fs::symlink_status(flags.path));  // of a shipped model
  const std::vector<VerifiedFile> files =
      verify_files(is_name ? find_model(flags.path.string(), MissingModel::refuse) : flags.path);
  const auto num_damaged =
      std::ranges::count_if(files, [](const VerifiedFile& file) { return !file.problem.empty(); });
  if (flags.json) {
    for (const VerifiedFile& file : files)
      print_out("{}\n", JsonObject()
                            .add("file", file.path.string())
                            .add("size_bytes", static_cast<std::int64_t>(file.size_bytes))
                            .add("digest", file.digest)
                            .add("problem", file.problem)
                            .text());
  } else {
    print_lines(files);
  }
  if (num_damaged > 0)
    throw Error(ErrorCode::corrupt,
                fmt::format("{} of {} files in {} {} damaged", num_damaged, files.size(),
                            flags.path.string(), num_damaged == 1 ? "is" : "are"));
}

}  // namespace

void add_verify_command(Command root) {
  const Command command = root.add_command(
      "verify", "Compare the files of a training run or a model with their digests");
  command.footer(
      "A line for each file: whole, damaged, or unknown where it carries no digest. Exit code 4 "
      "when "
      "one is damaged.");
  const auto flags = std::make_shared<VerifyCommandFlags>();
  command
      .add_option("path", flags->path,
                  "Folder of a training run, checkpoint, folder or file of a model")
      .required()
      .type_name("PATH");
  command.add_flag("--json", flags->json, "Print a JSON object for each file");
  command.callback([flags] { verify(*flags); });
}

}  // namespace ddim::cli
