#include "train/config_changes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <string_view>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOverridesFile = "overrides.csv";
constexpr std::string_view kOverridesHeader = "step,key,before,after\n";
constexpr std::uint64_t kMaxOverridesBytes = std::uint64_t{1} << 20;

ConfigChange change_of(const std::string& line, const fs::path& path) {
  std::array<std::string, 4> columns;
  std::istringstream text(line);
  text.exceptions(std::ios::badbit);
  bool complete = true;
  for (std::string& column : columns)
    complete = std::getline(text, column, ',') && !column.empty() && complete;
  ConfigChange change{.key = columns[1], .before = columns[2], .after = columns[3]};
  const char* const end = columns[0].data() + columns[0].size();
  const auto parsed = std::from_chars(columns[0].data(), end, change.step);
  if (!complete || !text.eof() || parsed.ec != std::errc() || parsed.ptr != end)
    fail(ErrorCode::corrupt, path.string(), ": \"", line, "\" is not a line of overrides");
  return change;
}

std::string overrides_text(const std::vector<ConfigChange>& changes) {
  std::string text(kOverridesHeader);
  for (const ConfigChange& change : changes)
    text += concat(change.step, ",", change.key, ",", change.before, ",", change.after, "\n");
  return text;
}

}  // namespace

std::vector<ConfigChange> read_changes(const fs::path& run) {
  const fs::path path = run / kOverridesFile;
  const std::optional<std::string> text = read_file_if_there(path, kMaxOverridesBytes);
  if (!text) return {};
  if (!text->starts_with(kOverridesHeader) || !text->ends_with('\n'))
    fail(ErrorCode::corrupt, path.string(),
         ": this is not a list of overrides: it must begin with ",
         kOverridesHeader.substr(0, kOverridesHeader.size() - 1), " and end with a whole line");
  std::vector<ConfigChange> changes;
  std::istringstream lines(text->substr(kOverridesHeader.size()));
  lines.exceptions(std::ios::badbit);
  for (std::string line; std::getline(lines, line);) changes.push_back(change_of(line, path));
  return changes;
}

void record_changes(const fs::path& run, const std::vector<ConfigChange>& changes) {
  std::vector<ConfigChange> all = read_changes(run);
  const std::size_t count = all.size();
  for (const ConfigChange& change : changes) {
    // A session that was killed before it had a checkpoint of its own was told the same.
    const auto last = std::ranges::find(all.rbegin(), all.rend(), change.key, &ConfigChange::key);
    if (last == all.rend() || last->after != change.after) all.push_back(change);
  }
  if (all.size() == count) return;
  write_file_durably(run / kOverridesFile, overrides_text(all), Overwrite::allow);
}

void accept(const std::vector<ConfigChange>& changes, AcceptedChanges& accepted) {
  for (const ConfigChange& change : changes) accepted[change.key] = change.after;
}

}  // namespace ddim::engine::train
