#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hub/repository.h"

namespace ddim::engine::hub {

/// The folder in which huggingface_hub and this program keep what they fetched:
///
///     models--owner--name/blobs/<etag>                      contents, each once
///     models--owner--name/snapshots/<commit>/unet/config.json -> ../../../blobs/<etag>
///     models--owner--name/refs/main                          the commit that `main` was
///     .locks/models--owner--name/<etag>.lock                 held while a blob is written
class Cache {
 public:
  explicit Cache(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path blob(const Repository& repository, const std::string& etag) const;
  std::filesystem::path lock(const Repository& repository, const std::string& etag) const;
  std::filesystem::path snapshot(const Repository& repository, const std::string& commit) const;

  /// The commit that the revision is, as far as the cache knows.
  std::optional<std::string> find_commit(const Repository& repository) const;
  /// Remembers it. Error(io) when the system refuses.
  void store_commit(const Repository& repository, const std::string& commit) const;

  /// Lets `file` of the snapshot be the blob. Error(io) when the system refuses.
  void link(const Repository& repository, const std::string& commit, const std::string& file,
            const std::string& etag) const;

  /// The models that were ever fetched, whole or not, sorted.
  std::vector<Repository> repositories() const;

  /// Files of a snapshot whose contents are there, relative to it, with `/`.
  std::set<std::string> files(const std::filesystem::path& snapshot) const;

 private:
  std::filesystem::path folder(const Repository& repository) const;

  std::filesystem::path root_;
};

/// "owner/name" when `folder` is a snapshot in a cache, whoever made it.
std::optional<std::string> repository_of_snapshot(const std::filesystem::path& folder);

}  // namespace ddim::engine::hub
