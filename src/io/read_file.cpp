#include "io/read_file.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "base/error.h"

namespace ddim::io {

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
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
  std::string bytes;
  constexpr std::size_t kPiece = 1 << 16;
  for (;;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + kPiece);
    const std::size_t count = std::fread(bytes.data() + size, 1, kPiece, file.get());
    bytes.resize(size + count);
    if (bytes.size() > max_bytes) {
      fail(ErrorCode::corrupt, path.string(), " is larger than the ", max_bytes,
           " bytes that a file of its kind may have");
    }
    if (count == 0) break;
  }
  if (std::ferror(file.get()) != 0) fail_read(errno);
  return bytes;
}

}  // namespace ddim::io
