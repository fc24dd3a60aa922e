#include "io/read_file.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace ddim::engine::io {

void read_pieces(const std::filesystem::path& path, const ByteSink& sink) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const auto fail_read = [&path](int reason) {
    fail(ErrorCode::io, "cannot read ", path.string(), ": ",
         std::system_category().message(reason));
  };
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) fail_read(EISDIR);
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rbe"));
  if (!file) fail_read(errno);

  // Not by the size that the system tells: a pipe has none, and a file may grow.
  std::vector<std::byte> piece(1 << 16);
  while (const std::size_t count = std::fread(piece.data(), 1, piece.size(), file.get()))
    sink(std::span(piece).first(count));
  if (std::ferror(file.get()) != 0) fail_read(errno);
}

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  std::string text;
  read_pieces(path, [&](std::span<const std::byte> bytes) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() > max_bytes) {
      fail(ErrorCode::corrupt, path.string(), " is larger than the ", max_bytes,
           " bytes that a file of its kind may have");
    }
  });
  return text;
}

}  // namespace ddim::engine::io
