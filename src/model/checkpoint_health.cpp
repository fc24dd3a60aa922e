#include "model/checkpoint_health.h"

#include <cstdint>
#include <exception>
#include <vector>

#include "base/error.h"
#include "io/json_fields.h"
#include "model/run_folder.h"

namespace ddim::engine::model {
namespace {

namespace fs = std::filesystem;

/// Empty for a healthy one; nothing where that cannot be read.
std::optional<std::string> problem_of(const fs::path& checkpoint, const io::FileTree& tree) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 20;
  const fs::path path = checkpoint / kHealthFile;
  if (!tree.exists(path)) return "";  // of an earlier version
  try {
    std::string problem;
    io::JsonFields(tree.read(path, kMaxBytes), path.string()).read_required({"health"}, problem);
    return problem == kHealthyWord ? "" : problem;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Of the same run; nothing where the others cannot be looked at.
std::optional<TrustedCheckpoint> trusted_beside(const fs::path& checkpoint,
                                                const io::FileTree& tree) {
  const auto is_healthy = [&](const fs::path& folder) -> std::optional<bool> {
    const std::optional<std::string> problem = problem_of(folder, tree);
    return problem ? std::optional(problem->empty()) : std::nullopt;
  };
  try {
    const fs::path parent = checkpoint.parent_path();
    return find_trusted(checkpoints_in(parent.empty() ? "." : parent, tree), is_healthy);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<TrustedCheckpoint> find_trusted(
    std::span<const fs::path> newest_first,
    const std::function<std::optional<bool>(const fs::path&)>& is_healthy) {
  std::optional<fs::path> follower;
  for (const fs::path& folder : newest_first) {
    const std::optional<bool> healthy = is_healthy(folder);
    if (!healthy) continue;
    if (*healthy && follower) return TrustedCheckpoint{.folder = folder, .follower = *follower};
    follower = *healthy ? std::optional(folder) : std::nullopt;
  }
  return std::nullopt;
}

std::string health_note(const fs::path& checkpoint, const io::FileTree& tree) {
  const fs::path folder = (checkpoint / "").lexically_normal().parent_path();
  if (!is_checkpoint_name(folder.filename().string())) return "";
  const std::string problem = problem_of(folder, tree).value_or("");
  if (problem.empty()) return "";
  const auto trusted = trusted_beside(folder, tree);
  return concat(
      folder.filename().string(), " is not healthy: ", problem,
      trusted ? concat("; the last that is to be trusted is ", trusted->folder.string()) : "");
}

}  // namespace ddim::engine::model
