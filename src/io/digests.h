#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor_table.h"

namespace ddim::engine::io {

/// The key in the metadata of safetensors files that ddim writes: the CRC-32 of each tensor's bytes
/// in the order of the data, eight hexadecimal digits each, and that of their names, types and
/// shapes (layout_crc32()), which earlier versions left out.
inline constexpr const char* kCrc32Key = "ddim_crc32";

/// The CRC-32 (of ZIP) of `bytes`, going on from that of the bytes before them.
std::uint32_t crc32_of(std::span<const std::byte> bytes, std::uint32_t before = 0);

/// "1c0ffee5"
std::string crc32_text(std::uint32_t crc32);

/// Hands `bytes` of a file to `take` in pieces, and gives back the memory behind them.
void for_each_piece(const MappedFile& file, std::span<const std::byte> bytes,
                    const std::function<void(std::span<const std::byte>)>& take);

/// crc32_of() with for_each_piece().
std::uint32_t crc32_in(const MappedFile& file, std::span<const std::byte> bytes);

/// "tensor "a" is damaged: ...", for a message that has named the file.
std::string damaged_tensor(const TensorEntry& entry);

/// The CRC-32 of what a tensor is called and how it is stored, going on from that of those before.
std::uint32_t layout_crc32(std::string_view name, StoredType type,
                           const std::vector<std::int64_t>& shape, std::uint32_t before);

/// Takes the digests in `metadata`, if any, into the entries, which are in the order of the data.
/// Those for another number of tensors, or for others, are nobody's: another program has copied
/// them.
/// Error(corrupt) naming `file_name` for a text that is no list of digests.
void take_digests(const Metadata& metadata, std::vector<TensorEntry>& entries,
                  const std::string& file_name);

}  // namespace ddim::engine::io
