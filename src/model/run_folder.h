#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_tree.h"

namespace ddim::engine::model {

/// Where a training run keeps its checkpoints.
inline constexpr const char* kCheckpointsFolder = "checkpoints";

/// "step-00001234"
std::string checkpoint_name(std::int64_t step);

/// Whether it is one of these.
bool is_checkpoint_name(std::string_view name);

/// The checkpoints in a folder, by their names, newest first.
std::vector<std::filesystem::path> checkpoints_in(const std::filesystem::path& folder,
                                                  const io::FileTree& tree = io::files_on_disk());

/// For the folder of a training run its newest checkpoint, for every other path that path.
/// Error(user) for a run that has none yet.
std::filesystem::path newest_checkpoint(const std::filesystem::path& path,
                                        const io::FileTree& tree = io::files_on_disk());

}  // namespace ddim::engine::model
