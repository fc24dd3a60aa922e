#pragma once

#include <ddim/data_options.h>
#include <ddim/encode.h>
#include <ddim/filmstrip.h>
#include <ddim/interpolate.h>
#include <ddim/names.h>
#include <ddim/sample.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ddim::server {

/// What a job does: the command of this name.
enum class Task { sample, interpolate, filmstrip, encode, decode };

/// Of interpolate and filmstrip, where nobody says how many.
constexpr std::int64_t usual_frames(Task task) {
  return task == Task::interpolate ? kUsualFrames : kUsualFilmFrames;
}

}  // namespace ddim::server

template <>
struct ddim::Names<ddim::server::Task> {
  using Task = server::Task;
  static constexpr Named<Task> kAll[] = {{Task::sample, "sample"},
                                         {Task::interpolate, "interpolate"},
                                         {Task::filmstrip, "filmstrip"},
                                         {Task::encode, "encode"},
                                         {Task::decode, "decode"}};
  static constexpr std::span<const Named<Task>> all() { return kAll; }
};

namespace ddim::server {

/// A point that interpolation goes through: the noise of a seed, a picture to be encoded, or codes.
struct End {
  std::string name;  ///< for the recipe
  std::optional<std::uint64_t> seed = {};
  FloatImages picture = {};
  Codes codes = {};
};

/// A file that a job was given, by the name that recipes and commands have for it.
struct GivenFile {
  std::string name;
  std::string address;  ///< where the server has it, for a while
};

/// A job as it was asked for, checked against its model.
struct JobRequest {
  Task task = Task::sample;
  std::string model;
  SampleOptions sample = {};                  ///< of all tasks: plan, classes, count, seed ...
  std::int64_t preview_every = 0;             ///< steps; 0: never
  std::int64_t frames = 0;                    ///< of interpolate and filmstrip
  std::vector<End> ends = {};                 ///< of interpolate
  EncodeMethod method = EncodeMethod::euler;  ///< of encode
  Dequantise dequantise = Dequantise::none;   ///< of encode
  FloatImages pictures = {};                  ///< of encode
  Codes codes = {};                           ///< of decode
  Fit fit = Fit::none;                        ///< of pictures that it was given
  std::vector<GivenFile> files = {};          ///< that it was given
  bool other_weights = false;                 ///< may draw codes
  bool names_like_numbers = false;            ///< as has_names_like_numbers() of the model
};

/// How pictures are answered in the form of OpenAI's API for images.
struct ImagesForm {
  std::int64_t scale = 1;   ///< what `size` asks for, of the model's pictures
  bool as_address = false;  ///< not as base64
};

/// How many pictures it makes.
std::int64_t num_pictures(const JobRequest& request);

/// The `ddim` command that makes the same picture as a recipe of the job says, reading what was
/// uploaded from files of the names that it had. `place` is --model. Empty for a job that makes no
/// picture.
std::string command_of(const JobRequest& request, const Recipe& recipe, const std::string& place);

}  // namespace ddim::server
