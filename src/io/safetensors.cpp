#include "io/safetensors.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "io/digests.h"
#include "io/safetensors_header.h"
#include "io/strangers.h"
#include "io/zip_reader.h"

namespace ddim::engine::io {
namespace {

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
    entries.push_back({std::move(tensor.name),
                       tensor.type,
                       std::move(tensor.shape),
                       data.subspan(tensor.begin, tensor.end - tensor.begin),
                       {},
                       {},
                       0,
                       false});
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

/// Whether a file's first line looks like one.
bool is_text(std::string_view file) {
  constexpr std::size_t kEnough = 64;
  return std::ranges::all_of(file.substr(0, kEnough), [](unsigned char c) {
    return std::isprint(c) != 0 || std::isspace(c) != 0;
  });
}

}  // namespace

bool begins_like_safetensors(std::span<const std::byte> file) {
  return file.size() > sizeof(std::uint64_t) && file[sizeof(std::uint64_t)] == std::byte{'{'};
}

SafetensorsContents parse_safetensors(std::span<const std::byte> file,
                                      const std::string& file_name) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!begins_like_safetensors(file)) {
    refuse_strangers(file, file_name);
    if (looks_like_zip(file))
      fail(ErrorCode::corrupt, file_name, ": this is a zip archive (torch.save?), not safetensors");
  }
  constexpr std::size_t kLengthBytes = 8;
  if (file.size() < kLengthBytes) {
    fail(ErrorCode::corrupt, file_name, ": too short for a safetensors file (", file.size(),
         " bytes)");
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes) {
    if (is_text(text))
      fail(ErrorCode::corrupt, file_name, ": this is text, not a model or a file of tensors");
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
  SafetensorsContents contents{
      .entries = place_tensors(std::move(header.tensors), file.subspan(kLengthBytes + header_bytes),
                               file_name),
      .metadata = std::move(header.metadata)};
  take_digests(contents.metadata, contents.entries, file_name);
  return contents;
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  return open(path, std::make_shared<const MappedFile>(path));
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path,
                                      std::shared_ptr<const MappedFile> file) {
  SafetensorsContents contents = parse_safetensors(file->bytes(), path.string());
  for (TensorEntry& entry : contents.entries) entry.is_mapped = file->is_mapped();
  return {path, {std::move(file)}, std::move(contents.entries), std::move(contents.metadata)};
}

}  // namespace ddim::engine::io
