#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ddim::engine::hub {

/// A model on the hub, as people write it: "owner/name", or "owner/name@revision".
struct Repository {
  std::string id = {};              ///< "owner/name"
  std::string revision = {"main"};  ///< a branch, a tag, or a commit
};

/// nullopt for text that no hub would take: an id has two parts of letters, digits, `-`, `_` and
/// `.`, at most 96 characters, no `--` and no `..`; a revision is a name of git without `..`.
std::optional<Repository> parse_repository(std::string_view text);

/// "owner/name@revision"
std::string to_string(const Repository& repository);

/// Whether this is the full name of a commit: 40 lower-case hexadecimal digits.
bool is_commit(std::string_view revision);

/// Whether all of `text` are lower-case hexadecimal digits.
bool is_hexadecimal(std::string_view text);

}  // namespace ddim::engine::hub
