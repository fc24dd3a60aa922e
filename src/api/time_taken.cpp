#include "api/time_taken.h"

#include <charconv>
#include <string>
#include <utility>

#include "base/elapsed.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/text.h"

namespace ddim::reproduction {

using namespace engine;

TimeTaken::TimeTaken(std::filesystem::path file) : file_(std::move(file)) {
  constexpr std::size_t kMostBytes = 1000;
  std::string text = read_file_if_there(file_, kMostBytes).value_or("");
  for (double* const value : {&before_, &seconds_per_picture}) {
    const std::size_t end = text.find('\n');
    if (end == std::string::npos) break;
    double found = 0.0;
    const auto [last, error] = std::from_chars(text.data(), text.data() + end, found);
    if (error == std::errc() && last == text.data() + end && found >= 0.0) *value = found;
    text.erase(0, end + 1);
  }
}

double TimeTaken::seconds() const { return before_ + seconds_since(start_); }

void TimeTaken::keep() {
  kept_ = Clock::now();
  write_file_durably(file_,
                     concat(number_text(seconds()), "\n", number_text(seconds_per_picture), "\n"),
                     Overwrite::allow);
}

void TimeTaken::keep_now_and_then() {
  if (Clock::now() - kept_ > std::chrono::seconds(5)) keep();
}

}  // namespace ddim::reproduction
