#include "io/tensor_table.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

/// Elements of `entry` in row-major order, without gaps.
std::vector<std::byte> gathered(const TensorEntry& entry) {
  const std::size_t size = size_of(entry.type);
  const auto count = static_cast<std::size_t>(entry.num_elements());
  std::vector<std::byte> result(count * size);
  std::vector<std::int64_t> place(entry.shape.size(), 0);
  std::int64_t from = 0;  // of the element at `place`
  for (std::size_t to = 0; to < count; ++to) {
    const auto element = entry.bytes.subspan(static_cast<std::size_t>(from) * size, size);
    std::copy(element.begin(), element.end(), result.begin() + static_cast<long>(to * size));
    for (std::size_t axis = place.size(); axis-- > 0;) {
      from += entry.strides[axis];
      if (++place[axis] < entry.shape[axis]) break;
      from -= entry.strides[axis] * place[axis];
      place[axis] = 0;
    }
  }
  return result;
}

}  // namespace

std::int64_t TensorEntry::num_elements() const {
  std::int64_t count = 1;
  for (const std::int64_t dim : shape) count *= dim;
  return count;
}

void read_f32(const TensorEntry& entry, std::span<float> out) {
  ensure(static_cast<std::int64_t>(out.size()) == entry.num_elements(), "tensor ",
         display_name(entry.name), " has ", entry.num_elements(), " elements, not ", out.size());
  try {
    if (entry.strides.empty()) {
      to_f32(entry.type, entry.bytes, out);
    } else {
      to_f32(entry.type, gathered(entry), out);
    }
  } catch (const Error& error) {
    fail(error.code(), "tensor ", display_name(entry.name), ": ", error.what());
  }
}

std::span<const float> floats_in_place(const TensorEntry& entry) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(entry.bytes.data()) % alignof(float) == 0;
  if (entry.type != StoredType::f32 || !entry.strides.empty() || !aligned) return {};
  return {reinterpret_cast<const float*>(entry.bytes.data()), entry.bytes.size() / sizeof(float)};
}

std::string display_name(std::string_view name) {
  constexpr std::size_t kMaxShown = 60;
  std::string text = "\"";
  for (const char c : name.substr(0, kMaxShown)) text += c >= 0x20 && c < 0x7f ? c : '?';
  return text + (name.size() > kMaxShown ? "...\"" : "\"");
}

std::string_view reason_against_name(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxNameBytes) return "is longer than 1024 bytes";
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  });
  return printable ? "" : "has control characters";
}

std::int64_t num_bytes_of(StoredType type, const std::vector<std::int64_t>& shape) {
  std::int64_t product = static_cast<std::int64_t>(size_of(type));
  bool overflow = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) return -1;
    // A later zero does not excuse an overflow: such a shape is no one's honest tensor.
    overflow =
        overflow || __builtin_mul_overflow(product, std::max<std::int64_t>(dim, 1), &product);
  }
  if (overflow) return -1;
  return std::find(shape.begin(), shape.end(), 0) == shape.end() ? product : 0;
}

TensorTable::TensorTable(std::filesystem::path path,
                         std::vector<std::shared_ptr<const MappedFile>> files,
                         std::vector<TensorEntry> entries, Metadata metadata)
    : path_(std::move(path)),
      files_(std::move(files)),
      entries_(std::move(entries)),
      metadata_(std::move(metadata)) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!index_.emplace(entries_[i].name, i).second) {
      fail(ErrorCode::corrupt, path_.string(), ": there are two tensors ",
           display_name(entries_[i].name));
    }
  }
}

std::int64_t TensorTable::metadata_count(const std::string& key) const {
  const auto found = metadata_.find(key);
  const std::string text = found == metadata_.end() ? "" : found->second;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    fail(ErrorCode::corrupt, path_.string(), ": metadata ", key, " must be a count, not \"", text,
         '"');
  return value;
}

const TensorEntry* TensorTable::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

const TensorEntry& TensorTable::at(std::string_view name) const {
  const TensorEntry* entry = find(name);
  if (entry == nullptr) {
    fail(ErrorCode::corrupt, path_.string(), " has no tensor ", display_name(name));
  }
  return *entry;
}

void TensorTable::read_f32(const TensorEntry& entry, std::span<float> out) const {
  try {
    io::read_f32(entry, out);
  } catch (const Error& error) {
    fail(error.code(), path_.string(), ": ", error.what());
  }
  require_whole(files_);
}

std::vector<float> TensorTable::read(std::string_view name) const {
  const TensorEntry& entry = at(name);
  std::vector<float> values(static_cast<std::size_t>(entry.num_elements()));
  read_f32(entry, values);
  return values;
}

}  // namespace ddim::engine::io
