#include "job_request.h"

#include <ddim/model.h>
#include <fmt/core.h>

#include <array>
#include <string_view>
#include <utility>

#include "shell_word.h"

namespace ddim::server {
namespace {

/// Entries that are no flags of the command, or have a place of their own in it.
constexpr std::array<std::string_view, 9> kNoFlags = {
    "model", "model_hash", "size", "x_T", "Software", "columns", "scale", "endpoints", "frames"};
/// What need not be said.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kDefaults = {
    {{"tau", "linear"},
     {"sampler", "ddim"},
     {"eta", "0"},
     {"clip", "none"},
     {"precision", "fp32"},
     {"first_image", "0"},
     {"init_by", "noise"},
     {"threshold_max", "inf"}}};
constexpr std::array<std::string_view, 4> kOfSteps = {"sampler", "steps", "tau", "final_alpha"};
/// Of the noise that pictures are drawn from, which the codes or ends say.
constexpr std::array<std::string_view, 3> kOfNoise = {"seed", "first_image", "count"};

/// Which name files.
constexpr std::array<std::string_view, 2> kFiles = {"init_image", "mask"};

/// A file's name where a flag or a number could stand, too.
std::string as_path(const std::string& name) {
  const bool is_number = name.find_first_not_of("0123456789") == std::string::npos;
  return name.starts_with('-') || is_number ? "./" + name : name;
}

template <std::size_t size>
bool holds(const std::array<std::string_view, size>& names, std::string_view name) {
  for (const std::string_view one : names)
    if (one == name) return true;
  return false;
}

bool is_default(const std::string& key, const std::string& value) {
  for (const auto& [name, otherwise] : kDefaults)
    if (name == key) return value == otherwise;
  return false;
}

std::string flag(const std::string& key, const std::string& value) {
  std::string name = "--" + key;
  for (char& c : name)
    if (c == '_') c = '-';
  return key == "sigma_hat" ? " " + name : fmt::format(" {} {}", name, shell_word(value));
}

}  // namespace

std::int64_t num_pictures(const JobRequest& request) {
  switch (request.task) {
    case Task::interpolate:
      return request.ends.size() == 4 ? request.frames * request.frames : request.frames;
    case Task::encode:
      return request.pictures.count;
    case Task::decode:
      return request.codes.x_T.count;
    default:
      return request.sample.count;
  }
}

std::string command_of(const JobRequest& request, const Recipe& recipe, const std::string& place) {
  const Task task = request.task;
  if (recipe.empty()) return "";
  std::string command = fmt::format("ddim {}", to_string(task));
  std::string out = "picture.png";
  const auto reads = [&out](const std::string& file) {
    if (file == out) out = "drawn.png";
  };
  const bool has_codes = task == Task::interpolate || task == Task::decode;
  if (task == Task::decode) command += " " + shell_word(as_path(request.files.front().name));
  for (const End& end : request.ends) {
    command += " " + shell_word(end.seed ? end.name : as_path(end.name));
    reads(end.name);
  }
  command += " --model " + shell_word(place);
  for (const auto& [key, value] : recipe) {
    if (holds(kNoFlags, key) || is_default(key, value)) continue;
    if (has_codes && holds(kOfNoise, key)) continue;
    // Codes say which steps they were encoded by.
    if (task == Task::decode && (holds(kOfSteps, key) || key == "eta")) continue;
    if (key == "class" && request.names_like_numbers)
      command += flag(key, words_of_class_numbers(value));
    else
      command += flag(key, holds(kFiles, key) ? as_path(value) : value);
    reads(value);
  }
  if (const auto frames = recipe.find("frames"); frames != recipe.end())
    command += flag("frames", frames->second);
  if (request.other_weights) command += " --other-weights";
  return command + " --out " + out;
}

}  // namespace ddim::server
