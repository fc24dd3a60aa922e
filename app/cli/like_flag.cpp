#include "like_flag.h"

#include <ddim/error.h>
#include <ddim/image.h>
#include <ddim/pull.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "terminal.h"
#include "text_file.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

/// What a recipe says besides the values of flags.
const std::set<std::string> kNoFlags = {"model", "model_hash", "size", "x_T", "Software"};

/// Names of files that pictures were made from: known by their content, x_T.
const std::set<std::string> kFileNames = {"init_image", "mask", "endpoints"};

/// What follows from the endpoints and the number of frames.
const std::set<std::string> kOfInterpolation = {"count", "seed", "first_image", "columns"};

/// What a recipe says by the names of flags. Others are never set: a file may come from anybody.
const std::set<std::string> kRecipeFlags = {
    "sampler",       "tolerance",   "tau",      "steps",      "steps_offset",
    "sigma_hat",     "eta",         "clip",     "clip_range", "threshold",
    "threshold_max", "final_alpha", "class",    "guidance",   "null_class",
    "resize",        "init_by",     "strength", "weights",    "schedule",
    "beta_start",    "beta_end",    "T",        "prediction", "precision",
    "seed",          "first_image", "count",    "columns",    "scale",
    "size",          "frames"};

/// Who gives one of these wants another number of pictures: a grid of their own, too.
constexpr const char* kNumbersOfPictures[] = {"count", "seed", "guidance", "init_image", "frames"};

/// Other programs leave text of their own in PNG files; our names are of lower-case letters.
bool is_ours(const std::string& key) {
  return kNoFlags.contains(key) || key == "T" || std::ranges::all_of(key, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

std::string flag_name(std::string key) {
  std::ranges::replace(key, '_', '-');
  return "--" + key;
}

/// What a recipe calls the flag; "" for what is none.
std::string key_of(Option option) {
  const std::string name = option.name();
  if (!name.starts_with("--")) return "";
  std::string key = name.substr(2);
  std::ranges::replace(key, '-', '_');
  return key;
}

/// Keys of the flags that stand on the command line.
std::set<std::string> keys_given(Command command) {
  std::set<std::string> keys;
  for (const Option option : command.options_on_command_line()) keys.insert(key_of(option));
  return keys;
}

/// Keys of the flags that the command line, the environment or a file says something about.
std::set<std::string> keys_set(Command command) {
  std::set<std::string> keys;
  for (const Option option : command.options()) {
    if (option.given()) keys.insert(key_of(option));
  }
  return keys;
}

std::string value_of(const Recipe& recipe, const std::string& key) {
  const auto found = recipe.find(key);
  return found == recipe.end() ? "not set" : found->second;
}

/// The command that draws what has such a recipe, or that has such flags.
std::string drawing_command(bool has_endpoints, bool has_frames) {
  return has_endpoints ? "interpolate" : has_frames ? "filmstrip" : "sample";
}

/// "3,24", and not names of files.
bool are_seeds(const std::string& endpoints) {
  return endpoints.find_first_not_of("0123456789,") == std::string::npos;
}

}  // namespace

void LikeFlag::add_to(Command command, const std::string& codes) {
  codes_ = codes;
  const Option like =
      command
          .add_option(
              "--like", file_,
              "Redraw the picture in this PNG; its recipe supplies all flags that you do not give")
          .type_name("FILE.png");
  const Option other =
      command.add_flag("--other-weights", other_weights_,
                       fmt::format("With --like{}: draw even if the model has different weights",
                                   codes.empty() ? "" : ", or codes of " + codes));
  if (codes.empty()) other.needs(like);
}

void LikeFlag::set_flags(Command command) {
  recipe_ = read_png_text(file_);
  std::erase_if(recipe_, [](const auto& entry) { return !is_ours(entry.first); });
  for (const std::string& key : kNoFlags) {
    if (recipe_.contains(key)) continue;
    throw Error(ErrorCode::user,
                fmt::format("{}: contains no recipe, so it cannot be redrawn: it was written "
                            "with --no-metadata, by an earlier version, or not by ddim sample",
                            file_.string()));
  }
  refuse_other_command(command);
  given_ = keys_given(command);
  elsewhere_ = keys_set(command);
  const bool starts_otherwise = given_.contains("noise") || given_.contains("init_image");
  if (starts_otherwise && recipe_["x_T"] == "drawn") given_.insert("x_T");
  const bool is_interpolation = recipe_.contains("endpoints");
  if (is_interpolation) set_endpoints(command);
  if (recipe_.contains("init_by")) ask_for_init_image();
  const bool has_own_grid = std::ranges::any_of(
      kNumbersOfPictures, [this](const char* key) { return given_.contains(key); });
  std::vector<std::string> taken;
  for (const auto& [key, value] : recipe_) {
    if (kNoFlags.contains(key) || kFileNames.contains(key) || given_.contains(key)) continue;
    if (is_interpolation && kOfInterpolation.contains(key)) continue;
    if (key == "columns" && has_own_grid) continue;
    set_flag(command, key, value);
    taken.push_back(key);
  }
  // WIDTHxHEIGHTxCHANNELS, of which a flag says the first two.
  const std::string& size = recipe_["size"];
  if (!given_.contains("size")) set_flag(command, "size", size.substr(0, size.rfind('x')));
  command.settle_conflicts();
  for (const std::string& key : taken)  // what has given way to the command line
    if (!command.find_option(flag_name(key))->given()) given_.insert(key);
  const Option model = *command.find_option("--model");
  if (model.given()) return;
  const std::string& name = recipe_["model"];
  const auto is_found = [&] {
    try {
      return !find_model(name, MissingModel::refuse).empty();
    } catch (const Error&) {
      return false;
    }
  };
  const bool is_of_hub = name.find('/') != std::string::npos;
  if (!is_of_hub && !is_found()) {
    throw Error(ErrorCode::user,
                fmt::format("{}: was made with the model {}; give its location with --model",
                            file_.string(), printable(name)));
  }
  model.set(name);
}

void LikeFlag::refuse_other_command(Command command) const {
  const std::string drawn_by =
      drawing_command(recipe_.contains("endpoints"), recipe_.contains("frames"));
  if (drawn_by == drawing_command(command.find_option("endpoints").has_value(),
                                  command.find_option("--frames").has_value()))
    return;
  throw Error(ErrorCode::user, fmt::format("{0}: was drawn by ddim {1}; redraw it with ddim {1} "
                                           "--like {0}",
                                           file_.string(), drawn_by));
}

void LikeFlag::set_endpoints(Command command) {
  const Option option = *command.find_option("endpoints");
  const std::string& endpoints = recipe_["endpoints"];
  if (option.given()) {
    given_.insert("endpoints");
    return;
  }
  std::vector<std::string> words(1);
  for (const char c : endpoints) {
    if (c == ',') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (!are_seeds(endpoints)) {
    std::string all;
    for (const std::string& word : words) all += word + " ";
    throw Error(ErrorCode::user,
                fmt::format("{0}: was drawn between the endpoints {1}; give them again: ddim "
                            "interpolate {2}--like {0}",
                            file_.string(), printable(endpoints), printable(all)));
  }
  option.set(words);
}

void LikeFlag::ask_for_init_image() const {
  const auto ask = [this](const char* key, const char* what) {
    const auto name = recipe_.find(key);
    const std::string named = name == recipe_.end() ? "" : " " + printable(name->second);
    throw Error(ErrorCode::user, fmt::format("{}: was drawn from {}{}; give it again with {}",
                                             file_.string(), what, named, flag_name(key)));
  };
  if (!given_.contains("init_image")) ask("init_image", "the picture");
  if (recipe_.contains("mask") && !given_.contains("mask")) ask("mask", "the mask");
}

void LikeFlag::set_flag(Command command, const std::string& key, const std::string& value) {
  const std::optional<Option> option =
      kRecipeFlags.contains(key) ? command.find_option(flag_name(key)) : std::nullopt;
  if (!option) {
    throw Error(
        ErrorCode::user,
        fmt::format("{}: was made with {} = {}, which this version of ddim does not support",
                    file_.string(), key, printable(value)));
  }
  try {
    option->set(key == "class" ? words_of_class_numbers(value) : value);
  } catch (const Error&) {
    throw Error(ErrorCode::corrupt,
                fmt::format("{}: its recipe has {} = {}, which is not a valid value of {}",
                            file_.string(), key, printable(value), flag_name(key)));
  }
}

void LikeFlag::check(Recipe& recipe) {
  const auto fail = [this](const std::string& reason) {
    throw Error(ErrorCode::user, file_.string() + ": " + reason);
  };
  const bool same_weights = recipe.at("model_hash") == recipe_.at("model_hash");
  if (!same_weights && !other_weights_) {
    fail(fmt::format(
        "was made with the model {} with weights {:.12}; the weights of {} are {:.12}. "
        "Give the location of that model with --model, or use --other-weights to draw with this "
        "model anyway",
        printable(recipe_.at("model")), printable(recipe_.at("model_hash")), recipe.at("model"),
        recipe.at("model_hash")));
  }
  same_recipe_ = same_weights;
  Recipe keys = recipe_;
  for (const auto& [key, value] : recipe) {  // what the recipe has no word for is the default
    if (elsewhere_.contains(key)) keys.insert({key, value});
  }
  for (const char* key : {"model", "model_hash", "Software", "columns", "scale"}) keys.erase(key);
  for (const std::string& key : kFileNames) keys.erase(key);
  if (recipe_.contains("endpoints"))
    for (const std::string& key : kOfInterpolation) keys.erase(key);
  for (const auto& [key, ignored] : keys) {
    const std::string before = value_of(recipe_, key);
    const std::string now = value_of(recipe, key);
    if (before == now) continue;
    same_recipe_ = false;
    if (given_.contains(key) || (key == "size" && other_weights_)) continue;
    if (key == "x_T") {
      if (begins_elsewhere()) continue;
      fail_of_start(now);
    }
    fail(fmt::format("was made with {0} = {1}, but {0} is now {2}", key, printable(before), now));
  }
  // The same model may be in a folder of another name, and the same picture in another file.
  if (same_weights) recipe["model"] = recipe_.at("model");
  for (const std::string& key : kFileNames)
    if (recipe.contains(key) && recipe_.contains(key) && recipe.at("x_T") == recipe_.at("x_T"))
      recipe[key] = recipe_.at(key);
}

void LikeFlag::check_other_weights(bool has_codes) const {
  if (other_weights_ && !given() && !has_codes)
    throw Error(ErrorCode::user, "--other-weights needs --like, or codes of " + codes_);
}

void LikeFlag::check_codes(const Model& model, const Codes& codes, const std::string& name) const {
  if (!other_weights_) ddim::check_codes(model, codes, name);
}

bool LikeFlag::begins_elsewhere() const {
  if (!recipe_.contains("endpoints")) return false;
  return given_.contains("frames") || given_.contains("size") ||
         (given_.contains("endpoints") && are_seeds(recipe_.at("endpoints")));
}

void LikeFlag::fail_of_start(const std::string& now) const {
  const std::string hashes =
      fmt::format("their SHA-256 is {:.12} instead of {:.12}", now, printable(recipe_.at("x_T")));
  const auto named = [this](const char* key) {
    return recipe_.contains(key) ? " " + printable(recipe_.at(key)) : std::string();
  };
  std::string reason =
      "did not start from seeded noise; supply the original noise with --noise or the picture with "
      "--init-image";
  if (recipe_.contains("endpoints"))
    reason = fmt::format("was drawn between other endpoints,{}: {}", named("endpoints"), hashes);
  if (recipe_.contains("init_by"))
    reason = fmt::format("was drawn from another picture{}{}, or with another --resize: {}",
                         named("init_image"), recipe_.contains("mask") ? " or mask" : "", hashes);
  throw Error(ErrorCode::user, file_.string() + ": " + reason);
}

void LikeFlag::print_likeness(const fs::path& path) const {
  const std::string likeness = compare(path);
  if (!likeness.empty()) print_err("ddim: {}: {}\n", path.string(), likeness);
}

std::string LikeFlag::compare(const fs::path& path) const {
  if (!same_recipe_ || path.extension() != ".png") return "";
  if (read_text_file(path, path.string()) == read_text_file(file_, file_.string()))
    return "the same bytes as " + file_.string();
  const Image drawn = read_png(path);
  const Image wanted = read_png(file_);
  if (drawn.pixels.size() != wanted.pixels.size())
    return fmt::format("has a different size than {}", file_.string());
  std::int64_t num_different = 0;
  int largest = 0;
  for (std::size_t i = 0; i < drawn.pixels.size(); ++i) {
    const int difference = std::abs(int{drawn.pixels[i]} - int{wanted.pixels[i]});
    num_different += difference > 0 ? 1 : 0;
    largest = std::max(largest, difference);
  }
  if (num_different == 0)
    return fmt::format("the same picture as {}, but the text in the file differs", file_.string());
  return fmt::format(
      "{} of {} values differ from {}, by at most {} of 255: other weights, another "
      "version of ddim, or another processor",
      num_different, drawn.pixels.size(), file_.string(), largest);
}

}  // namespace ddim::cli
