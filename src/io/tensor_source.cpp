#include "io/tensor_source.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

constexpr std::size_t kPiece = 1 << 16;  // elements

/// Converts and hands on a tensor's elements from number `first` on.
class ElementWriter {
 public:
  ElementWriter(const TensorSource& tensor, const ByteSink& sink) : tensor_(tensor), sink_(sink) {}

  void write(std::span<const float> values) {
    for (; !values.empty(); values = values.subspan(std::min(kPiece, values.size())))
      write_piece(values.first(std::min(kPiece, values.size())));
  }

 private:
  void write_piece(std::span<const float> values) {
    if (tensor_.type == StoredType::f32) {
      require_finite(values, values);
      sink_(std::as_bytes(values));
    } else {
      bytes_.resize(values.size() * size_of(tensor_.type));
      stored_.resize(values.size());
      from_f32(tensor_.type, values, bytes_);
      to_f32(tensor_.type, bytes_, stored_);
      require_finite(values, stored_);
      sink_(bytes_);
    }
    num_written_ += values.size();
  }

  /// Error(numeric) for the first element that `stored` cannot hold as a finite number.
  void require_finite(std::span<const float> values, std::span<const float> stored) const {
    const auto bad =
        std::find_if_not(stored.begin(), stored.end(), [](float x) { return std::isfinite(x); });
    if (bad == stored.end()) return;
    const auto at = static_cast<std::size_t>(bad - stored.begin());
    fail(ErrorCode::numeric, "tensor ", display_name(tensor_.name), ": element ", num_written_ + at,
         " is ", values[at], ", which is not a finite ", to_string(tensor_.type), " number");
  }

  const TensorSource& tensor_;
  const ByteSink& sink_;
  std::size_t num_written_ = 0;
  std::vector<std::byte> bytes_;
  std::vector<float> stored_;
};

void write_entry(const TensorSource& tensor, const ByteSink& sink) {
  const TensorEntry& entry = *tensor.entry;
  ElementWriter writer(tensor, sink);
  const std::span<const float> in_place = floats_in_place(entry);
  std::vector<float> floats;
  if (!in_place.empty()) {
    writer.write(in_place);
  } else if (!entry.strides.empty()) {
    floats.resize(static_cast<std::size_t>(entry.num_elements()));
    read_f32(entry, floats);
    writer.write(floats);
  } else {
    const std::size_t size = size_of(entry.type);
    for (auto bytes = entry.bytes; !bytes.empty();
         bytes = bytes.subspan(std::min(kPiece * size, bytes.size()))) {
      const auto piece = bytes.first(std::min(kPiece * size, bytes.size()));
      floats.resize(piece.size() / size);
      to_f32(entry.type, piece, floats);
      writer.write(floats);
    }
  }
  if (entry.is_mapped) release_pages(entry.bytes);
}

}  // namespace

void check_source(const TensorSource& tensor) {
  const auto reason = reason_against_name(tensor.name);
  const std::string name = display_name(tensor.name);
  require(reason.empty(), "a tensor cannot be written: its name ", name, " ", reason);
  require(tensor.name != "__metadata__", "a tensor cannot be named __metadata__");
  const int num_sources =
      static_cast<int>(!tensor.values.empty()) + static_cast<int>(!tensor.bytes.empty()) +
      static_cast<int>(tensor.entry != nullptr) + static_cast<int>(tensor.produce != nullptr);
  ensure(num_sources <= 1, "tensor ", name, " is given by more than one source");
  require(tensor.shape.size() <= kMaxRank, "tensor ", name, " has more than ", kMaxRank,
          " dimensions");
  ensure((tensor.values.empty() && tensor.entry == nullptr) || is_float(tensor.type), "tensor ",
         name, ": float values cannot be written as ", to_string(tensor.type));
  ensure(tensor.entry == nullptr || is_float(tensor.entry->type), "tensor ", name,
         ": what is stored cannot be taken as floats");
  const std::int64_t expected = num_bytes_of(tensor.type, tensor.shape);
  if (tensor.produce && expected >= 0) return;
  const std::size_t num_values =
      tensor.values.size() +
      (tensor.entry == nullptr ? 0 : static_cast<std::size_t>(tensor.entry->num_elements()));
  const std::size_t given = tensor.bytes.size() + num_values * size_of(tensor.type);
  require(expected >= 0 && static_cast<std::size_t>(expected) == given, "tensor ", name, " has ",
          given, " bytes, but its shape and type need ", expected);
}

void write_elements(const TensorSource& tensor, const ByteSink& sink) {
  if (tensor.entry != nullptr) {
    write_entry(tensor, sink);
  } else if (!tensor.values.empty()) {
    ElementWriter(tensor, sink).write(tensor.values);
  } else if (tensor.produce) {
    tensor.produce(sink);
  } else {
    sink(tensor.bytes);
  }
}

}  // namespace ddim::engine::io
