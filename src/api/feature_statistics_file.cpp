#include <ddim/quality.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/one_line.h"
#include "base/text.h"
#include "io/mapped_file.h"
#include "io/npz.h"

namespace ddim {

using namespace engine;
namespace fs = std::filesystem;

namespace {

std::span<const std::byte> bytes_of(const auto& values) { return std::as_bytes(std::span(values)); }

using Field = std::pair<std::string_view, std::string FeatureRecipe::*>;
constexpr std::array<Field, 4> kFields{{{"extractor", &FeatureRecipe::extractor},
                                        {"extractor_hash", &FeatureRecipe::extractor_hash},
                                        {"resizing", &FeatureRecipe::resizing},
                                        {"rounding", &FeatureRecipe::rounding}}};
constexpr std::string_view kPicturesHash = "pictures_hash", kPart = "part", kSize = "size",
                           kDrawn = "drawn.";

std::string recipe_text(const FeatureSet& set) {
  std::string text;
  for (const auto& [name, member] : kFields) text += concat(name, "=", set.recipe.*member, "\n");
  if (!set.pictures_hash.empty()) text += concat(kPicturesHash, "=", set.pictures_hash, "\n");
  if (!set.part.empty()) text += concat(kPart, "=", set.part, "\n");
  if (set.width > 0) text += concat(kSize, "=", set.width, "x", set.height, "\n");
  for (const auto& [name, value] : set.drawing)
    text += concat(kDrawn, name, "=", to_one_line(value), "\n");
  return text;
}

/// "32x28", width and height; nothing is set for another text.
void parse_size(std::string_view text, FeatureSet& set) {
  std::int64_t width = 0, height = 0;
  const char* const end = text.data() + text.size();
  const auto [x, bad_width] = std::from_chars(text.data(), end, width);
  if (bad_width != std::errc() || x == end || *x != 'x') return;
  const auto [last, bad_height] = std::from_chars(x + 1, end, height);
  if (bad_height != std::errc() || last != end || width <= 0 || height <= 0) return;
  set.width = width;
  set.height = height;
}

void parse_recipe(std::string_view text, FeatureSet& set) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, equals), value = line.substr(equals + 1);
    if (name == kPicturesHash) set.pictures_hash = value;
    if (name == kPart) set.part = value;
    if (name == kSize) parse_size(value, set);
    if (name.starts_with(kDrawn))
      set.drawing[std::string(name.substr(kDrawn.size()))] = from_one_line(value);
    for (const auto& [field, member] : kFields)
      if (name == field) set.recipe.*member = value;
  }
}

/// The numbers of an array of doubles or floats.
std::vector<double> numbers_of(const io::NpzArray& array) {
  const auto convert = [&]<class Number>(Number) {
    std::vector<Number> numbers(array.bytes.size() / sizeof(Number));
    std::memcpy(numbers.data(), array.bytes.data(), array.bytes.size());
    return std::vector<double>(numbers.begin(), numbers.end());
  };
  return array.type == "<f8" ? convert(double{}) : convert(float{});
}

/// Refuses what is no covariance: of it, distances would be wrong and no one would see why.
void check_covariance(const FeatureSet& set) {
  const auto at = [&](std::int64_t i, std::int64_t j) {
    return set.covariance[static_cast<std::size_t>(i * set.dimensions + j)];
  };
  constexpr double kRelative = 1e-6;  // what sums in another order may differ by, in float
  for (std::int64_t i = 0; i < set.dimensions; ++i) {
    if (at(i, i) < 0.0)
      fail(ErrorCode::corrupt, set.source, ": sigma is no covariance: element [", i, ",", i,
           "], a variance, is ", number_text(at(i, i)));
    for (std::int64_t j = 0; j < i; ++j)
      if (std::abs(at(i, j) - at(j, i)) > kRelative * std::sqrt(at(i, i) * at(j, j)))
        fail(ErrorCode::corrupt, set.source, ": sigma is not symmetric: element [", i, ",", j,
             "] is ", number_text(at(i, j)), ", [", j, ",", i, "] is ", number_text(at(j, i)));
  }
}

}  // namespace

bool holds_statistics(const fs::path& path) {
  if (path.extension() != ".npz" || !is_file(path)) return false;
  const io::MappedFile file(path);
  const std::vector<std::string> names = io::names_in_npz(file.bytes(), path.string());
  file.require_whole();
  return std::ranges::find(names, "mu") != names.end();
}

FeatureSet read_statistics(const fs::path& path) {
  FeatureSet set{.source = path.string()};
  const io::MappedFile file(path);
  // Published reference batches hold their pictures too.
  constexpr std::array<std::string_view, 4> kNames{"mu", "sigma", "count", "recipe"};
  const std::vector<io::NpzArray> arrays =
      io::parse_npz(file.bytes(), set.source, io::OddArrays::refuse, kNames);
  const auto find = [&](const char* name) -> const io::NpzArray* {
    const auto found = std::ranges::find(arrays, name, &io::NpzArray::name);
    return found == arrays.end() ? nullptr : &*found;
  };
  const auto get = [&](const char* name) -> const io::NpzArray& {
    const io::NpzArray* const array = find(name);
    if (array == nullptr)
      fail(ErrorCode::corrupt, set.source, ": has no array ", name,
           "; statistics of features have mu [D] and sigma [D,D]");
    if (array->type != "<f8" && array->type != "<f4")
      fail(ErrorCode::corrupt, set.source, ": ", name, " has type ", array->type,
           "; expected <f8 or <f4");
    return *array;
  };
  const io::NpzArray &mu = get("mu"), &sigma = get("sigma");
  if (mu.shape.size() != 1 || mu.shape[0] == 0 ||
      sigma.shape != std::vector{mu.shape[0], mu.shape[0]})
    fail(ErrorCode::corrupt, set.source, ": mu must be [D] and sigma [D,D]; found [",
         join(mu.shape, ","), "] and [", join(sigma.shape, ","), "]");
  set.dimensions = mu.shape[0];
  set.mean = numbers_of(mu);
  set.covariance = numbers_of(sigma);
  check_covariance(set);
  const io::NpzArray* const count = find("count");
  if (count != nullptr) {
    if (count->type != "<i8" || count->bytes.size() != sizeof(set.count))
      fail(ErrorCode::corrupt, set.source, ": count must be one <i8");
    std::memcpy(&set.count, count->bytes.data(), sizeof(set.count));
    if (set.count < 2)
      fail(ErrorCode::corrupt, set.source, ": count must be 2 or greater; found ", set.count);
  }
  const io::NpzArray* const recipe = find("recipe");
  if (recipe != nullptr && recipe->type == "|u1")
    parse_recipe({reinterpret_cast<const char*>(recipe->bytes.data()), recipe->bytes.size()}, set);
  file.require_whole();
  return set;
}

void write_statistics(const fs::path& path, const FeatureSet& set, Overwrite overwrite) {
  const std::string recipe = recipe_text(set);
  const auto size = static_cast<std::int64_t>(recipe.size());
  const std::int64_t d = set.dimensions;
  std::vector<io::NpzArray> arrays{
      {.name = "mu", .type = "<f8", .shape = {d}, .bytes = bytes_of(set.mean)},
      {.name = "sigma", .type = "<f8", .shape = {d, d}, .bytes = bytes_of(set.covariance)},
      {.name = "recipe", .type = "|u1", .shape = {size}, .bytes = bytes_of(recipe)}};
  if (set.count > 0)
    arrays.push_back({.name = "count",
                      .type = "<i8",
                      .shape = {1},
                      .bytes = std::as_bytes(std::span(&set.count, 1))});
  write_file_durably(path, io::npz_content(std::move(arrays)), overwrite);
}

}  // namespace ddim
