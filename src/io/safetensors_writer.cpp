#include <ddim/json.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "io/digests.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"

namespace ddim::engine::io {
namespace {

std::string json_string(std::string_view text) {
  try {
    return Json(text).text({.strict = true});
  } catch (const Error&) {
    fail(ErrorCode::user, "safetensors: ", display_name(text), " is not valid UTF-8");
  }
}

/// The length and the JSON, padded so that the data begin at a multiple of 8 bytes.
std::string header_bytes(const std::vector<TensorSource>& tensors, const Metadata& metadata) {
  std::vector<std::string> entries;
  if (!metadata.empty()) {
    std::vector<std::string> pairs;
    for (const auto& [key, value] : metadata) {
      pairs.push_back(concat(json_string(key), ':', json_string(value)));
    }
    entries.push_back(concat("\"__metadata__\":{", join(pairs, ","), '}'));
  }
  std::int64_t begin = 0;
  for (const TensorSource& tensor : tensors) {
    const std::int64_t end = begin + num_bytes_of(tensor.type, tensor.shape);
    entries.push_back(concat(json_string(tensor.name), ":{\"dtype\":\"", to_string(tensor.type),
                             "\",\"shape\":[", join(tensor.shape, ","), "],\"data_offsets\":[",
                             begin, ",", end, "]}"));
    begin = end;
  }
  std::string text = concat('{', join(entries, ","), '}');
  text.resize((text.size() + 7) / 8 * 8, ' ');
  require(text.size() <= kMaxHeaderBytes, "safetensors: a header of ", text.size(),
          " bytes is too long");

  const std::uint64_t length = text.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + text;
}

std::string header_with_digests(const std::vector<TensorSource>& tensors, Metadata metadata) {
  std::string& text = metadata[kCrc32Key];
  text.clear();
  std::uint32_t layout = 0;
  for (const TensorSource& tensor : tensors) {
    std::uint32_t crc32 = 0;
    write_elements(tensor,
                   [&](std::span<const std::byte> bytes) { crc32 = crc32_of(bytes, crc32); });
    text += crc32_text(crc32);
    layout = layout_crc32(tensor.name, tensor.type, tensor.shape, layout);
  }
  text += crc32_text(layout);
  return header_bytes(tensors, metadata);
}

}  // namespace

FileContent safetensors_content(std::vector<TensorSource> tensors, Metadata metadata,
                                Digests digests) {
  require(tensors.size() <= kMaxTensors, "safetensors: a file holds at most ", kMaxTensors,
          " tensors, not ", tensors.size());
  std::set<std::string_view> names;
  for (const TensorSource& tensor : tensors) {
    check_source(tensor);
    ensure(names.insert(tensor.name).second, "safetensors: there are two tensors ",
           display_name(tensor.name));
  }
  names.clear();  // sorting moves the strings
  std::sort(tensors.begin(), tensors.end(), [](const TensorSource& a, const TensorSource& b) {
    return std::tie(b.type, a.name) < std::tie(a.type, b.name);
  });

  // Digests of any value take as much room.
  if (digests == Digests::write) metadata[kCrc32Key] = std::string(8 * (tensors.size() + 1), '0');
  std::string header = header_bytes(tensors, metadata);
  std::uint64_t size = header.size();
  for (const TensorSource& tensor : tensors) {
    size += static_cast<std::uint64_t>(num_bytes_of(tensor.type, tensor.shape));
  }
  return {size, [header = std::move(header), tensors = std::move(tensors),
                 metadata = std::move(metadata), digests](const ByteSink& sink) {
            const std::string with_digests =
                digests == Digests::write ? header_with_digests(tensors, metadata) : header;
            sink(std::as_bytes(std::span(with_digests)));
            for (const TensorSource& tensor : tensors) write_elements(tensor, sink);
          }};
}

void write_safetensors(const std::filesystem::path& path, std::vector<TensorSource> tensors,
                       Overwrite overwrite, Metadata metadata) {
  write_file_durably(path, safetensors_content(std::move(tensors), std::move(metadata)), overwrite);
}

}  // namespace ddim::engine::io
