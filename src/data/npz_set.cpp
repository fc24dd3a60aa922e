#include "data/npz_set.h"

#include <cstring>
#include <span>

#include "base/error.h"
#include "io/npz.h"
#include "io/read_file.h"

namespace ddim::engine::data {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{16} << 30;

bool holds_pictures(const io::NpzArray& array) {
  return array.type == "|u1" && array.shape.size() == 4;
}

const io::NpzArray& pictures_of(const std::vector<io::NpzArray>& arrays, const std::string& file) {
  const io::NpzArray* found = nullptr;
  for (const io::NpzArray& array : arrays) {
    if (!holds_pictures(array)) continue;
    if (array.name == "arr_0") return array;
    if (found != nullptr)
      fail(ErrorCode::corrupt, file, ": ", found->name, " and ", array.name,
           " both hold pictures; expected one array of bytes [N,H,W,C], or arr_0");
    found = &array;
  }
  if (found == nullptr)
    fail(ErrorCode::corrupt, file, ": has no array of bytes [N,H,W,C] (uint8 with 4 axes)");
  return *found;
}

}  // namespace

Dataset load_npz(const std::filesystem::path& path, Labels labels) {
  const std::string file = path.string();
  const std::string bytes = io::read_file(path, kMaxFileBytes);
  const std::vector<io::NpzArray> arrays = io::parse_npz(std::as_bytes(std::span(bytes)), file);
  const io::NpzArray& pictures = pictures_of(arrays, file);
  for (const std::int64_t size : pictures.shape)
    if (size == 0) fail(ErrorCode::corrupt, file, ": array ", pictures.name, " is empty");
  Dataset dataset{.images = {.count = pictures.shape[0],
                             .height = pictures.shape[1],
                             .width = pictures.shape[2],
                             .channels = pictures.shape[3],
                             .pixels = {}},
                  .kind = "npz"};
  const auto* first = reinterpret_cast<const std::uint8_t*>(pictures.bytes.data());
  dataset.images.pixels.assign(first, first + pictures.bytes.size());
  if (labels == Labels::ignore) return dataset;
  for (const io::NpzArray& array : arrays) {
    if (array.name != "arr_1") continue;
    if (array.type != "<i8" || array.shape != std::vector{dataset.images.count})
      fail(ErrorCode::corrupt, file, ": arr_1 must hold the class of each of the ",
           dataset.images.count, " pictures as 64-bit integers");
    dataset.labels.resize(static_cast<std::size_t>(dataset.images.count));
    std::memcpy(dataset.labels.data(), array.bytes.data(), array.bytes.size());
    for (const std::int64_t label : dataset.labels)
      if (label < 0) fail(ErrorCode::corrupt, file, ": arr_1 holds the class ", label);
    return dataset;
  }
  fail(ErrorCode::user, "data: ", file, " has no labels: looked for an array arr_1");
}

}  // namespace ddim::engine::data
