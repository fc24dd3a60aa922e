#include "terminal.h"

#include <ddim/error.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace ddim::cli {
namespace {

std::string styled(const char* code, const std::string& text, bool colour) {
  return colour ? "\033[" + std::string(code) + "m" + text + "\033[0m" : text;
}

[[noreturn]] void fail_of_output() {
  throw Error(ErrorCode::io,
              fmt::format("standard output: cannot be written: {}", std::strerror(errno)));
}

}  // namespace

void hold_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != stream) return;
}

void write_out(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) < text.size()) fail_of_output();
}

std::string number_or_dash(fmt::format_string<double&> pattern, double value) {
  return std::isnan(value) ? "-" : fmt::format(pattern, value);
}

void write_err(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

void flush_output() {
  if (std::fflush(stdout) != 0) fail_of_output();
}

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
