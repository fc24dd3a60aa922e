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

/// What `ask` tells of a path: that there is nothing where a name is too long for one.
template <class Ask>
fs::file_status status_by(const Ask& ask, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = ask(path, error);
  if (error == std::errc::filename_too_long) return fs::file_status(fs::file_type::not_found);
  if (status.type() == fs::file_type::none) fail_read(path, error.value());
  return status;
}

/// Of what links lead to.
fs::file_status status_of(const fs::path& path) {
  return status_by([](const fs::path& of, std::error_code& error) { return fs::status(of, error); },
                   path);
}

/// Nothing, with the reason in errno, where it cannot be opened.
InputFile try_to_open(const fs::path& path) {
  std::error_code code;
  InputFile file;
  if (fs::is_directory(path, code)) {
    errno = EISDIR;
    return file;
  }
  constexpr int kMaxAttempts = 100;  // as uninterrupted()
  for (int i = 0; i < kMaxAttempts && !file; ++i) {
    file.reset(std::fopen(path.c_str(), "rbe"));
    if (!file && errno != EINTR) break;
  }
  return file;
}

InputFile open_to_read(const fs::path& path) {
  InputFile file = try_to_open(path);
  if (!file) fail_read(path, errno);
  return file;
}

/// Nothing where no file has this name.
InputFile open_if_there(const fs::path& path) {
  InputFile file = try_to_open(path);
  if (file) return file;
  const int reason = errno;
  // Asked only now: another process may remove and make it at any time.
  std::error_code code;
  const bool is_missing = reason == ENOENT || reason == ENOTDIR || reason == ENAMETOOLONG;
  if (!is_missing || fs::is_symlink(fs::symlink_status(path, code))) fail_read(path, reason);
  return file;
}

void hand_over(std::FILE* file, const fs::path& path, const ByteSink& sink) {
  // Not by the size that the system tells: a pipe has none, and a file may grow.
  std::vector<std::byte> piece(1 << 16);
  while (const std::size_t count = std::fread(piece.data(), 1, piece.size(), file))
    sink(std::span(piece).first(count));
  if (std::ferror(file) != 0) fail_read(path, errno);
}

std::string read_all(std::FILE* file, const fs::path& path, std::uint64_t max_bytes) {
  std::string text;
  hand_over(file, path, [&](std::span<const std::byte> bytes) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() > max_bytes) {
      fail(ErrorCode::corrupt, path.string(), " is larger than the ", max_bytes,
           " bytes that a file of its kind may have");
    }
  });
  return text;
}

}  // namespace

void read_pieces(const fs::path& path, const ByteSink& sink) {
  hand_over(open_to_read(path).get(), path, sink);
}

void read_pieces_if_there(const fs::path& path, std::uint64_t first, const ByteSink& sink) {
  const InputFile file = open_if_there(path);
  if (!file) return;
  if (first > 0 && ::fseeko(file.get(), static_cast<off_t>(first), SEEK_SET) != 0)
    fail_read(path, errno);
  hand_over(file.get(), path, sink);
}

std::string read_start(const fs::path& path, std::size_t num_bytes) {
  const InputFile file = open_to_read(path);
  std::string text(num_bytes, '\0');
  text.resize(std::fread(text.data(), 1, num_bytes, file.get()));
  if (std::ferror(file.get()) != 0) fail_read(path, errno);
  return text;
}

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  return read_all(open_to_read(path).get(), path, max_bytes);
}

std::optional<std::string> read_file_if_there(const fs::path& path, std::uint64_t max_bytes) {
  const InputFile file = open_if_there(path);
  if (!file) return std::nullopt;
  return read_all(file.get(), path, max_bytes);
}

bool is_there(const fs::path& path) {
  return fs::exists(status_by(
      [](const fs::path& of, std::error_code& error) { return fs::symlink_status(of, error); },
      path));
}
bool leads_somewhere(const fs::path& path) { return fs::exists(status_of(path)); }
bool is_folder(const fs::path& path) { return fs::is_directory(status_of(path)); }
bool is_file(const fs::path& path) { return fs::is_regular_file(status_of(path)); }

}  // namespace ddim::engine
