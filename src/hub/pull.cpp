#include "hub/pull.h"

#include <algorithm>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_lock.h"
#include "base/file_output.h"
#include "hub/cache.h"
#include "hub/checksum.h"
#include "hub/download.h"
#include "hub/hub_client.h"
#include "hub/model_files.h"
#include "io/diffusers_config.h"
#include "io/diffusers_layout.h"

namespace ddim::engine::hub {
namespace {

namespace fs = std::filesystem;

/// The command that would fetch it.
std::string pull_command(const Repository& repository) {
  const bool is_default = repository.revision == Repository{}.revision;
  return "ddim pull " + (is_default ? repository.id : to_string(repository));
}

/// One pull: a commit of a repository on its way into the cache.
class Pull {
 public:
  Pull(const Settings& settings, const Repository& repository, const std::stop_token& stop)
      : cache_(settings.cache), repository_(repository), stop_(stop), client_(settings, stop) {}

  Pulled run(const std::function<void(const PullState&)>& report) {
    const Listing listing = client_.list(repository_);
    Pulled pulled{.snapshot = cache_.snapshot(repository_, listing.commit),
                  .commit = listing.commit,
                  .files = model_files(listing.files, to_string(repository_))};
    commit_ = listing.commit;
    if (pulled.files.front() == io::kModelIndexFile) require_our_pipeline();

    std::vector<RemoteFile> missing;
    std::uint64_t bytes_to_come = 0, bytes_missing = 0;
    for (const std::string& name : pulled.files) {
      const RemoteFile file = client_.look_up(repository_, commit_, name);
      pulled.bytes += file.size_bytes;
      if (is_in_cache(file)) {
        cache_.link(repository_, commit_, file.name, file.etag);
      } else {
        bytes_missing += file.size_bytes;
        bytes_to_come += file.size_bytes - std::min(file.size_bytes, bytes_there(file));
        missing.push_back(file);
      }
    }
    require_space(bytes_to_come);
    std::uint64_t bytes_before = 0;
    for (const RemoteFile& file : missing) {
      fetch(file, [&](std::uint64_t bytes_done) {
        report({.bytes_done = bytes_before + bytes_done, .bytes = bytes_missing});
      });
      bytes_before += file.size_bytes;
    }
    cache_.store_commit(repository_, commit_);
    pulled.bytes_fetched = bytes_fetched_;
    return pulled;
  }

 private:
  /// Before anything large is fetched.
  void require_our_pipeline() {
    const RemoteFile index = client_.look_up(repository_, commit_, io::kModelIndexFile);
    if (!is_in_cache(index)) fetch(index, [](std::uint64_t) {});
    constexpr std::uint64_t kMaxIndexBytes = 1 << 20;
    io::parse_model_index(read_file(cache_.blob(repository_, index.etag), kMaxIndexBytes),
                          concat(to_string(repository_), ", ", io::kModelIndexFile));
  }

  bool is_in_cache(const RemoteFile& file) const {
    const fs::path blob = cache_.blob(repository_, file.etag);
    if (!is_there(blob)) return false;
    std::error_code error;  // then reading it tells why
    const std::uintmax_t size = fs::file_size(blob, error);
    return (error || size == file.size_bytes) && has_content(blob, file.etag);
  }

  fs::path incomplete_of(const RemoteFile& file) const {
    return cache_.blob(repository_, file.etag).concat(".incomplete");
  }

  /// Of an interrupted download.
  std::uint64_t bytes_there(const RemoteFile& file) const {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(incomplete_of(file), error);
    return error ? 0 : size;
  }

  void require_space(std::uint64_t bytes) const {
    make_folders(cache_.root());
    std::error_code error;
    const fs::space_info space = fs::space(cache_.root(), error);
    if (!error && space.available < bytes) {
      fail(ErrorCode::io, cache_.root().string(), ": ", bytes, " bytes are needed but only ",
           space.available, " are free; make room, or set HF_HOME to another folder");
    }
  }

  void fetch(const RemoteFile& file, const HubClient::Report& report) {
    const fs::path blob = cache_.blob(repository_, file.etag);
    const fs::path lock_file = cache_.lock(repository_, file.etag);
    make_folders(blob.parent_path());
    make_folders(lock_file.parent_path());
    const FileLock lock = FileLock::wait_for(lock_file, stop_);
    if (!is_in_cache(file)) {  // while this one waited, another process may have fetched it
      PartialFile part(incomplete_of(file));
      fetch_verified(file, part, report);
      bytes_fetched_ += part.bytes_appended();
      part.move_to(blob);
    }
    cache_.link(repository_, commit_, file.name, file.etag);
  }

  void fetch_verified(const RemoteFile& file, PartialFile& part, const HubClient::Report& report) {
    const bool is_right = fetch_checked(
        part, [&] { client_.fetch(repository_, commit_, file, part, report); },
        [&] { return has_content(part.path(), file.etag); });
    if (is_right) return;
    fail(ErrorCode::corrupt, file.name, " of ", to_string(repository_),
         ": the content does not have the checksum that the server announced, ", file.etag);
  }

  Cache cache_;
  Repository repository_;
  std::string commit_;
  std::stop_token stop_;
  HubClient client_;
  std::uint64_t bytes_fetched_ = 0;
};

}  // namespace

fs::path find_snapshot(const fs::path& root, const Repository& repository) {
  const Cache cache(root);
  const auto fail_missing = [&](const std::string& reason) {
    fail(ErrorCode::user, to_string(repository), ": ", reason, " ", cache.root().string(),
         "; to fetch it: ", pull_command(repository));
  };
  const auto commit = cache.find_commit(repository);
  const fs::path snapshot = commit ? cache.snapshot(repository, *commit) : fs::path();
  if (!commit || !fs::is_directory(snapshot)) fail_missing("no such folder, and no such model in");
  const std::set<std::string> files = cache.files(snapshot);
  try {
    model_files(files, to_string(repository));
  } catch (const Error&) {
    fail_missing("only a part of this model is in");
  }
  return snapshot;
}

Pulled pull(const Settings& settings, const Repository& repository,
            const std::function<void(const PullState&)>& report, const std::stop_token& stop) {
  if (settings.network == Network::allowed) return Pull(settings, repository, stop).run(report);
  try {
    const fs::path snapshot = find_snapshot(settings.cache, repository);
    Pulled pulled{.snapshot = snapshot, .commit = snapshot.filename().string()};
    pulled.files = model_files(Cache(settings.cache).files(snapshot), to_string(repository));
    for (const std::string& name : pulled.files) pulled.bytes += fs::file_size(snapshot / name);
    return pulled;
  } catch (const Error& error) {
    fail(error.code(), error.what(), " (HF_HUB_OFFLINE forbids it now; unset it first)");
  }
}

}  // namespace ddim::engine::hub
