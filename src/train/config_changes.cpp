#include "train/config_changes.h"

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

void record_changes(const fs::path& run, std::int64_t step,
                    const std::vector<ConfigChange>& changes) {
  const std::vector<ConfigChange> before = read_changes(run);
  std::vector<ConfigChange> all = before;
  std::erase_if(all, [&](const ConfigChange& change) { return change.step >= step; });
  all.insert(all.end(), changes.begin(), changes.end());
  if (all != before)
    write_file_durably(run / kOverridesFile, overrides_text(all), Overwrite::allow);
}

void accept(const std::vector<ConfigChange>& changes, AcceptedChanges& accepted) {
  for (const ConfigChange& change : changes) accepted[change.key] = change.after;
}

}  // namespace ddim::engine::train
