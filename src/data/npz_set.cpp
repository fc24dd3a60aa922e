#include "data/npz_set.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/file_input.h"
#include "base/text.h"
#include "io/npz.h"
#include "io/stored_type.h"

namespace ddim::engine::data {
namespace {

using Arrays = std::vector<io::NpzArray>;

constexpr std::size_t kMaxFileBytes = std::size_t{16} << 30;

constexpr std::string_view kPictures[] = {"arr_0", "images", "x", "X"};
constexpr std::string_view kSplitPictures[] = {"x", "X", "images"};
constexpr std::string_view kLabels[] = {"arr_1", "labels", "label", "y", "Y", "targets"};

bool is_whole(const io::NpzArray& array) { return array.type[1] == 'u' || array.type[1] == 'i'; }

bool are_pictures(const io::NpzArray& array) {
  const bool fits =
      array.type == "|u1" || array.type == "|b1" || array.type == "<u2" || array.type[1] == 'f';
  return fits && (array.shape.size() == 4 || array.shape.size() == 3);
}

/// "x_train" or, as MedMNIST has it, "train_images"; `split` is "train", or empty.
const io::NpzArray* named(const Arrays& arrays, std::span<const std::string_view> names,
                          std::string_view split) {
  for (const std::string_view name : names) {
    for (const io::NpzArray& array : arrays) {
      const bool fits = split.empty() ? array.name == name
                                      : array.name == concat(name, '_', split) ||
                                            array.name == concat(split, '_', name);
      if (!fits) continue;
      if (!array.problem.empty()) fail(ErrorCode::corrupt, array.problem);
      return &array;
    }
  }
  return nullptr;
}

/// "test" in a file whose arrays are splits, "" in one that is not split.
std::string split_of(const Arrays& arrays, std::optional<DataSplit> split,
                     const std::string& file) {
  const auto has = [&](DataSplit part) {
    return named(arrays, kSplitPictures, to_string(part)) != nullptr;
  };
  const bool is_split = has(DataSplit::train) || has(DataSplit::val) || has(DataSplit::test);
  const DataSplit wanted = split.value_or(is_split ? DataSplit::test : DataSplit::train);
  require(is_split ? has(wanted) : wanted == DataSplit::train, "data: ", file, " has no ",
          to_string(wanted), " split",
          is_split ? "" : "; it is not split, and its pictures count as training data");
  return is_split ? std::string(to_string(wanted)) : "";
}

const io::NpzArray& pictures_of(const Arrays& arrays, const std::string& part,
                                const std::string& file) {
  const io::NpzArray* known = named(arrays, kPictures, part);
  if (known != nullptr && are_pictures(*known)) return *known;
  const io::NpzArray* found = nullptr;
  for (const io::NpzArray& array : arrays) {
    if (!are_pictures(array)) continue;
    if (found != nullptr)
      fail(ErrorCode::corrupt, file, ": ", found->name, " and ", array.name,
           " both hold pictures; expected one array of bytes [N,H,W,C], or arr_0");
    found = &array;
  }
  for (const io::NpzArray& array : arrays) {
    if (found != nullptr) break;
    if (!array.problem.empty()) fail(ErrorCode::corrupt, array.problem);
    if (array.shape.size() == 3 || array.shape.size() == 4)
      fail(ErrorCode::corrupt, file, ": array ", array.name, " is of type ", array.type,
           "; pictures are |u1 (bytes), <u2 or floats: save array.astype('uint8') of it");
  }
  if (found == nullptr)
    fail(ErrorCode::corrupt, file,
         ": has no array of bytes [N,H,W,C] (uint8 with 4 axes), nor of floats, nor [N,H,W]");
  return *found;
}

template <class Number>
std::vector<Number> numbers_of(const io::NpzArray& array) {
  std::vector<Number> numbers(array.bytes.size() / sizeof(Number));
  std::memcpy(numbers.data(), array.bytes.data(), array.bytes.size());
  return numbers;
}

std::vector<float> numbers_of_halves(const io::NpzArray& array) {
  std::vector<float> numbers(array.bytes.size() / 2);
  io::to_f32(io::StoredType::f16, array.bytes, numbers);
  return numbers;
}

/// Hands the numbers of an array of any type to work(vector); false for a type that is none.
template <class Work>
bool on_numbers(const io::NpzArray& array, const Work& work) {
  const std::string& type = array.type;
  if (type == "|u1") return work(numbers_of<std::uint8_t>(array)), true;
  if (type == "|i1") return work(numbers_of<std::int8_t>(array)), true;
  if (type == "<u2") return work(numbers_of<std::uint16_t>(array)), true;
  if (type == "<i2") return work(numbers_of<std::int16_t>(array)), true;
  if (type == "<u4") return work(numbers_of<std::uint32_t>(array)), true;
  if (type == "<i4") return work(numbers_of<std::int32_t>(array)), true;
  if (type == "<u8") return work(numbers_of<std::uint64_t>(array)), true;
  if (type == "<i8") return work(numbers_of<std::int64_t>(array)), true;
  if (type == "<f2") return work(numbers_of_halves(array)), true;
  if (type == "<f4") return work(numbers_of<float>(array)), true;
  if (type == "<f8") return work(numbers_of<double>(array)), true;
  return false;
}

/// What black and white may be in an array of floats.
struct FloatRange {
  double black, white;
  double least;  ///< of the largest number, for which a darker set could be of another range

  /// Numbers may overshoot a little, as those of a filter do.
  bool holds(double smallest, double largest) const {
    const double slack = 1e-3 * white;
    return smallest >= black - slack && largest <= white + slack && largest >= least;
  }
};
constexpr FloatRange kFloatRanges[] = {{0.0, 1.0, -1.0}, {-1.0, 1.0, -2.0}, {0.0, 255.0, 128.0}};

/// Floats whose range says what black and white are.
std::vector<float> values_of_floats(const std::vector<double>& numbers, const std::string& where) {
  double smallest = numbers.front(), largest = numbers.front();
  for (const double number : numbers) {
    if (!std::isfinite(number)) fail(ErrorCode::corrupt, where, " holds ", number);
    smallest = std::min(smallest, number);
    largest = std::max(largest, number);
  }
  const auto range = std::ranges::find_if(
      kFloatRanges, [&](const FloatRange& known) { return known.holds(smallest, largest); });
  if (range == std::end(kFloatRanges)) {
    fail(ErrorCode::corrupt, where, " holds numbers from ", number_text(smallest), " to ",
         number_text(largest),
         "; expected 0 to 1, -1 to 1 or 0 to 255 (of which the largest is 128 or more)");
  }
  std::vector<float> values;
  values.reserve(numbers.size());
  const double width = range->white - range->black;
  for (const double number : numbers)
    values.push_back(
        static_cast<float>(std::clamp(2.0 * (number - range->black) / width - 1.0, -1.0, 1.0)));
  return values;
}

/// [N,H,W,C] of an array of 3 axes: [N,H,W] is grey, and [H,W,3] and [H,W,4] with sides above that
/// are one picture. Nobody has grey pictures that are so narrow.
std::vector<std::int64_t> four_axes(std::vector<std::int64_t> shape) {
  if (shape.size() == 4) return shape;
  const std::int64_t last = shape[2];
  const bool is_one = (last == 3 || last == 4) && shape[0] > last && shape[1] > last;
  shape.insert(is_one ? shape.begin() : shape.end(), 1);
  return shape;
}

Images read_pictures(const io::NpzArray& array, const std::string& file) {
  for (const std::int64_t size : array.shape)
    if (size == 0) fail(ErrorCode::corrupt, file, ": array ", array.name, " is empty");
  const std::vector<std::int64_t> shape = four_axes(array.shape);
  Images images{.count = shape[0], .height = shape[1], .width = shape[2], .channels = shape[3]};
  const std::string where = concat(file, ": array ", array.name);
  if (shape[1] <= 4 && shape[2] > 4 && shape[3] > 4)  // nobody has pictures that are so flat
    fail(ErrorCode::corrupt, where, " is [", join(shape, ","),
         "], which looks like [N,C,H,W]; save numpy.moveaxis(array, 1, -1) of it");
  if (array.type == "|u1") {
    images.pixels = numbers_of<std::uint8_t>(array);
  } else if (array.type == "|b1") {
    for (const std::uint8_t sample : numbers_of<std::uint8_t>(array))
      images.pixels.push_back(sample != 0 ? 255 : 0);
  } else if (array.type == "<u2") {
    const std::vector<std::uint16_t> samples = numbers_of<std::uint16_t>(array);
    const std::uint16_t largest = std::ranges::max(samples);
    if (largest > 0 && largest <= 255)
      fail(ErrorCode::corrupt, where, " holds 16-bit numbers up to ", largest,
           ", all of them near black, as 65535 is white; save array.astype('uint8') of it if 255 "
           "is");
    for (const std::uint16_t sample : samples)
      images.values.push_back(static_cast<float>(sample / 32767.5 - 1.0));
  } else {
    on_numbers(array, [&](const auto& numbers) {
      images.values = values_of_floats({numbers.begin(), numbers.end()}, where);
    });
    if (images.values.empty())
      fail(ErrorCode::corrupt, where, " is of type ", array.type, "; expected <f2, <f4 or <f8");
  }
  return images;
}

std::vector<std::int64_t> read_labels(const io::NpzArray& array, std::int64_t count,
                                      const std::string& file) {
  const bool fits =
      array.shape == std::vector{count} || array.shape == std::vector{count, std::int64_t{1}};
  if (!fits || !is_whole(array))
    fail(ErrorCode::corrupt, file, ": ", array.name, " must hold the class of each of the ", count,
         " pictures as whole numbers, such as 64-bit integers");
  std::vector<std::int64_t> labels;
  on_numbers(array, [&](const auto& numbers) {
    for (const auto number : numbers) labels.push_back(static_cast<std::int64_t>(number));
  });
  for (const std::int64_t label : labels)
    if (label < 0) fail(ErrorCode::corrupt, file, ": ", array.name, " holds the class ", label);
  return labels;
}

}  // namespace

bool holds_arrays(const std::filesystem::path& file) {
  const std::string ending = small_letters(file.extension().string());
  return ending == ".npz" || ending == ".npy";
}

Dataset parse_arrays(std::span<const std::byte> bytes, const std::string& file, Labels labels,
                     std::optional<DataSplit> split) {
  const bool is_one_array = small_letters(file).ends_with(".npy");
  Arrays arrays = is_one_array ? Arrays{io::parse_npy(bytes, file)}
                               : io::parse_npz(bytes, file, io::OddArrays::keep);
  if (is_one_array && arrays.front().shape.size() == 2)  // one grey picture
    arrays.front().shape.insert(arrays.front().shape.begin(), 1);
  const std::string part = split_of(arrays, split, file);
  Dataset dataset{.images = read_pictures(pictures_of(arrays, part, file), file),
                  .kind = is_one_array ? "npy" : "npz",
                  .is_split = !part.empty()};
  if (labels == Labels::ignore) return dataset;
  const io::NpzArray* classes = named(arrays, kLabels, part);
  require(classes != nullptr, "data: ", file, " has no labels: looked for an array ",
          join(kLabels, ", "));
  dataset.labels = read_labels(*classes, dataset.images.count, file);
  return dataset;
}

Dataset load_npz(const std::filesystem::path& path, Labels labels, std::optional<DataSplit> split) {
  const std::string text = read_file(path, kMaxFileBytes);
  return parse_arrays(std::as_bytes(std::span(text)), path.string(), labels, split);
}

}  // namespace ddim::engine::data
