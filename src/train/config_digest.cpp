#include "train/config_digest.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/sha256.h"
#include "model/run_folder.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigTextBytes = std::uint64_t{1} << 24;

/// A line of sha256sum.
std::string digest_line(const std::string& text) {
  return concat(sha256_hex(std::as_bytes(std::span(text))), "  ", kConfigFile, "\n");
}

/// Whether one of the digests is that of the text.
bool is_listed(const std::string& digests, const std::string& text) {
  return digests.find(digest_line(text)) != std::string::npos;
}

/// The config.toml of the newest checkpoint that has it as it was written.
std::optional<fs::path> config_of_a_checkpoint(const fs::path& run) {
  if (!fs::is_directory(run / model::kCheckpointsFolder)) return std::nullopt;
  for (const fs::path& checkpoint : model::checkpoints_in(run / model::kCheckpointsFolder)) {
    for (const ManifestEntry& entry :
         read_manifest(checkpoint).value_or(std::vector<ManifestEntry>()))
      if (entry.name == kConfigFile && !verify_entry(checkpoint, entry))
        return checkpoint / kConfigFile;
  }
  return std::nullopt;
}

}  // namespace

void write_config_of_run(const fs::path& run, const TrainConfig& config) {
  const std::string text = to_toml(config);
  const std::optional<std::string> before =
      read_file_if_there(run / kConfigFile, kMaxConfigTextBytes);
  const std::optional<std::string> digests =
      read_file_if_there(run / kConfigDigestFile, kMaxConfigTextBytes);
  if (before == text && digests == digest_line(text)) return;
  write_file_durably(run / kConfigDigestFile,
                     digest_line(text) + (before ? digest_line(*before) : ""), Overwrite::allow);
  write_file_durably(run / kConfigFile, text, Overwrite::allow);
  write_file_durably(run / kConfigDigestFile, digest_line(text), Overwrite::allow);
}

TrainConfig read_config_of_run(const fs::path& run) {
  const fs::path path = run / kConfigFile;
  if (!is_there(path)) {
    const std::optional<fs::path> of_checkpoint = config_of_a_checkpoint(run);
    require(of_checkpoint.has_value(), run.string(),
            ": not the folder of a training run: it has no config.toml");
    return load_train_config(*of_checkpoint);
  }
  const std::string text = read_file(path, kMaxConfigTextBytes);
  const std::optional<std::string> digests =
      read_file_if_there(run / kConfigDigestFile, kMaxConfigTextBytes);
  if (digests && !is_listed(*digests, text))
    fail(ErrorCode::corrupt, path.string(), " is not what the run wrote: its SHA-256 is not in ",
         kConfigDigestFile,
         ". If it is damaged, take the config.toml of the newest checkpoint; if you "
         "edited it, name it (ddim train ",
         path.string(), " --resume ", run.string(), "), or say --override KEY=VALUE instead");
  return parse_train_config(text, path.string());
}

TrainConfig last_known_config_of_run(const fs::path& run) {
  const std::optional<VerifiedFile> config = verified_config(run);
  if (config && !config->problem.empty())
    if (const std::optional<fs::path> of_checkpoint = config_of_a_checkpoint(run))
      return load_train_config(*of_checkpoint);
  return read_config_of_run(run);
}

std::optional<TrainConfig> written_config_of_run(const fs::path& run) {
  const fs::path path = run / kConfigFile;
  const std::optional<std::string> text = read_file_if_there(path, kMaxConfigTextBytes);
  const std::optional<std::string> digests =
      read_file_if_there(run / kConfigDigestFile, kMaxConfigTextBytes);
  if (!text || !digests || !is_listed(*digests, *text)) return std::nullopt;
  return parse_train_config(*text, path.string());
}

std::optional<VerifiedFile> verified_config(const fs::path& run) {
  const fs::path path = run / kConfigFile;
  const std::optional<std::string> digests =
      read_file_if_there(run / kConfigDigestFile, kMaxConfigTextBytes);
  if (!digests) return std::nullopt;
  const std::optional<std::string> text = read_file_if_there(path, kMaxConfigTextBytes);
  VerifiedFile file{.path = path,
                    .size_bytes = text ? text->size() : 0,
                    .digest = concat("SHA-256 of ", kConfigDigestFile)};
  if (!text) {
    file.problem = concat(path.string(), " is missing");
  } else if (!is_listed(*digests, *text)) {
    file.problem = concat(path.string(), " is damaged: its SHA-256 is not in ", kConfigDigestFile);
  }
  return file;
}

}  // namespace ddim::engine::train
