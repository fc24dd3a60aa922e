#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace ddim::cli {
namespace {

std::string styled(const char* code, const std::string& text, bool colour) {
  return colour ? "\033[" + std::string(code) + "m" + text + "\033[0m" : text;
}

}  // namespace

int text_width() {
  constexpr int kDefault = 80, kLeast = 20, kMost = 100;
  const char* const columns = std::getenv("COLUMNS");
  int width = columns == nullptr ? 0 : std::atoi(columns);
  winsize window{};
  if (width <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0) width = window.ws_col;
  return width <= 0 ? kDefault : std::clamp(width, kLeast, kMost);
}

bool has_colour(int stream) {
  const char* const refused = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return isatty(stream) == 1 && (refused == nullptr || *refused == '\0') && terminal != nullptr &&
         *terminal != '\0' && std::string_view(terminal) != "dumb";
}

std::string bold(const std::string& text, bool colour) { return styled("1", text, colour); }
std::string cyan(const std::string& text, bool colour) { return styled("36", text, colour); }
std::string red(const std::string& text, bool colour) { return styled("31", text, colour); }

}  // namespace ddim::cli
