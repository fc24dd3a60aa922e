#include "data/cifar10.h"

#include <utility>

#include "base/error.h"

namespace ddim::engine::data {

Cifar10 parse_cifar10(std::span<const std::uint8_t> bytes, std::string_view name,
                      std::int64_t num_records) {
  constexpr std::size_t kPixels = 32 * 32;
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
    std::uint8_t* to = images.pixels.data() + record * 3 * kPixels;
    for (std::size_t pixel = 0; pixel < kPixels; ++pixel) {
      for (std::size_t channel = 0; channel < 3; ++channel)
        to[3 * pixel + channel] = from[1 + channel * kPixels + pixel];
    }
  }
  return {.images = std::move(images), .labels = std::move(labels)};
}

}  // namespace ddim::engine::data
