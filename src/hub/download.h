#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "hub/http.h"
#include "hub/partial_file.h"
#include "hub/retry.h"

namespace ddim::engine::hub {

/// What the user can do about an answer that says that there is no such thing, or not for them.
using Advice = std::function<std::string(const HttpHead&)>;

/// Throws unless `head` is a success or a redirect: TransientFailure when it may become one,
/// Error(user) with the advice for 401, 403 and 404, Error(io) for the others.
void require_willing(const HttpHead& head, const std::string& what, const Advice& advice);

/// The number that a header holds, and nothing else.
std::optional<std::uint64_t> number_of(std::string_view text);

/// A file on a server.
struct Download {
  std::string url = {};
  std::string token = {};
  std::string what = {};                         ///< for messages
  std::optional<std::uint64_t> size_bytes = {};  ///< otherwise the server says it with the bytes
  std::string http_etag = {};                    ///< of the host that serves the bytes, if known
  Advice advice = {};
};

/// How far a download is.
struct DownloadState {
  std::uint64_t bytes_done = 0;
  std::optional<std::uint64_t> bytes = {};  ///< of the whole file, once known
};
using ReportDownload = std::function<void(const DownloadState&)>;

/// Appends to `part` what it lacks of the file, with Range from where it ends, and asks again after
/// failures that pass. Error(corrupt) when the server sends more than it announced; the content is
/// not checked. Other errors as require_willing().
void download(HttpClient& http, Retry retry, const Download& file, PartialFile& part,
              const ReportDownload& report);

/// Calls fetch() to complete `part`, and once more from the beginning unless is_right(): what an
/// earlier process left may have been damaged. Whether it is right now.
template <class Fetch, class IsRight>
bool fetch_checked(PartialFile& part, const Fetch& fetch, const IsRight& is_right) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    fetch();
    if (is_right()) return true;
    part.clear();
  }
  return false;
}

}  // namespace ddim::engine::hub
