#include "data/class_list.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace ddim::engine::data {
namespace {

/// In quotes where it needs them.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text)
    quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return quoted + '"';
}

std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMaxListed = 20;
  const std::size_t count = std::min(kMaxListed, names.size());
  const std::string listed = join(std::span(names).first(count), ", ");
  return names.size() > count ? concat(listed, " and ", names.size() - count, " more") : listed;
}

bool is_number(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

/// Whether each name says the place where it stands: "0", "1", ...
bool are_places(const std::vector<std::string>& names) {
  for (std::size_t k = 0; k < names.size(); ++k)
    if (names[k] != std::to_string(k)) return false;
  return true;
}

}  // namespace

bool say_numbers_of(const std::vector<std::string>& names,
                    const std::vector<std::string>& classes) {
  if (!are_places(names)) return false;
  return names.empty() || are_places(classes) || std::ranges::none_of(classes, is_number);
}

std::string class_table(const std::vector<DataClass>& classes) {
  std::string table = "class,number,count\n";
  for (std::size_t k = 0; k < classes.size(); ++k)
    table += concat(csv_field(classes[k].name), ",", k, ",", classes[k].images, "\n");
  return table;
}

std::string name_classes(const std::vector<DataClass>& classes) {
  constexpr std::size_t kMaxNamed = 20;
  std::string text;
  for (std::size_t k = 0; k < std::min(kMaxNamed, classes.size()); ++k) {
    text += concat(k == 0 ? "" : ", ", k, " ", classes[k].name, " (", classes[k].images,
                   classes[k].images == 1 ? " image)" : " images)");
  }
  if (classes.size() > kMaxNamed) text += concat(", and ", classes.size() - kMaxNamed, " more");
  return text;
}

std::vector<std::string> class_names_of(const std::vector<DataClass>& classes) {
  std::vector<std::string> names;
  for (const DataClass& each : classes) names.push_back(each.name);
  return names;
}

std::vector<DataClass> count_classes(const std::vector<std::string>& names,
                                     std::span<const std::int64_t> labels) {
  std::vector<DataClass> classes;
  for (const std::string& name : names) classes.push_back({.name = name});
  for (const std::int64_t label : labels)
    if (label < std::ssize(classes)) ++classes[static_cast<std::size_t>(label)].images;
  return classes;
}

void number_as(const std::vector<std::string>& names, Dataset& dataset, const std::string& source) {
  const std::vector<DataClass>& classes = dataset.report.classes;
  if (names.empty() || say_numbers_of(class_names_of(classes), names)) return;
  std::vector<std::int64_t> numbers;
  std::vector<std::string> strangers;
  for (const DataClass& each : classes) {
    const auto found = std::ranges::find(names, each.name);
    numbers.push_back(found - names.begin());
    if (found == names.end() && each.images > 0) strangers.push_back(each.name);
  }
  require(strangers.empty(), source, ": the network has no class ", list_of(strangers),
          "; its classes are ", list_of(names));
  for (std::int64_t& label : dataset.labels) label = numbers[static_cast<std::size_t>(label)];
  dataset.report.classes = count_classes(names, dataset.labels);
}

}  // namespace ddim::engine::data
