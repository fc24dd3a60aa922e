#include "hub/repository.h"

#include <algorithm>
#include <cstddef>

namespace ddim::engine::hub {
namespace {

constexpr std::size_t kMaxIdLength = 96;
constexpr std::size_t kMaxRevisionLength = 200;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
  };
  const auto may_end = [](char c) { return c != '-' && c != '.'; };
  return !text.empty() && std::ranges::all_of(text, allowed) && may_end(text.front()) &&
         may_end(text.back()) && text.find("--") == std::string_view::npos &&
         text.find("..") == std::string_view::npos;
}

/// A name that git allows and that stays below the folder it is put into.
bool is_revision(std::string_view text) {
  const auto allowed = [](char c) {
    return is_alphanumeric(c) || std::string_view("-_.+#/").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kMaxRevisionLength && std::ranges::all_of(text, allowed) &&
         text.front() != '/' && text.back() != '/' && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos && text.find("//") == std::string_view::npos &&
         text.find("/.") == std::string_view::npos;
}

}  // namespace

std::optional<Repository> parse_repository(std::string_view text) {
  Repository repository;
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    repository.revision = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || text.size() > kMaxIdLength) return std::nullopt;
  if (!is_name(text.substr(0, slash)) || !is_name(text.substr(slash + 1))) return std::nullopt;
  if (!is_revision(repository.revision)) return std::nullopt;
  repository.id = text;
  return repository;
}

std::string to_string(const Repository& repository) {
  return repository.id + "@" + repository.revision;
}

bool is_hexadecimal(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_commit(std::string_view revision) {
  return revision.size() == 40 && is_hexadecimal(revision);
}

}  // namespace ddim::engine::hub
