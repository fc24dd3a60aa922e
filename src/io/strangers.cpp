#include "io/strangers.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

struct Stranger {
  std::string_view start, what;
};

constexpr Stranger kStrangers[] = {
    {"version https://git-lfs",
     "this is a git-LFS pointer, not the file: run `git lfs pull` where it was cloned"},
    {"\x1f\x8b", "this is a gzip archive: unpack it first"},
    {"\xfd"
     "7zXZ",
     "this is an xz archive: unpack it first"},
    {"\x89HDF\r\n", "this is an HDF5 file (from Keras?), which is not supported"},
    {"\x89PNG\r\n", "this is a picture, not a file of tensors"},
    {"\xff\xd8\xff", "this is a picture, not a file of tensors"},
    {"GIF8", "this is a picture, not a file of tensors"},
    {std::string_view("II*\0", 4), "this is a picture, not a file of tensors"},
    {std::string_view("MM\0*", 4), "this is a picture, not a file of tensors"},
    {"RIFF", "this is a picture (WebP?), not a file of tensors"},
};

}  // namespace

void refuse_strangers(std::span<const std::byte> file, const std::string& file_name) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  for (const Stranger& stranger : kStrangers) {
    if (text.starts_with(stranger.start)) {
      fail(ErrorCode::corrupt, file_name, ": ", stranger.what);
    }
  }
  const auto first =
      std::find_if(text.begin(), text.begin() + std::min<std::ptrdiff_t>(64, std::ssize(text)),
                   [](unsigned char c) { return std::isspace(c) == 0; });
  std::string start(first, first + std::min<std::ptrdiff_t>(9, text.end() - first));
  std::transform(start.begin(), start.end(), start.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (start == "<!doctype" || start.starts_with("<html")) {
    fail(ErrorCode::corrupt, file_name,
         ": this is an HTML page, not the file: the download went wrong, fetch it again");
  }
}

}  // namespace ddim::engine::io
