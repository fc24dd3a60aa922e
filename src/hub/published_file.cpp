#include "hub/published_file.h"

#include <cassert>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_lock.h"
#include "base/file_output.h"
#include "base/sha256.h"
#include "hub/checksum.h"
#include "hub/http.h"
#include "hub/repository.h"

namespace ddim::engine::hub {
namespace {

namespace fs = std::filesystem;

/// What the name says of the content: the digits behind its last "-".
std::string digits_of(const fs::path& path) {
  const std::string stem = path.stem().string();
  std::string digits = stem.substr(stem.rfind('-') + 1);
  assert(digits.size() >= 8 && is_hexadecimal(digits));
  return digits;
}

fs::path hidden(const fs::path& path, const char* ending) {
  return path.parent_path() / concat(".", path.filename().string(), ending);
}

}  // namespace

FetchedFile fetch_published(const Settings& settings, const PublishedFile& file,
                            const ReportDownload& report, const std::stop_token& stop) {
  const std::string name = file.path.filename().string();
  const std::string digits = digits_of(file.path);
  const auto found = [&]() -> FetchedFile {
    if (!is_there(file.path)) return {};
    const std::string sha256 = sha256_hex_of_file(file.path);
    if (!sha256.starts_with(digits)) return {};
    return {.sha256 = sha256, .bytes = fs::file_size(file.path)};
  };
  if (FetchedFile there = found(); !there.sha256.empty()) return there;
  if (settings.network == Network::forbidden) {
    fail(ErrorCode::user, file.path.string(),
         ": is not there, and HF_HUB_OFFLINE forbids to fetch it; unset it first");
  }
  make_folders(file.path.parent_path());
  const FileLock lock = FileLock::wait_for(hidden(file.path, ".lock"), stop);
  // While this one waited, another process may have fetched it.
  if (FetchedFile there = found(); !there.sha256.empty()) return there;

  HttpClient http(settings, stop);
  PartialFile part(hidden(file.path, ".incomplete"));
  const Download wanted{.url = file.url, .what = name, .advice = [&](const HttpHead&) {
                          return concat("no such file at ", file.url,
                                        " (DDIM_INCEPTION_URL names another place)");
                        }};
  std::string sha256;
  const auto fetch = [&] {
    download(http, Retry(settings.patience, stop), wanted, part, report);
    sha256 = sha256_hex_of_file(part.path());
  };
  if (fetch_checked(part, fetch, [&] { return sha256.starts_with(digits); })) {
    const std::uint64_t bytes = part.size_bytes();
    part.move_to(file.path);
    return {.sha256 = sha256, .bytes = bytes, .bytes_fetched = part.bytes_appended()};
  }
  fail(ErrorCode::corrupt, name, " from ", file.url, ": its SHA-256 does not begin with ", digits,
       ", as its name says");
}

}  // namespace ddim::engine::hub
