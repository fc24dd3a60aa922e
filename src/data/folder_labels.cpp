#include "data/folder_labels.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "data/natural_order.h"
#include "io/read_file.h"

namespace ddim::engine::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxListBytes = 1 << 30;
constexpr std::int64_t kMaxClasses = 1'000'000;

std::vector<std::string> folders_of(const fs::path& dir, const std::vector<fs::path>& files) {
  std::vector<std::string> folders;
  for (const fs::path& file : files) {
    const fs::path below = file.lexically_relative(dir);
    require(
        below.has_parent_path(), file.string(), ": not in a sub-folder of ", dir.string(),
        "; the sub-folder of a picture is its class, unless a file labels.csv there (file,label) "
        "says the classes");
    folders.push_back(below.begin()->string());
  }
  return folders;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\"";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// File -> label, as the list has them.
std::map<std::string, std::string, std::less<>> read_list(const fs::path& list) {
  std::map<std::string, std::string, std::less<>> label_of;
  const std::string text = io::read_file(list, kMaxListBytes);
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // a byte-order mark
  for (std::int64_t line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view row = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (row.empty()) continue;
    // A file's name may hold a comma; a label may not.
    const std::size_t comma = row.rfind(',');
    if (comma == std::string_view::npos)
      fail(ErrorCode::corrupt, list.string(), ": line ", line, ": expected file,label");
    const std::string_view file = trimmed(row.substr(0, comma));
    const std::string_view label = trimmed(row.substr(comma + 1));
    const bool is_heading =
        line == 1 && (label == "label" || label == "class" || label == "labels");
    if (is_heading) continue;
    if (!label_of.emplace(file, label).second)
      fail(ErrorCode::corrupt, list.string(), ": line ", line, ": ", file, " is listed twice");
  }
  return label_of;
}

std::vector<std::string> labels_of_list(const fs::path& dir, const fs::path& list,
                                        const std::vector<fs::path>& files) {
  const auto label_of = read_list(list);
  std::vector<std::string> labels;
  for (const fs::path& file : files) {
    auto found = label_of.find(file.lexically_relative(dir).generic_string());
    if (found == label_of.end()) found = label_of.find(file.filename().string());
    require(found != label_of.end(), file.string(), ": is not listed in ", list.string());
    labels.push_back(found->second);
  }
  return labels;
}

/// The number that the text is, if it can be a class's.
std::optional<std::int64_t> class_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || number < 0 || number >= kMaxClasses) return std::nullopt;
  return number;
}

FolderLabels by_name(const std::vector<std::string>& name_of) {
  FolderLabels result{.names = name_of};
  std::ranges::sort(result.names, natural_less);
  result.names.erase(std::unique(result.names.begin(), result.names.end()), result.names.end());
  for (const std::string& name : name_of) {
    const auto place = std::ranges::lower_bound(result.names, name, natural_less);
    result.labels.push_back(place - result.names.begin());
  }
  return result;
}

}  // namespace

FolderLabels folder_labels(const fs::path& dir, const std::vector<fs::path>& files) {
  const fs::path list = dir / "labels.csv";
  if (!fs::is_regular_file(list)) return by_name(folders_of(dir, files));
  const std::vector<std::string> texts = labels_of_list(dir, list, files);
  const bool are_numbers = std::ranges::all_of(
      texts, [](const std::string& text) { return class_number(text).has_value(); });
  if (!are_numbers) return by_name(texts);
  FolderLabels result;
  for (const std::string& text : texts) result.labels.push_back(*class_number(text));
  const std::int64_t largest = result.labels.empty() ? -1 : std::ranges::max(result.labels);
  for (std::int64_t k = 0; k <= largest; ++k) result.names.push_back(std::to_string(k));
  return result;
}

}  // namespace ddim::engine::data
