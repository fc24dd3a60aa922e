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
  descriptor_ = system_calls().open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC, 0);
  if (descriptor_ < 0) fail_write(path_);
}

AppendedFile::~AppendedFile() { system_calls().close(descriptor_); }

void AppendedFile::add(std::string_view text) {
  if (write_all(system_calls(), descriptor_, std::as_bytes(std::span(text))) < text.size())
    fail_write(path_);
}

}  // namespace ddim::engine
