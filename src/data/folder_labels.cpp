#include "data/folder_labels.h"

#include <ddim/counts.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file_input.h"
#include "base/text.h"
#include "data/natural_order.h"

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
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Where a list has several of them, the first here is meant.
constexpr std::string_view kLabelNames[] = {"label",  "labels",   "class", "classes",
                                            "target", "category", "breed"};
constexpr std::string_view kFileNames[] = {"file",     "filename", "file_name", "files",
                                           "path",     "image",    "img",       "picture",
                                           "image_id", "name",     "id"};

/// Which of a list's columns has the first of these names that one has.
std::optional<std::size_t> column_of(const std::vector<std::string>& columns,
                                     std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (small_letters(columns[i]) == name) return i;
  }
  return std::nullopt;
}

/// Of a list: which is the separator, and what stands where.
struct Columns {
  char separator = ',';
  std::size_t file = 0, label = 1;
  bool have_names = false;
  bool are_two = true;
};

/// A row of CSV: a line, or several where line ends are in quotes. Quotes count where a field
/// begins with them.
struct Row {
  std::vector<std::string_view> fields = {};  ///< as they stand
  std::size_t size = 0;                       ///< with the line end
  bool is_open = false;                       ///< a quote does not end
};

Row first_row(std::string_view text, char separator) {
  Row row;
  std::size_t begin = 0;
  bool is_quoted = false;
  for (std::size_t i = 0;; ++i) {
    const char c = i < text.size() ? text[i] : '\n';
    if (c == '"' && (is_quoted || trimmed(text.substr(begin, i - begin)).empty())) {
      is_quoted = true;
      row.is_open = !row.is_open;
    }
    if (i < text.size() && (row.is_open || (c != separator && c != '\n'))) continue;
    row.fields.push_back(text.substr(begin, i - begin));
    begin = i + 1;
    is_quoted = false;
    if (c != '\n') continue;
    row.size = std::min(begin, text.size());
    return row;
  }
}

/// What stands in a field: without the quotes around it, of which two within are one.
std::string value_of(std::string_view field) {
  field = trimmed(field);
  if (!field.starts_with('"')) return std::string(field);
  std::string value;
  for (std::size_t i = 1; i < field.size(); ++i) {
    const bool is_two = field.substr(i).starts_with("\"\"");
    if (field[i] != '"' || is_two) value += field[i];
    if (is_two) ++i;
  }
  return std::string(trimmed(value));
}

std::vector<std::string> values_of(const std::vector<std::string_view>& fields) {
  std::vector<std::string> values;
  for (const std::string_view field : fields) values.push_back(value_of(field));
  return values;
}

/// From the first row, which may have names of columns.
Columns columns_of(std::string_view text) {
  Columns columns;
  for (const char separator : {',', ';', '\t'}) {
    const std::vector<std::string> names = values_of(first_row(text, separator).fields);
    if (names.size() < 2) continue;
    columns.separator = separator;
    columns.are_two = names.size() == 2;
    const auto label = column_of(names, kLabelNames);
    columns.have_names = label.has_value();
    if (!label) break;
    columns.label = *label;
    columns.file = column_of(names, kFileNames).value_or(columns.label == 0 ? 1 : 0);
    break;
  }
  if (!columns.have_names) columns.are_two = true;
  return columns;
}

/// A file's name may hold a comma without quotes where there are two columns; a label may not.
std::vector<std::string> fields_of(std::vector<std::string_view> fields, const Columns& columns) {
  if (columns.are_two && columns.label != 0 && fields.size() > 2) {
    const char* const begin = fields.front().data();
    const char* const end = fields.back().data() - 1;  // the separator
    fields = {{begin, static_cast<std::size_t>(end - begin)}, fields.back()};
  }
  return values_of(fields);
}

/// The label of each file; tells of rows that are none's.
std::vector<std::string> labels_of_list(const fs::path& dir, const fs::path& list,
                                        const std::vector<fs::path>& files,
                                        std::vector<std::string>& notices) {
  const LabelList label_of = parse_label_list(read_file(list, kMaxListBytes), list.string());
  std::vector<std::string> labels;
  std::map<std::string_view, const fs::path*> files_of_rows;
  for (const fs::path& file : files) {
    auto found = label_of.find(file.lexically_relative(dir).generic_string());
    if (found == label_of.end()) found = label_of.find(file.filename().string());
    if (found == label_of.end()) found = label_of.find(file.stem().string());
    require(found != label_of.end(), file.string(), ": is not listed in ", list.string());
    const auto [row, is_first] = files_of_rows.emplace(found->first, &file);
    require(is_first, list.string(), ": ", found->first, " may be ", row->second->string(), " or ",
            file.string(), ": write their paths below ", dir.string());
    labels.push_back(found->second);
  }
  const auto is_used = [&](const auto& row) { return files_of_rows.contains(row.first); };
  if (const auto other = std::ranges::find_if_not(label_of, is_used); other != label_of.end()) {
    const auto count = static_cast<std::int64_t>(label_of.size() - files_of_rows.size());
    notices.push_back(concat(list.string(), ": ", count_of(count, "rows"), " of no picture here (",
                             other->first, count > 1 ? ", ...)" : ")"));
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

LabelList parse_label_list(std::string_view text, const std::string& file_name) {
  LabelList label_of;
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF") ||
      text.find('\0') != std::string_view::npos)
    fail(ErrorCode::corrupt, file_name, ": is UTF-16; save it as UTF-8");
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte-order mark
  std::string of_lines;
  if (text.find('\n') == std::string_view::npos && text.find('\r') != std::string_view::npos) {
    of_lines = text;  // Excel's "CSV (Macintosh)"
    std::ranges::replace(of_lines, '\r', '\n');
    text = of_lines;
  }
  std::optional<Columns> columns;
  std::int64_t line = 1, next_line = 1;
  const auto refuse = [&](const auto&... reason) {
    fail(ErrorCode::corrupt, file_name, ": line ", line, ": ", reason...);
  };
  for (; !text.empty(); line = next_line) {
    const bool is_first = !columns;
    const Columns here = columns ? *columns : columns_of(text);
    const Row row = first_row(text, here.separator);
    next_line += std::ranges::count(text.substr(0, row.size), '\n');
    text.remove_prefix(row.size);
    const std::vector<std::string> fields = fields_of(row.fields, here);
    if (std::ranges::all_of(fields, &std::string::empty)) continue;
    if (row.is_open) refuse("a quote begins here and does not end");
    columns = here;
    if (is_first && here.have_names) continue;
    if (fields.size() <= std::max(here.file, here.label)) refuse("expected file,label");
    const std::string file = fs::path(fields[here.file]).lexically_normal().generic_string();
    if (fields[here.label].empty()) refuse(file, " has no label");
    if (!label_of.emplace(file, fields[here.label]).second) refuse(file, " is listed twice");
  }
  return label_of;
}

FolderLabels folder_labels(const fs::path& dir, const std::vector<fs::path>& files) {
  const fs::path list = dir / "labels.csv";
  if (!fs::is_regular_file(list)) return by_name(folders_of(dir, files));
  FolderLabels result;
  const std::vector<std::string> texts = labels_of_list(dir, list, files, result.notices);
  const bool are_numbers = std::ranges::all_of(
      texts, [](const std::string& text) { return class_number(text).has_value(); });
  if (!are_numbers) {
    FolderLabels named = by_name(texts);
    named.notices = std::move(result.notices);
    return named;
  }
  for (const std::string& text : texts) result.labels.push_back(*class_number(text));
  const std::int64_t largest = result.labels.empty() ? -1 : std::ranges::max(result.labels);
  for (std::int64_t k = 0; k <= largest; ++k) result.names.push_back(std::to_string(k));
  return result;
}

}  // namespace ddim::engine::data
