#include "api/picture_folder.h"

#include <iomanip>
#include <utility>

#include "api/settings_difference.h"
#include "base/error.h"
#include "base/text.h"
#include "io/png.h"

namespace ddim {

using namespace engine;
namespace fs = std::filesystem;

namespace {

constexpr int kNumberDigits = 6;

}  // namespace

fs::path PictureFolder::folder_of(std::int64_t k) const {
  const SampleOptions &first = job_.runs.front(), &last = job_.runs.back(), &run = job_.run_of(k);
  std::string name;
  if (first.seed != last.seed) name += concat("-seed-", run.seed);
  if (first.class_choice.guidance != last.class_choice.guidance)
    name += "-guidance-" + number_text(run.class_choice.guidance);
  return name.empty() ? job_.files.out : job_.files.out / name.substr(1);
}

bool PictureFolder::is_picture_name(std::string_view name) {
  constexpr std::string_view kEnding = ".png";
  if (!name.ends_with(kEnding)) return false;
  name.remove_suffix(kEnding.size());
  return name.size() >= kNumberDigits &&
         name.find_first_not_of("0123456789") == std::string_view::npos;
}

fs::path PictureFolder::file_of(std::int64_t k) const {
  TextStream name;
  name << std::setfill('0') << std::setw(kNumberDigits) << job_.number(k) << ".png";
  return folder_of(k) / name.str();
}

/// Of picture k alone.
Recipe PictureFolder::recipe_of(std::int64_t k) const {
  const std::optional<Recipe>& given = job_.files.recipe;
  if (given && given->empty()) return {};
  Recipe recipe = make_recipe(job_.model, only_pictures(job_.run_of(k), job_.place(k)));
  if (given) recipe["model"] = given->at("model");
  return recipe;
}

bool PictureFolder::has_file(std::int64_t k) const {
  return fs::exists(fs::symlink_status(file_of(k)));
}

PictureFolder::Found PictureFolder::find(std::int64_t k) const {
  if (!has_file(k)) return {};
  io::PngFile file;
  try {
    file = io::read_png(file_of(k), io::channels_of(job_.shape().channels));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::corrupt) return {};
    throw;
  }
  const Recipe recipe = recipe_of(k);
  const PictureShape shape = job_.shape();
  Found found{.difference = first_difference(file.text, recipe), .image = std::move(file.image)};
  if (found.difference.empty() &&
      (found.image.width != shape.width || found.image.height != shape.height))
    found.difference = concat("its size is ", found.image.width, "x", found.image.height,
                              " there and ", shape.width, "x", shape.height, " here");
  found.kind = !found.difference.empty() ? Found::Kind::other
               : recipe.empty()          ? Found::Kind::unknown
                                         : Found::Kind::same;
  return found;
}

void PictureFolder::fail_existing(std::int64_t k, const std::string& advice) const {
  fail(ErrorCode::user, file_of(k).string(), " exists already and is not overwritten", advice);
}

void PictureFolder::fail_other(std::int64_t k, const Found& found) const {
  if (found.kind == Found::Kind::unknown)
    fail_existing(k, ", and no recipe in it says what it is: choose another folder");
  fail(ErrorCode::user, file_of(k).string(), ": was drawn with other options: ", found.difference,
       "; choose another folder, or give the same options");
}

bool PictureFolder::has_picture(std::int64_t k, Unknown unknown) const {
  const Found found = find(k);
  if (found.kind == Found::Kind::none) return false;
  if (found.kind == Found::Kind::same) return true;
  if (found.kind == Found::Kind::unknown && unknown == Unknown::is_the_same) return true;
  if (job_.files.overwrite == Overwrite::refuse) fail_other(k, found);
  return false;
}

std::int64_t PictureFolder::num_pictures() const {
  std::int64_t count = 0;
  for (std::int64_t k = 0; k < job_.count(); ++k) {
    const Found::Kind kind = find(k).kind;
    count += kind == Found::Kind::same || kind == Found::Kind::unknown ? 1 : 0;
  }
  return count;
}

void PictureFolder::keep(std::int64_t k, const Image& image) const {
  const Recipe recipe = recipe_of(k);
  const auto write = [&](Overwrite overwrite) {
    io::write_png(file_of(k), image, recipe, overwrite, Durability::later);
  };
  try {
    return write(job_.files.overwrite);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::user || job_.files.overwrite == Overwrite::allow || !has_file(k))
      throw;
  }
  const Found found = find(k);
  if (found.kind == Found::Kind::same) return;
  if (found.kind == Found::Kind::none) return write(Overwrite::allow);
  if (found.kind == Found::Kind::other || found.image != image) fail_other(k, found);
}

}  // namespace ddim
