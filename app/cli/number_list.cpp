#include "number_list.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <charconv>

#include "text_file.h"

namespace ddim::cli {

std::vector<double> parse_numbers(const std::string& text, const std::string& source) {
  constexpr const char* kBetween = ", \t\r\n";
  std::vector<double> numbers;
  std::size_t begin = text.find_first_not_of(kBetween);
  while (begin != std::string::npos) {
    const std::size_t end = std::min(text.find_first_of(kBetween, begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    double& number = numbers.emplace_back();
    const auto result = std::from_chars(word.data(), word.data() + word.size(), number);
    const std::string shown = word.substr(0, 40);
    if (result.ptr != word.data() + word.size() || result.ec == std::errc::invalid_argument)
      throw Error(ErrorCode::user, fmt::format("{}: \"{}\" is not a number", source, shown));
    if (result.ec == std::errc::result_out_of_range)
      throw Error(ErrorCode::user,
                  fmt::format("{}: {} is too large, or too near to 0", source, shown));
    begin = text.find_first_not_of(kBetween, end);
  }
  if (numbers.empty())
    throw Error(ErrorCode::user, fmt::format("{}: no numbers; expected a list of numbers", source));
  return numbers;
}

std::vector<double> read_numbers(const std::filesystem::path& file) {
  return parse_numbers(read_text_file(file, file.string()), file.string());
}

}  // namespace ddim::cli
