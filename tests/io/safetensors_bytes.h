#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "io/safetensors.h"

namespace ddim::test {

inline std::string length_bytes(std::uint64_t length) {
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes;
}

/// A file of this header, with its right length, and `data_bytes` bytes of data.
inline std::string file_of(std::string_view json, std::size_t data_bytes = 0) {
  return length_bytes(json.size()) + std::string(json) + std::string(data_bytes, '\x2a');
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// All that a FileContent writes.
inline std::string text_of(const engine::FileContent& content) {
  std::string text;
  content.write_to([&text](std::span<const std::byte> bytes) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
  return text;
}

}  // namespace ddim::test
