#include "io/npz.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "io/zip_reader.h"

namespace ddim::engine::io {
namespace {

constexpr std::string_view kNpyEnding = ".npy";

/// What stands after `key` in the dictionary, up to the next comma outside of brackets.
std::string_view field(std::string_view dictionary, std::string_view key) {
  const std::size_t at = dictionary.find(key);
  if (at == std::string_view::npos) return {};
  std::string_view rest = dictionary.substr(at + key.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(": "), rest.size()));
  const std::size_t end = rest.starts_with('(') ? rest.find(')') + 1 : rest.find_first_of(",}");
  return rest.substr(0, end);
}

/// Nothing for a text that is no tuple of sizes.
std::optional<std::vector<std::int64_t>> parse_shape(std::string_view text) {
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') return std::nullopt;
  std::vector<std::int64_t> shape;
  const char* position = text.data() + 1;
  const char* const end = text.data() + text.size() - 1;
  while (true) {
    while (position != end && (*position == ' ' || *position == ',')) ++position;
    if (position == end) return shape;
    std::int64_t size = 0;
    const auto [next, error] = std::from_chars(position, end, size);
    if (error != std::errc() || size < 0) return std::nullopt;
    shape.push_back(size);
    position = next;
  }
}

/// Bytes of an array of this shape; nothing where they are more than any file has.
std::optional<std::size_t> bytes_of(const std::vector<std::int64_t>& shape, std::size_t type_size) {
  constexpr std::size_t kMaxBytes = std::size_t{1} << 48;
  std::size_t bytes = type_size;
  for (const std::int64_t size : shape) {
    if (size != 0 && bytes > kMaxBytes / static_cast<std::size_t>(size)) return std::nullopt;
    bytes *= static_cast<std::size_t>(size);
  }
  return bytes;
}

std::string why_no_npy(std::string_view text) {
  // Versions 2 and 3 have a length of 4 bytes; NumPy writes them for long lists of fields only.
  const std::string_view magic = kNpyMagic.substr(0, kNpyMagic.size() - 2);
  if (!text.starts_with(magic) || text.size() < kNpyMagic.size())
    return "not the start of a .npy file";
  const auto part = [&](std::size_t at) { return static_cast<int>(text[magic.size() + at]); };
  return concat("it has version ", part(0), ".", part(1),
                " of the .npy format; save it with numpy.save, which writes version 1.0");
}

/// What is wrong with a type ("descr") that has no place here.
std::string why_no_type(std::string_view type) {
  if (type.find('(') != std::string_view::npos)
    return "it is a structured array; save each of its fields as an array of its own";
  const std::string turned = concat('<', type.substr(std::min<std::size_t>(1, type.size())));
  if (type.starts_with('>') && npz_type_size(turned) != 0)
    return concat("its type is ", type, " (of a big-endian machine); save array.astype('", turned,
                  "') of it");
  return concat("its type is ", type,
                "; expected |u1 (bytes), <i8 or <f4, or other integers and floats");
}

NpzArray parse_array(std::string name, std::span<const std::byte> file, const std::string& where) {
  const auto damaged = [&](const std::string& reason) {
    fail(ErrorCode::corrupt, where, ": array ", name, ": ", reason);
  };
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const std::size_t length_at = kNpyMagic.size();
  if (!text.starts_with(kNpyMagic) || text.size() < length_at + 2) damaged(why_no_npy(text));
  const std::size_t length = std::to_integer<std::size_t>(file[length_at]) |
                             std::to_integer<std::size_t>(file[length_at + 1]) << 8;
  const std::size_t data_at = length_at + 2 + length;
  if (data_at > text.size()) damaged("the header is cut off");
  const std::string_view dictionary = text.substr(length_at + 2, length);

  std::string type(field(dictionary, "'descr'"));
  if (type.size() > 2) type = type.substr(1, type.size() - 2);  // without quotes
  // A byte has no order, whatever is written there.
  const bool has_order = type.size() == 3 && type.find_first_of("<>=") == 0;
  if (has_order && type.back() == '1') type.front() = '|';
  const auto shape = parse_shape(field(dictionary, "'shape'"));
  if (npz_type_size(type) == 0) damaged(why_no_type(type));
  if (field(dictionary, "'fortran_order'") != "False")
    damaged("it is not in C order (rows first); save numpy.ascontiguousarray of it");
  if (!shape) damaged("its shape cannot be read");
  const auto size = bytes_of(*shape, npz_type_size(type));
  if (!size || *size != file.size() - data_at)
    damaged(concat(file.size() - data_at, " bytes do not fit its shape"));
  return {.name = std::move(name),
          .type = std::move(type),
          .shape = *shape,
          .bytes = file.subspan(data_at)};
}

}  // namespace

std::size_t npz_type_size(std::string_view type) {
  constexpr std::string_view kTypes[] = {"|u1", "|i1", "|b1", "<u2", "<i2", "<u4",
                                         "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"};
  const bool is_known = std::ranges::find(kTypes, type) != std::end(kTypes);
  return is_known ? static_cast<std::size_t>(type.back() - '0') : 0;
}

NpzArray parse_npy(std::span<const std::byte> file, const std::string& file_name) {
  return parse_array("arr_0", file, file_name);
}

std::vector<NpzArray> parse_npz(std::span<const std::byte> file, const std::string& file_name,
                                OddArrays odd, std::span<const std::string_view> wanted) {
  std::string first_problem;
  std::size_t num_odd = 0;
  const auto add = [&](const std::string& name, std::span<const std::byte> bytes) {
    try {
      return parse_array(name, bytes, file_name);
    } catch (const Error& error) {
      if (odd == OddArrays::refuse) throw;
      if (num_odd++ == 0) first_problem = error.what();
      return NpzArray{.name = name, .type = "??", .shape = {}, .problem = error.what()};
    }
  };
  constexpr std::uint64_t kMaxUnpacked = std::uint64_t{16} << 30;
  std::vector<NpzArray> arrays;
  std::uint64_t size = 0;
  for (const ZipEntry& entry : parse_zip(file, file_name, ZipMethods::stored_or_deflated)) {
    if (!entry.name.ends_with(kNpyEnding)) continue;
    const std::string name(entry.name.substr(0, entry.name.size() - kNpyEnding.size()));
    if (!wanted.empty() && std::ranges::find(wanted, name) == wanted.end()) continue;
    if (entry.size > kMaxUnpacked - size)
      fail(ErrorCode::corrupt, file_name, ": its arrays are larger than 16 GiB; split the file");
    size += entry.size;
    if (entry.method == ZipMethod::stored) {
      require_stated_crc32(entry, entry.bytes, file_name);
      arrays.push_back(add(name, entry.bytes));
      continue;
    }
    const auto unpacked = std::make_shared<const std::string>(inflated(entry, file_name));
    arrays.push_back(add(name, std::as_bytes(std::span(*unpacked))));
    arrays.back().unpacked = unpacked;
  }
  if (num_odd > 0 && num_odd == arrays.size()) fail(ErrorCode::corrupt, first_problem);
  if (arrays.empty() && wanted.empty())
    fail(ErrorCode::corrupt, file_name, ": holds no arrays (.npy)");
  return arrays;
}

std::vector<std::string> names_in_npz(std::span<const std::byte> file,
                                      const std::string& file_name) {
  std::vector<std::string> names;
  for (const ZipEntry& entry : parse_zip(file, file_name, ZipMethods::stored_or_deflated))
    if (entry.name.ends_with(kNpyEnding))
      names.emplace_back(entry.name.substr(0, entry.name.size() - kNpyEnding.size()));
  return names;
}

}  // namespace ddim::engine::io
