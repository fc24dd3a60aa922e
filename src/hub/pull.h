#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "hub/repository.h"
#include "hub/settings.h"

namespace ddim::hub {

/// How far a pull is.
struct PullState {
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes = 0;  ///< of all files, those that are in the cache already left out
};

struct Pulled {
  std::filesystem::path snapshot = {};
  std::string commit = {};
  std::vector<std::string> files = {};
  std::uint64_t bytes = 0;          ///< of all files
  std::uint64_t bytes_fetched = 0;  ///< of those that were not there
};

/// Brings what loading the model needs into the cache. Files that are there are checked and fetched
/// again when they are damaged; a broken download goes on where it ended. The revision points to
/// the new commit only when everything is there. Without a network: what the cache has. Errors as
/// HubClient; Error(corrupt) for contents that are not what the hub announced, and for a pipeline
/// that this program does not have.
Pulled pull(const Settings& settings, const Repository& repository,
            const std::function<void(const PullState&)>& report, const std::stop_token& stop);

/// The snapshot of a model that is in the cache with all that loading it needs. Error(user), saying
/// which command fetches it, when it is not.
std::filesystem::path find_snapshot(const Settings& settings, const Repository& repository);

}  // namespace ddim::hub
