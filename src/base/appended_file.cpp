#include "base/appended_file.h"

#include <fcntl.h>

#include <span>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file_system.h"

namespace ddim::engine {
namespace {

[[noreturn]] void fail_write(const std::filesystem::path& path) {
  fail(ErrorCode::io, "cannot write ", path.string(), ": ", std::system_category().message(errno));
}

}  // namespace

AppendedFile::AppendedFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = uninterrupted(
      [&] { return system_calls().open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC, 0); });
  if (descriptor_ < 0) fail_write(path_);
}

AppendedFile::~AppendedFile() { system_calls().close(descriptor_); }

void AppendedFile::add(std::string_view text) {
  for (std::span<const std::byte> rest = std::as_bytes(std::span(text)); !rest.empty();) {
    const ssize_t written =
        uninterrupted([&] { return system_calls().write(descriptor_, rest.data(), rest.size()); });
    if (written < 0) fail_write(path_);
    rest = rest.subspan(static_cast<std::size_t>(written));
  }
}

}  // namespace ddim::engine
