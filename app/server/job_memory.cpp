#include "job_memory.h"

#include <algorithm>
#include <variant>

namespace ddim::server {
namespace {

/// Of a text and its place in a list; and of an entry of a map with two.
constexpr std::int64_t kBytesOfText = 48, kBytesOfMapEntry = 128;
/// Of a recipe, beside the lists in it; and how many there are: of all and of the first.
constexpr std::int64_t kBytesOfRecipe = 4096, kNumRecipes = 2;
/// Of what a picture was drawn from: a SHA-256 as text.
constexpr std::int64_t kBytesOfStart = kBytesOfText + 64;
/// Of a number in a list, as text: digits, a point and a comma.
constexpr std::int64_t kBytesOfNumber = 24;

template <class Item>
std::int64_t bytes_of(const std::vector<Item>& list) {
  return std::ssize(list) * static_cast<std::int64_t>(sizeof(Item));
}

std::int64_t bytes_of(const FloatImages& images) { return bytes_of(images.values); }

std::int64_t bytes_of(const Codes& codes) { return bytes_of(codes.x_T) + bytes_of(codes.tau); }

std::int64_t bytes_of(const Recipe& recipe) {
  std::int64_t bytes = 0;
  for (const auto& [name, value] : recipe)
    bytes += kBytesOfMapEntry + std::ssize(name) + std::ssize(value);
  return bytes;
}

/// The steps to take that a request lists itself; none where it names them.
const std::vector<double>& steps_in(const JobRequest& request) {
  static const std::vector<double> kNone;
  const auto* list = std::get_if<std::vector<double>>(&request.sample.plan.tau);
  return list == nullptr ? kNone : *list;
}

}  // namespace

std::int64_t input_bytes(const JobRequest& request) {
  const SampleOptions& options = request.sample;
  std::int64_t bytes = bytes_of(request.pictures) + bytes_of(request.codes);
  if (options.init) {
    bytes += bytes_of(options.init->images);
    if (options.init->mask) bytes += bytes_of(*options.init->mask);
  }
  bytes += bytes_of(steps_in(request));
  bytes += bytes_of(options.class_choice.classes) + bytes_of(options.class_choice.vectors);
  for (const End& end : request.ends) bytes += bytes_of(end.picture) + bytes_of(end.codes);
  return bytes;
}

void forget_input(JobRequest& request) {
  request.sample = {};
  for (End& end : request.ends) {  // their names are for the command
    end.picture = {};
    end.codes = {};
  }
  request.pictures = {};
  request.codes = {};
}

std::int64_t result_bytes(const JobRequest& request, const PictureShape& shape) {
  const std::int64_t pictures = num_pictures(request);
  const std::int64_t shown =
      pictures * (request.task == Task::filmstrip ? 1 + 2 * request.frames : 1);
  const std::int64_t steps = std::max(std::ssize(steps_in(request)), std::ssize(request.codes.tau));
  const std::int64_t classes = std::ssize(request.sample.class_choice.classes);
  const bool has_states = request.task == Task::interpolate || request.task == Task::decode;
  std::int64_t recipes = has_states ? pictures * kBytesOfStart : 0;
  if (request.task != Task::encode)
    recipes += kNumRecipes * (kBytesOfRecipe + (steps + classes) * kBytesOfNumber);
  const std::int64_t numbers = request.task == Task::sample && classes > 0
                                   ? pictures * std::int64_t{sizeof(std::int64_t)}
                                   : 0;
  return shown * static_cast<std::int64_t>(shape.size() * sizeof(float)) + recipes + numbers;
}

std::int64_t kept_bytes(const JobResult& result) {
  std::int64_t bytes =
      bytes_of(result.samples.x_0) + bytes_of(result.samples.recipe) + bytes_of(result.codes);
  for (const FilmFrame& frame : result.frames)
    bytes += bytes_of(frame.x_t) + bytes_of(frame.x0_pred);
  for (const std::string& start : result.starts) bytes += kBytesOfText + std::ssize(start);
  return bytes + bytes_of(result.of_first) + bytes_of(result.classes);
}

std::int64_t kept_bytes(const JobRequest& request) {
  std::int64_t bytes = 0;
  for (const GivenFile& file : request.files)
    bytes += 2 * kBytesOfText + std::ssize(file.name) + std::ssize(file.address);
  for (const End& end : request.ends) bytes += kBytesOfText + std::ssize(end.name);
  return bytes;
}

}  // namespace ddim::server
