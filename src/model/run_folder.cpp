#include "model/run_folder.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <iomanip>
#include <optional>
#include <utility>

#include "base/error.h"
#include "io/diffusers_layout.h"

namespace ddim::engine::model {
namespace {

namespace fs = std::filesystem;

/// The N of step-N, or nothing for another name.
std::optional<std::int64_t> step_of(std::string_view name) {
  std::int64_t step = 0;
  if (!name.starts_with("step-")) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || name != checkpoint_name(step))
    return std::nullopt;
  return step;
}

}  // namespace

std::string checkpoint_name(std::int64_t step) {
  TextStream name;
  name << "step-" << std::setw(8) << std::setfill('0') << step;
  return name.str();
}

bool is_checkpoint_name(std::string_view name) { return step_of(name).has_value(); }

std::vector<fs::path> checkpoints_in(const fs::path& folder, const io::FileTree& tree) {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  for (const std::string& name : tree.names_in(folder))
    if (const auto step = step_of(name)) found.emplace_back(*step, folder / name);
  std::ranges::sort(found, std::greater<>());
  std::vector<fs::path> folders;
  for (auto& [step, path] : found) folders.push_back(std::move(path));
  return folders;
}

fs::path newest_checkpoint(const fs::path& path, const io::FileTree& tree) {
  const fs::path folder = path / kCheckpointsFolder;
  const bool is_model = tree.exists(path / io::kModelIndexFile) ||
                        tree.exists(path / io::DiffusersLayout{}.unet) ||
                        tree.exists(path / io::kAverageFolder) ||
                        tree.exists(path / "config.json") || tree.exists(path / "config.yml");
  if (is_model || !tree.is_folder(path) || !tree.is_folder(folder)) return path;
  const std::vector<fs::path> checkpoints = checkpoints_in(folder, tree);
  require(!checkpoints.empty(), path.string(),
          ": this is the folder of a training run that has no checkpoint yet; ",
          (folder / checkpoint_name(1000)).string(), " would be one");
  return checkpoints.front();
}

}  // namespace ddim::engine::model
