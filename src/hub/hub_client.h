#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <stop_token>
#include <string>

#include "hub/http.h"
#include "hub/partial_file.h"
#include "hub/repository.h"
#include "hub/retry.h"
#include "hub/settings.h"

namespace ddim::engine::hub {

/// What a repository holds at a revision.
struct Listing {
  std::string commit = {};
  std::set<std::string> files = {};  ///< with `/`, as the server names them: check before use
};

/// A file as the hub describes it before it is fetched.
struct RemoteFile {
  std::string name = {};
  std::string etag = {};  ///< a checksum; see checksum.h
  std::uint64_t size_bytes = 0;
  std::string http_etag = {};  ///< as it stood in the answer; empty when another host serves it
};

/// Asks the hub, and asks again after failures that pass. Errors of all functions: Error(user) when
/// the hub says that there is no such thing or that it is not for this user, Error(io) when it
/// cannot be reached or answers nonsense, Error(interrupted) when `stop` was requested.
class HubClient {
 public:
  HubClient(const Settings& settings, const std::stop_token& stop);

  /// GET {endpoint}/api/models/{id}/revision/{revision}
  Listing list(const Repository& repository);

  /// HEAD {endpoint}/{id}/resolve/{commit}/{file}: etag and size from X-Linked-Etag and
  /// X-Linked-Size where there are any, because another host serves such files.
  RemoteFile look_up(const Repository& repository, const std::string& commit,
                     const std::string& file);

  /// Called with the bytes that are there so far.
  using Report = std::function<void(std::uint64_t)>;
  /// Appends to `part` what it lacks of the file, with Range from where it ends. Error(corrupt)
  /// when the server sends more than it announced. The content is not checked.
  void fetch(const Repository& repository, const std::string& commit, const RemoteFile& file,
             PartialFile& part, const Report& report);

 private:
  std::string file_url(const Repository& repository, const std::string& commit,
                       const std::string& file) const;

  Settings settings_;
  HttpClient http_;
  Retry retry_;
};

}  // namespace ddim::engine::hub
