#include "data/class_list.h"

#include <algorithm>

#include "base/error.h"

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

}  // namespace

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

}  // namespace ddim::engine::data
