#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "io/file_tree.h"

namespace ddim::engine::model {

/// Where a checkpoint of ours says whether its weights are to be trusted, in the field "health":
/// kHealthyWord, or a sentence on what is wrong.
inline constexpr const char* kHealthFile = "health.json";
inline constexpr const char* kHealthyWord = "good";

/// A healthy checkpoint that another healthy one follows: the steps that ruin a network may come
/// before the first loss that shows it.
struct TrustedCheckpoint {
  std::filesystem::path folder;
  std::filesystem::path follower;
};

/// The newest such of checkpoints that are given newest first. `is_healthy` says nothing of those
/// that are not looked at; it is not asked of those before the one that is found.
std::optional<TrustedCheckpoint> find_trusted(
    std::span<const std::filesystem::path> newest_first,
    const std::function<std::optional<bool>(const std::filesystem::path&)>& is_healthy);

/// What to tell of a checkpoint that is not healthy: why, and which one of its run is to be
/// trusted. Empty for a healthy one, for any other model, and where its health cannot be read,
/// which hinders nobody who only wants its weights.
std::string health_note(const std::filesystem::path& checkpoint, const io::FileTree& tree);

}  // namespace ddim::engine::model
