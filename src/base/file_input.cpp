#include "base/file_input.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;

struct CloseInput {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using InputFile = std::unique_ptr<std::FILE, CloseInput>;

[[noreturn]] void fail_read(const fs::path& path, int reason) {
  fail(ErrorCode::io, "cannot read ", path.string(), ": ", std::system_category().message(reason));
}

InputFile open_to_read(const fs::path& path) {
  std::error_code code;
  if (fs::is_directory(path, code)) fail_read(path, EISDIR);
  constexpr int kMaxAttempts = 100;  // as uninterrupted()
  InputFile file;
  for (int i = 0; i < kMaxAttempts && !file; ++i) {
    file.reset(std::fopen(path.c_str(), "rbe"));
    if (!file && errno != EINTR) break;
  }
  if (!file) fail_read(path, errno);
  return file;
}

}  // namespace

void read_pieces(const fs::path& path, const ByteSink& sink) {
  const InputFile file = open_to_read(path);
  // Not by the size that the system tells: a pipe has none, and a file may grow.
  std::vector<std::byte> piece(1 << 16);
  while (const std::size_t count = std::fread(piece.data(), 1, piece.size(), file.get()))
    sink(std::span(piece).first(count));
  if (std::ferror(file.get()) != 0) fail_read(path, errno);
}

std::string read_start(const fs::path& path, std::size_t num_bytes) {
  const InputFile file = open_to_read(path);
  std::string text(num_bytes, '\0');
  text.resize(std::fread(text.data(), 1, num_bytes, file.get()));
  if (std::ferror(file.get()) != 0) fail_read(path, errno);
  return text;
}

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
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

std::optional<std::string> read_file_if_there(const fs::path& path, std::uint64_t max_bytes) {
  return is_there(path) ? std::optional(read_file(path, max_bytes)) : std::nullopt;
}

bool is_there(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (error == std::errc::filename_too_long) return false;
  if (status.type() == fs::file_type::none) fail_read(path, error.value());
  return fs::exists(status);
}

}  // namespace ddim::engine
