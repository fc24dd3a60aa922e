#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "hub/repository.h"
#include "hub/settings.h"

namespace ddim::engine::hub {

/// The progress of a pull.
struct PullState {
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes = 0;  ///< of all files that are not in the cache yet
};

struct Pulled {
  std::filesystem::path snapshot = {};
  std::string commit = {};
  std::vector<std::string> files = {};
  std::uint64_t bytes = 0;          ///< of all files
  std::uint64_t bytes_fetched = 0;  ///< by this process: not what was there
};

/// Fetches the files that loading the model needs into the cache. Cached files are checked, and
/// fetched again when they are damaged; an interrupted download continues where it ended. The
/// revision points to the new commit only when everything is there. Without a network, takes what
/// the cache has. Errors as HubClient; Error(corrupt) for contents that are not what the hub
/// announced, and for an unsupported pipeline.
Pulled pull(const Settings& settings, const Repository& repository,
            const std::function<void(const PullState&)>& report, const std::stop_token& stop);

/// The snapshot of a model whose files are all in the cache at `root`. Otherwise Error(user), which
/// names the command that fetches it.
std::filesystem::path find_snapshot(const std::filesystem::path& root,
                                    const Repository& repository);

}  // namespace ddim::engine::hub
