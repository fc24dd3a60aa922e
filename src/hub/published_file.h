#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "hub/download.h"
#include "hub/settings.h"

namespace ddim::engine::hub {

/// A file that is published with the beginning of its SHA-256 in its name, as torch.hub has them:
/// "resnet18-5c106cde.pth".
struct PublishedFile {
  std::string url = {};
  std::filesystem::path path = {};  ///< where it is kept; its name is the published one
};

struct FetchedFile {
  std::string sha256 = {};
  std::uint64_t bytes = 0;
  std::uint64_t bytes_fetched = 0;  ///< by this process: not what was there
};

/// Fetches the file if it is not there or has another content than its name says. An interrupted
/// download goes on where it ended. Error(user) when the server has no such file, and without a
/// network; Error(io) when it cannot be reached; Error(corrupt) for another content than the name
/// says; Error(interrupted) when `stop` was requested.
FetchedFile fetch_published(const Settings& settings, const PublishedFile& file,
                            const ReportDownload& report, const std::stop_token& stop);

}  // namespace ddim::engine::hub
