// The manifest of an output folder. It is JSON, so other programs can read it. This program accepts
// only the exact text that manifest_text() writes, so that it detects any damage.
#include <system_error>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/sha256.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxManifestBytes = 1 << 24;
constexpr std::string_view kHead = "{\n  \"format\": \"ddim-manifest-1\",\n  \"files\": [";
constexpr std::string_view kName = "\n    {\"name\": \"";
constexpr std::string_view kSize = "\", \"size_bytes\": ";
constexpr std::string_view kHash = ", \"sha256\": \"";
constexpr std::string_view kEnd = "\"}";
constexpr std::string_view kTail = "\n  ]\n}\n";

/// Parses a text from the front.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool skip(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  /// Returns the text before `end` and skips both; empty if there is no `end`.
  std::string_view take_until(std::string_view end) {
    const std::string_view taken = rest_.substr(0, rest_.find(end));
    rest_.remove_prefix(taken.size());
    return skip(end) ? taken : std::string_view();
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool consists_of(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

/// Whether there is no regular file of this name. False also for what the system does not show:
/// reading it tells why.
bool is_missing(const fs::path& path) {
  if (!is_there(path)) return true;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return !error && !fs::is_regular_file(status);
}

std::optional<std::string> verify_file(const fs::path& path, std::string_view expected_size,
                                       std::string_view expected_hash) {
  if (is_missing(path)) return concat(path.string(), " is missing");
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (!error && std::to_string(size) != expected_size)
    return concat(path.string(), " has ", size, " bytes, not ", expected_size);
  if (sha256_hex_of_file(path) != expected_hash) {
    return concat(path.string(), " is damaged: its SHA-256 is not the manifest's");
  }
  return std::nullopt;
}

}  // namespace

std::string DurableFolder::manifest_text() const {
  std::string text(kHead);
  for (const File& file : files_) {
    if (&file != &files_.front()) text += ",";
    text += concat(kName, file.name, kSize, file.size_bytes, kHash, file.sha256, kEnd);
  }
  return text += kTail;
}

std::optional<std::vector<ManifestEntry>> read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifestName;
  std::error_code error;
  if (is_missing(path) || (fs::file_size(path, error) > kMaxManifestBytes && !error))
    return std::nullopt;
  const std::string text = read_file(path, kMaxManifestBytes);

  std::vector<ManifestEntry> entries;
  Cursor cursor(text);
  if (!cursor.skip(kHead)) return std::nullopt;
  while (!cursor.skip(kTail)) {
    if ((!entries.empty() && !cursor.skip(",")) || !cursor.skip(kName)) return std::nullopt;
    const std::string_view name = cursor.take_until(kSize);
    const std::string_view size = cursor.take_until(kHash);
    const std::string_view hash = cursor.take_until(kEnd);
    const bool is_exact = !name.empty() && name.find('"') == std::string_view::npos &&
                          consists_of(size, "0123456789") && consists_of(hash, "0123456789abcdef");
    if (!is_exact) return std::nullopt;
    entries.push_back({std::string(name), std::string(size), std::string(hash)});
  }
  return cursor.at_end() ? std::optional(std::move(entries)) : std::nullopt;
}

bool is_damaged_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifestName;
  std::error_code error;
  if (is_missing(path) || (fs::file_size(path, error) > kMaxManifestBytes && !error)) return false;
  const std::string text = read_file(path, kMaxManifestBytes);
  // Damage of one place leaves one of them.
  const bool is_ours =
      text.find("ddim-manifest") != std::string::npos || text.find(kHash) != std::string::npos;
  return is_ours && !read_manifest(folder);
}

std::optional<std::string> verify_entry(const fs::path& folder, const ManifestEntry& entry) {
  return verify_file(folder / entry.name, entry.size_bytes, entry.sha256);
}

std::optional<std::string> verify_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifestName;
  if (is_missing(path)) return concat(path.string(), " is missing");
  const auto entries = read_manifest(folder);
  if (!entries) return concat(path.string(), " is damaged");
  for (const ManifestEntry& entry : *entries)
    if (auto problem = verify_entry(folder, entry)) return problem;
  return std::nullopt;
}

}  // namespace ddim::engine
