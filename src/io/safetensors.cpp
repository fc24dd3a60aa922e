#include "io/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "io/safetensors_header.h"

namespace ddim::io {
namespace {

/// What people download by mistake gets its own message.
void refuse_known_strangers(std::string_view text, const std::string& file_name) {
  if (text.starts_with("version https://git-lfs")) {
    fail(ErrorCode::corrupt, file_name,
         ": this is a git-LFS pointer, not the file: run `git lfs pull` where it was cloned");
  }
  if (text.starts_with("PK\x03\x04")) {
    fail(ErrorCode::corrupt, file_name, ": this is a zip archive (torch.save?), not safetensors");
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

/// Turns what the header declares into spans, having checked that they tile `data`.
std::vector<TensorEntry> place_tensors(std::vector<DeclaredTensor> tensors,
                                       std::span<const std::byte> data,
                                       const std::string& file_name) {
  std::sort(tensors.begin(), tensors.end(), [](const DeclaredTensor& a, const DeclaredTensor& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::vector<TensorEntry> entries;
  entries.reserve(tensors.size());
  std::uint64_t position = 0;
  for (DeclaredTensor& tensor : tensors) {
    const auto fail_tensor = [&](const auto&... parts) {
      fail(ErrorCode::corrupt, file_name, ": tensor ", display_name(tensor.name), " ", parts...);
    };
    if (tensor.end < tensor.begin || tensor.end > data.size()) {
      fail_tensor("lies at bytes ", tensor.begin, "..", tensor.end, " of the data, which have ",
                  data.size(), " bytes: the file is truncated or damaged");
    }
    if (tensor.begin != position) {
      fail_tensor(tensor.begin < position ? "overlaps the one before it" : "follows a hole",
                  ": it begins at byte ", tensor.begin, " of the data, not at ", position);
    }
    const std::int64_t num_bytes = num_bytes_of(tensor.type, tensor.shape);
    if (num_bytes < 0) fail_tensor("has a shape that is too large for 63 bits");
    if (static_cast<std::uint64_t>(num_bytes) != tensor.end - tensor.begin) {
      fail_tensor("has ", tensor.end - tensor.begin, " bytes, but its shape and type need ",
                  num_bytes);
    }
    entries.push_back({std::move(tensor.name), tensor.type, std::move(tensor.shape),
                       data.subspan(tensor.begin, tensor.end - tensor.begin)});
    position = tensor.end;
  }
  if (position != data.size()) {
    fail(ErrorCode::corrupt, file_name, ": ", data.size() - position,
         " bytes after the last tensor belong to none");
  }
  return entries;
}

void refuse_duplicates(const std::vector<DeclaredTensor>& tensors, const std::string& file_name) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const DeclaredTensor& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end()) {
    fail(ErrorCode::corrupt, file_name, ": there are two tensors ", display_name(*twin));
  }
}

}  // namespace

SafetensorsContents parse_safetensors(std::span<const std::byte> file,
                                      const std::string& file_name) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  refuse_known_strangers(text, file_name);
  constexpr std::size_t kLengthBytes = 8;
  if (file.size() < kLengthBytes) {
    fail(ErrorCode::corrupt, file_name, ": too short for a safetensors file (", file.size(),
         " bytes)");
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes) {
    fail(ErrorCode::corrupt, file_name, ": not a safetensors file: its header would have ",
         header_bytes, " bytes, at most ", kMaxHeaderBytes, " are allowed");
  }
  if (header_bytes > file.size() - kLengthBytes) {
    fail(ErrorCode::corrupt, file_name, ": truncated: the header has ", header_bytes,
         " bytes, but only ", file.size() - kLengthBytes, " follow");
  }
  const std::string_view json = text.substr(kLengthBytes, header_bytes);
  if (!json.starts_with('{')) {
    fail(ErrorCode::corrupt, file_name, ": bad safetensors header: it does not begin with {");
  }
  SafetensorsHeader header = parse_safetensors_header(json, file_name);
  refuse_duplicates(header.tensors, file_name);
  return {place_tensors(std::move(header.tensors), file.subspan(kLengthBytes + header_bytes),
                        file_name),
          std::move(header.metadata)};
}

/// The bytes of a file, read-only, for as long as this lives.
class SafetensorsFile::Mapping {
 public:
  explicit Mapping(const std::filesystem::path& path) {
    const auto fail_open = [&path](int reason) {
      fail(ErrorCode::io, "cannot read ", path.string(), ": ",
           std::system_category().message(reason));
    };
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail_open(errno);
    struct stat status {};
    int reason = ::fstat(descriptor, &status) == 0 ? 0 : errno;
    if (reason == 0 && S_ISDIR(status.st_mode)) reason = EISDIR;
    if (reason == 0 && status.st_size > 0) {
      void* address = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ,
                             MAP_PRIVATE, descriptor, 0);
      if (address == MAP_FAILED) {
        reason = errno;
      } else {
        bytes_ = {static_cast<const std::byte*>(address), static_cast<std::size_t>(status.st_size)};
      }
    }
    ::close(descriptor);
    if (reason != 0) fail_open(reason);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

SafetensorsFile::SafetensorsFile(std::filesystem::path path, std::shared_ptr<const Mapping> mapping,
                                 SafetensorsContents contents)
    : path_(std::move(path)), mapping_(std::move(mapping)), contents_(std::move(contents)) {
  for (std::size_t i = 0; i < contents_.entries.size(); ++i) index_[contents_.entries[i].name] = i;
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  auto mapping = std::make_shared<const Mapping>(path);
  SafetensorsContents contents = parse_safetensors(mapping->bytes(), path.string());
  return {path, std::move(mapping), std::move(contents)};
}

const TensorEntry* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &contents_.entries[found->second];
}

const TensorEntry& SafetensorsFile::at(std::string_view name) const {
  const TensorEntry* entry = find(name);
  if (entry == nullptr) {
    fail(ErrorCode::corrupt, path_.string(), " has no tensor ", display_name(name));
  }
  return *entry;
}

void SafetensorsFile::read_f32(const TensorEntry& entry, std::span<float> out) const {
  require(static_cast<std::int64_t>(out.size()) == entry.num_elements(), path_.string(),
          ": tensor ", display_name(entry.name), " has ", entry.num_elements(), " elements, not ",
          out.size());
  try {
    to_f32(entry.type, entry.bytes, out);
  } catch (const Error& error) {
    fail(error.code(), path_.string(), ": tensor ", display_name(entry.name), ": ", error.what());
  }
}

std::vector<float> SafetensorsFile::read(std::string_view name) const {
  const TensorEntry& entry = at(name);
  std::vector<float> values(static_cast<std::size_t>(entry.num_elements()));
  read_f32(entry, values);
  return values;
}

}  // namespace ddim::io
