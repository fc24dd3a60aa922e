#include "data/cifar10.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "io/pickle_reader.h"
#include "io/pickle_value.h"

namespace ddim::engine::data {
namespace {

using io::PickleKind;
using io::PickleValue;

constexpr std::size_t kPixels = 32 * 32;
constexpr std::size_t kNumClasses = 10;

/// Red, green and blue planes of one image, to where its pixels go.
void interleave(const std::uint8_t* planes, std::uint8_t* to) {
  for (std::size_t pixel = 0; pixel < kPixels; ++pixel) {
    for (std::size_t channel = 0; channel < 3; ++channel)
      to[3 * pixel + channel] = planes[channel * kPixels + pixel];
  }
}

bool is_tuple(const PickleValue& value, std::size_t size) {
  return value.is(PickleKind::tuple) && value.size() == size;
}

/// The bytes of an array of uint8 [N,3072] in C order, as NumPy pickles it: the call of
/// _reconstruct with the state (version, shape, type, is_fortran, bytes). Empty for another.
std::string_view bytes_of_array(const PickleValue& array) {
  if (!array.is(PickleKind::call) || array.size() != 3 || !is_tuple(array[2], 5)) return {};
  const PickleValue state = array[2], shape = state[1], type = state[2], bytes = state[4];
  const bool has_type = type.is(PickleKind::call) && type[1].size() >= 1 &&
                        type[1][0].is(PickleKind::text) && type[1][0].text() == "u1";
  const bool has_shape = is_tuple(shape, 2) && shape[0].is(PickleKind::integer) &&
                         shape[1].is(PickleKind::integer) &&
                         shape[1].integer() == std::int64_t{3 * kPixels};
  const bool is_c_order = state[3].is(PickleKind::boolean) && state[3].integer() == 0;
  const bool has_bytes = bytes.is(PickleKind::text) || bytes.is(PickleKind::bytes);
  if (!has_type || !has_shape || !is_c_order || !has_bytes) return {};
  const auto count = static_cast<std::size_t>(shape[0].integer());
  if (bytes.text().size() / (3 * kPixels) != count || bytes.text().size() % (3 * kPixels) != 0)
    return {};
  return bytes.text();
}

}  // namespace

Cifar10 parse_cifar10_pickle(std::span<const std::uint8_t> bytes, const std::string& name) {
  const io::ParsedPickle parsed = io::parse_pickle(std::as_bytes(bytes), name);
  const PickleValue root = parsed.tree->root();
  const auto data = root.find("data"), labels = root.find("labels");
  const std::string_view planes = data ? bytes_of_array(*data) : std::string_view();
  const std::size_t count = planes.size() / (3 * kPixels);
  if (count == 0 || !labels || !labels->is(PickleKind::list) || labels->size() != count)
    fail(ErrorCode::corrupt, name,
         ": not a file of CIFAR-10's Python version: expected a dictionary with an array data "
         "[N,3072] of bytes and a list labels of N numbers");
  Cifar10 result{.images = {.count = static_cast<std::int64_t>(count),
                            .height = 32,
                            .width = 32,
                            .channels = 3},
                 .labels = {}};
  result.images.pixels.resize(planes.size());
  for (std::size_t i = 0; i < count; ++i) {
    const PickleValue label = (*labels)[i];
    if (!label.is(PickleKind::integer) || label.integer() < 0 || label.integer() > 9)
      fail(ErrorCode::corrupt, name, ": label ", i, " is ", label.describe(), "; expected 0 to 9");
    result.labels.push_back(label.integer());
    interleave(reinterpret_cast<const std::uint8_t*>(planes.data()) + i * 3 * kPixels,
               result.images.pixels.data() + i * 3 * kPixels);
  }
  return result;
}

Cifar10 parse_cifar10(std::span<const std::uint8_t> bytes, std::string_view name,
                      std::int64_t num_records) {
  constexpr std::size_t kRecordBytes = 1 + 3 * kPixels;
  const auto count = static_cast<std::size_t>(num_records);
  if (bytes.size() != count * kRecordBytes)
    fail(ErrorCode::corrupt, name, ": ", count, " records of ", kRecordBytes, " bytes are ",
         count * kRecordBytes, " bytes, found ", bytes.size(),
         "; the file is incomplete or not CIFAR-10's binary version");
  std::vector<std::int64_t> labels;
  Images images{.count = num_records, .height = 32, .width = 32, .channels = 3, .pixels = {}};
  images.pixels.resize(count * 3 * kPixels);
  for (std::size_t record = 0; record < count; ++record) {
    const std::span<const std::uint8_t> from = bytes.subspan(record * kRecordBytes, kRecordBytes);
    if (from[0] > 9)
      fail(ErrorCode::corrupt, name, ": record ", record, " has label ", int{from[0]},
           ", expected 0 to 9");
    labels.push_back(from[0]);
    interleave(from.data() + 1, images.pixels.data() + record * 3 * kPixels);
  }
  return {.images = std::move(images), .labels = std::move(labels)};
}

std::vector<std::string> parse_cifar10_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty() && names.size() <= kNumClasses) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) names.emplace_back(line);
  }
  if (names.size() != kNumClasses) names.clear();
  return names;
}

std::vector<std::string> parse_cifar10_names_pickle(std::span<const std::uint8_t> bytes,
                                                    const std::string& name) {
  const io::ParsedPickle parsed = io::parse_pickle(std::as_bytes(bytes), name);
  const auto list = parsed.tree->root().find("label_names");
  std::vector<std::string> names;
  if (!list || !list->is(PickleKind::list) || list->size() != kNumClasses) return names;
  for (std::size_t k = 0; k < kNumClasses; ++k) {
    if (!(*list)[k].is(PickleKind::text)) return {};
    names.emplace_back((*list)[k].text());
  }
  return names;
}

}  // namespace ddim::engine::data
