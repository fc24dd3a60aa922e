#include "hub/cache.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/folder.h"

namespace ddim::engine::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModels = "models--";

/// "models--owner--name"
std::string folder_name(const Repository& repository) {
  const auto slash = repository.id.find('/');
  return concat(kModels, repository.id.substr(0, slash), "--", repository.id.substr(slash + 1));
}

/// "owner/name" of such a folder.
std::optional<std::string> id_of(const std::string& folder_name) {
  const auto separator = folder_name.find("--", kModels.size());
  if (!folder_name.starts_with(kModels) || separator == std::string::npos) return std::nullopt;
  std::string id = concat(folder_name.substr(kModels.size(), separator - kModels.size()), "/",
                          folder_name.substr(separator + 2));
  return parse_repository(id) ? std::optional(std::move(id)) : std::nullopt;
}

/// ".tmp-<host>-<random digits>": numbers of processes repeat on other hosts and in containers.
std::string temporary_ending() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::random_device random;
  return concat(".tmp-", host.data(), '-', random(), random());
}

}  // namespace

fs::path Cache::folder(const Repository& repository) const {
  return root_ / folder_name(repository);
}

fs::path Cache::blob(const Repository& repository, const std::string& etag) const {
  return folder(repository) / "blobs" / etag;
}

fs::path Cache::lock(const Repository& repository, const std::string& etag) const {
  return root_ / ".locks" / folder_name(repository) / (etag + ".lock");
}

fs::path Cache::snapshot(const Repository& repository, const std::string& commit) const {
  return folder(repository) / "snapshots" / commit;
}

std::optional<std::string> Cache::find_commit(const Repository& repository) const {
  if (is_commit(repository.revision)) return repository.revision;
  const fs::path file = folder(repository) / "refs" / repository.revision;
  std::error_code unknown;  // then reading it tells why
  if (!is_there(file) || fs::is_directory(file, unknown)) return std::nullopt;
  constexpr std::uint64_t kMaxRefBytes = 200;
  std::string commit = read_file(file, kMaxRefBytes);
  while (!commit.empty() && commit.back() == '\n') commit.pop_back();
  if (!is_commit(commit)) fail(ErrorCode::corrupt, file.string(), ": does not name a commit");
  return commit;
}

void Cache::store_commit(const Repository& repository, const std::string& commit) const {
  if (is_commit(repository.revision)) return;
  const fs::path file = folder(repository) / "refs" / repository.revision;
  make_folders(file.parent_path());
  write_file_durably(file, commit, Overwrite::allow);
}

void Cache::link(const Repository& repository, const std::string& commit, const std::string& file,
                 const std::string& etag) const {
  const fs::path link = snapshot(repository, commit) / file;
  const fs::path target = fs::path(blob(repository, etag)).lexically_relative(link.parent_path());
  std::error_code error;
  if (fs::read_symlink(link, error) == target) return;
  // Under another name first: whoever reads the snapshot meanwhile always finds a file. Earlier
  // versions may remove it, as a leftover of theirs.
  constexpr int kMaxAttempts = 10;
  for (int i = 0; i < kMaxAttempts; ++i) {
    make_folders(link.parent_path());
    const fs::path temporary = link.string() + temporary_ending();
    error.clear();
    fs::create_symlink(target, temporary, error);
    if (!error) fs::rename(temporary, link, error);
    if (!error) return sync_folder(link.parent_path());
    std::error_code ignored;
    fs::remove(temporary, ignored);
    if (error != std::errc::no_such_file_or_directory && error != std::errc::file_exists) break;
  }
  fail(ErrorCode::io, "cannot make the symbolic link ", link.string(), ": ", error.message(),
       "; the cache must be on a file system that supports them: set HF_HOME to another folder");
}

std::vector<Repository> Cache::repositories() const {
  std::vector<Repository> found;
  for (const std::string& name : readable_names_in(root_))
    if (const auto id = id_of(name)) found.push_back({.id = *id});
  std::ranges::sort(found, {}, &Repository::id);
  return found;
}

std::set<std::string> Cache::files(const fs::path& snapshot) const {
  std::set<std::string> names;
  if (!is_there(snapshot)) return names;
  for (const fs::path& file : files_below(snapshot))  // through the links
    names.insert(file.lexically_relative(snapshot).generic_string());
  return names;
}

std::optional<std::string> repository_of_snapshot(const fs::path& folder) {
  const fs::path path = (folder / "").lexically_normal().parent_path();
  if (!is_commit(path.filename().string()) || path.parent_path().filename() != "snapshots")
    return std::nullopt;
  return id_of(path.parent_path().parent_path().filename().string());
}

}  // namespace ddim::engine::hub
