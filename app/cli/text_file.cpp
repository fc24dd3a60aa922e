#include "text_file.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace ddim::cli {

std::string read_text_file(const std::filesystem::path& file, const std::string& name) {
  struct Close {
    void operator()(std::FILE* open) const { std::fclose(open); }
  };
  const auto fail_read = [&name] {
    throw Error(ErrorCode::io, fmt::format("{}: cannot be read: {}", name, std::strerror(errno)));
  };
  const std::unique_ptr<std::FILE, Close> open(std::fopen(file.c_str(), "rbe"));
  if (!open) fail_read();
  constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
  std::string text;
  std::array<char, 1 << 16> piece{};
  while (const std::size_t count = std::fread(piece.data(), 1, piece.size(), open.get())) {
    text.append(piece.data(), count);
    if (text.size() > kMaxBytes) {
      throw Error(
          ErrorCode::corrupt,
          fmt::format("{}: is larger than the 64 MiB that a file of its kind may have", name));
    }
  }
  if (std::ferror(open.get()) != 0) fail_read();
  return text;
}

}  // namespace ddim::cli
