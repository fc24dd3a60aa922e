#pragma once

#include <cstdint>

/// What reader and writer of ZIP files share. PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16; all
/// numbers are little-endian.
namespace ddim::engine::io {

inline constexpr std::uint32_t kLocalHeader = 0x04034b50;
inline constexpr std::uint32_t kDescriptor = 0x08074b50;
inline constexpr std::uint32_t kDirectoryHeader = 0x02014b50;
inline constexpr std::uint32_t kZip64End = 0x06064b50;
inline constexpr std::uint32_t kZip64Locator = 0x07064b50;
inline constexpr std::uint32_t kEnd = 0x06054b50;
inline constexpr std::uint64_t kLocalHeaderSize = 30;
inline constexpr std::uint64_t kDescriptorSize = 16;
inline constexpr std::uint64_t kDirectoryHeaderSize = 46;
inline constexpr std::uint64_t kZip64EndSize = 56;
inline constexpr std::uint64_t kZip64LocatorSize = 20;
inline constexpr std::uint64_t kEndSize = 22;
inline constexpr std::uint32_t kInZip64 = 0xFFFFFFFF;  ///< "the zip64 field has it"
inline constexpr std::uint16_t kInZip64Short = 0xFFFF;

}  // namespace ddim::engine::io
