#include <ddim/encode.h>
#include <ddim/error.h>
#include <ddim/interpolate.h>
#include <ddim/pictures.h>
#include <ddim/sample.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "animation_flags.h"
#include "commands.h"
#include "data_flags.h"
#include "interrupts.h"
#include "like_flag.h"
#include "picture_flags.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

struct InterpolateCommandFlags {
  RunFlags run;
  PlanFlags plan;
  LikeFlag like;
  ResizeFlag resize;
  OverwriteFlag overwrite;
  std::vector<std::string> ends;
  std::int64_t frames = kUsualFrames;
  PictureOutput out;
  AnimationFlags animation;
};

std::optional<std::uint64_t> seed_of(const std::string& end) {
  return whole_number<std::uint64_t>(end);
}

bool holds_codes(const std::string& end) { return fs::path(end).extension() == ".safetensors"; }

bool is_picture(const std::string& end) { return !seed_of(end) && !holds_codes(end); }

/// What one argument stands for: states, or pictures that are still to be encoded.
struct End {
  std::string word;
  FloatImages values;
  std::string model_hash = {};  ///< of the model that made the codes
  bool has_pictures() const { return is_picture(word); }
};

/// The states of a seed or a file of codes, or the pictures of a file.
std::vector<End> read_ends(const Model& described, const InterpolateCommandFlags& flags) {
  std::vector<End> ends;
  for (const std::string& word : flags.ends) {
    if (const auto seed = seed_of(word)) {
      ends.push_back({word, draw_noise(described, *seed)});
    } else if (holds_codes(word)) {
      Codes codes = read_codes(word);
      check_codes(described, codes, word);
      ends.push_back({word, std::move(codes.x_T), std::move(codes.model_hash)});
    } else {
      ends.push_back(
          {word, load_pictures(described, {word}, flags.resize.value(), telling_notices())});
    }
  }
  return ends;
}

/// `numbers` are those of the ends among the frames: a picture is encoded under its frame's class.
FloatImages states_of_all(const Model& model, const std::vector<End>& ends,
                          const std::vector<std::int64_t>& numbers, const SampleOptions& options) {
  FloatImages all{.shape = ends.front().values.shape};
  EncodeOptions encoding = encoding_for(options);
  for (const End& end : ends) {
    encoding.run.label = "encoding " + fs::path(end.word).filename().string();
    for (std::int64_t k = 0; k < end.values.count; ++k) {
      encoding.first_image = numbers[static_cast<std::size_t>(all.count)];
      const FloatImages one = slice(end.values, k, 1);
      all = join(all, end.has_pictures() ? encode(model, one, encoding).x_T : one);
    }
  }
  return all;
}

/// Frames there and back; a grid row by row, every other from the right, so that neighbours follow
/// each other.
std::vector<Image> film_of(const std::vector<Image>& images, std::int64_t columns) {
  std::vector<Image> film = images;
  for (std::ptrdiff_t row = 1; row * columns < std::ssize(film); row += 2)
    std::reverse(film.begin() + row * columns, film.begin() + (row + 1) * columns);
  for (std::ptrdiff_t i = std::ssize(film) - 2; i > 0; --i)
    film.push_back(film[static_cast<std::size_t>(i)]);
  return film;
}

/// Before a model is loaded: the files that are read are there, those asked for can be written.
void check_files(const InterpolateCommandFlags& flags) {
  Files files(flags.overwrite.value());
  flags.out.add_to(files);
  flags.animation.add_to(files);
  flags.like.add_to(files);
  for (const std::string& end : flags.ends)
    if (!seed_of(end) && fs::path(end).has_extension()) files.reads(end);
  files.check();
  flags.animation.check();
}

void require_line_or_grid(std::int64_t num_ends) {
  if (num_ends == 2 || num_ends == 4) return;
  throw Error(ErrorCode::user, fmt::format("interpolate needs two endpoints (a line) or four (a "
                                           "grid); got {}",
                                           num_ends));
}

/// A file of codes holds any number of states, so that more than four words are wrong for certain,
/// and others where each is one state.
void check_ends(const InterpolateCommandFlags& flags) {
  const bool has_codes = std::ranges::any_of(flags.ends, holds_codes);
  const std::int64_t count = std::ssize(flags.ends);
  flags.like.check_other_weights(has_codes);
  if (!has_codes || count > 4) require_line_or_grid(count);
  for (const std::string& end : flags.ends) {
    if (!seed_of(end) && !fs::exists(end)) {
      throw Error(
          ErrorCode::user,
          fmt::format("{}: neither a seed nor a file, such as 7, a.png or code.safetensors", end));
    }
  }
}

/// An enlarged grid says where between the endpoints each column, and each row, is.
GridOptions grid_of(const InterpolateCommandFlags& flags, const PictureShape& shape,
                    std::int64_t count) {
  GridOptions grid = flags.out.grid(count, shape, flags.frames);
  if (grid.scale == 1) return grid;
  for (std::int64_t i = 0; i < flags.frames; ++i) {
    const double position = static_cast<double>(i) / static_cast<double>(flags.frames - 1);
    grid.column_labels.push_back(fmt::format("{:.2g}", position));
  }
  if (count > flags.frames) grid.row_labels = grid.column_labels;
  return grid;
}

/// With what --like needs to find these states again.
Recipe recipe_of(const Model& model, const SampleOptions& options,
                 const InterpolateCommandFlags& flags) {
  Recipe recipe = make_recipe(model, options);
  std::string& endpoints = recipe["endpoints"];
  for (const std::string& end : flags.ends)
    endpoints += (endpoints.empty() ? "" : ",") + fs::path(end).filename().string();
  recipe["frames"] = std::to_string(flags.frames);
  if (flags.resize.value() != Fit::none) recipe["resize"] = to_string(flags.resize.value());
  return recipe;
}

void run(InterpolateCommandFlags& flags, Command command) {
  const Interrupts interrupts;
  const Overwrite overwrite = flags.overwrite.value();
  check_files(flags);
  check_ends(flags);
  if (std::ranges::none_of(flags.ends, is_picture))
    command.refuse_ignored({"--resize"}, "where no endpoint is a picture");
  SampleOptions options{.plan = flags.plan.options(), .run = flags.run.options(interrupts.token())};
  const Model described = flags.run.model_without_weights(interrupts.token());
  const PictureShape shape = described.info().shape;
  options.plan = flags.plan.fitted_to(described.info().process.T, options.plan);
  flags.animation.check(shape);
  options.class_choice = flags.run.class_choice(described);
  const Plan plan = flags.run.checked_plan(described, options.plan, options.class_choice);
  const std::vector<End> ends = read_ends(described, flags);
  std::int64_t num_ends = 0;
  for (const End& end : ends) {
    num_ends += end.values.count;
    check_sample(
        described, plan,
        {.count = end.values.count, .class_choice = options.class_choice, .x_T = end.values});
  }
  require_line_or_grid(num_ends);
  const std::vector<std::int64_t> numbers = numbers_of_ends(num_ends, flags.frames);
  const std::int64_t count = numbers.back() + 1;
  const GridOptions grid = grid_of(flags, shape, count);
  flags.out.check(shape, count, grid);

  const auto states_between = [&](const Model& model) {
    return interpolate(states_of_all(model, ends, numbers, options), flags.frames,
                       interrupts.token());
  };
  const bool encodes = std::ranges::any_of(ends, &End::has_pictures);
  if (encodes) {
    check_encode(described, encoding_for(options));
  } else {
    options.x_T = states_between(described);
  }
  const Model model = flags.run.load_model(interrupts.token());
  for (const End& end : ends)
    flags.like.check_codes(model, {.model_hash = end.model_hash}, end.word);
  if (encodes) options.x_T = states_between(model);
  options.count = options.x_T->count;
  Recipe recipe = recipe_of(model, options, flags);
  if (flags.like.given()) flags.like.check(recipe);
  Samples samples = sample(model, plan, options);
  samples.recipe = recipe;
  flags.out.write(samples, grid, overwrite);
  if (flags.animation.given()) {
    std::vector<Image> images;
    for (std::int64_t k = 0; k < samples.x_0.count; ++k) images.push_back(to_image(samples.x_0, k));
    flags.animation.write(film_of(images, flags.frames), overwrite);
  }
  print_drawn(samples, flags.out.path(), flags.run.json());
  if (flags.like.given() && !flags.run.quiet()) flags.like.print_likeness(flags.out.path());
}

}  // namespace

void add_interpolate_command(Command root) {
  const Command command = root.add_command(
      "interpolate", "Draw a transition between pictures, codes or seeds (the paper's figure 6)");
  const auto flags = std::make_shared<InterpolateCommandFlags>();
  const Option endpoints =
      command
          .add_option(
              "endpoints", flags->ends,
              "Two for a line, four for a grid (the paper's figures 11 to 13): seeds (7 is "
              "picture 0 of ddim sample --seed 7), safetensors files with x_T (each state in "
              "them is an endpoint), and pictures, which are encoded first")
          .type_name("SEED|FILE");
  flags->like.add_to(command, "an endpoint");
  command
      .add_option("--frames", flags->frames,
                  "Pictures in a line; in a grid, also the number of lines")
      .within(2, kMostFrames)
      .show_default();
  flags->out.add_to(command, "all pictures").required();
  flags->animation.add_to(command, "Also write the pictures as a looping back-and-forth animation");
  flags->resize.add_to(command);
  flags->plan.add_to(command);
  const Option model = flags->run.add_to(command);
  flags->overwrite.add_to(command);
  command.callback([flags, command, endpoints, model] {
    if (flags->like.given()) flags->like.set_flags(command);
    if (flags->ends.empty()) endpoints.throw_missing();
    if (!flags->run.has_model()) model.throw_missing();
    run(*flags, command);
  });
}

}  // namespace ddim::cli
