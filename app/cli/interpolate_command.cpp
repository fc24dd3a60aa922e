#include <ddim/animation.h>
#include <ddim/encode.h>
#include <ddim/error.h>
#include <ddim/interpolate.h>
#include <ddim/pictures.h>
#include <ddim/sample.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "commands.h"
#include "interrupts.h"
#include "picture_flags.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

struct Flags {
  RunFlags run;
  PlanFlags plan;
  ResizeFlag resize;
  OverwriteFlag overwrite;
  std::vector<std::string> ends;
  std::int64_t frames = 11;
  PictureOutput out;
  fs::path animation;
  int frame_ms = AnimationOptions{}.frame_ms;
};

std::optional<std::uint64_t> seed_of(const std::string& end) {
  std::uint64_t seed = 0;
  const char* const last = end.data() + end.size();
  const auto [next, error] = std::from_chars(end.data(), last, seed);
  if (error != std::errc() || next != last) return std::nullopt;
  return seed;
}

/// The states of one argument: of a seed, of a file of codes, or of a picture, which is encoded.
FloatImages states_of(const Model& model, const std::string& end, const Flags& flags,
                      const PlanOptions& plan, const std::stop_token& stop) {
  if (const auto seed = seed_of(end)) return draw_noise(model, *seed);
  if (fs::path(end).extension() == ".safetensors") return read_codes(end).x_T;
  return encode(model, load_pictures(model, {end}, flags.resize.value()),
                {.plan = {.steps = plan.steps, .tau = plan.tau},
                 .class_choice = flags.run.class_choice(),
                 .run = flags.run.options(stop)})
      .x_T;
}

FloatImages states_of_all(const Model& model, const Flags& flags, const PlanOptions& plan,
                          const std::stop_token& stop) {
  std::optional<FloatImages> all;
  for (const std::string& end : flags.ends) {
    const FloatImages states = states_of(model, end, flags, plan, stop);
    all = all ? join(*all, states) : states;
  }
  return *all;
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
void check_files(const Flags& flags) {
  Files files(flags.overwrite.value());
  flags.out.add_to(files);
  files.writes("--animation", flags.animation, {".webp"});
  for (const std::string& end : flags.ends)
    if (!seed_of(end) && fs::path(end).has_extension()) files.reads(end);
  files.check();
  if (!flags.animation.empty() && !can_write_animations()) {
    throw Error(ErrorCode::user,
                "--animation: this build cannot write WebP; install libwebp (Debian, Ubuntu: "
                "apt-get install libwebp-dev) and build again, or leave out --animation");
  }
}

/// A file of codes holds any number of states, so that more than four words are wrong for certain,
/// and others where each is one state.
void check_ends(const Flags& flags) {
  const bool has_codes = std::ranges::any_of(flags.ends, [](const std::string& end) {
    return fs::path(end).extension() == ".safetensors";
  });
  const std::size_t count = flags.ends.size();
  if (count > 4 || (!has_codes && count != 2 && count != 4)) {
    throw Error(ErrorCode::user, fmt::format("interpolate needs two endpoints (a line) or four (a "
                                             "grid); got {}",
                                             count));
  }
  for (const std::string& end : flags.ends) {
    if (!seed_of(end) && !fs::exists(end)) {
      throw Error(
          ErrorCode::user,
          fmt::format("{}: neither a seed nor a file, such as 7, a.png or code.safetensors", end));
    }
  }
}

void run(const Flags& flags) {
  const Interrupts interrupts;
  const Overwrite overwrite = flags.overwrite.value();
  check_files(flags);
  check_ends(flags);
  SampleOptions options{.plan = flags.plan.options(),
                        .class_choice = flags.run.class_choice(),
                        .run = flags.run.options(interrupts.token())};
  const Model model = flags.run.load_model(interrupts.token());
  const bool is_line = flags.ends.size() == 2;
  flags.out.check(model.info().shape, is_line ? flags.frames : flags.frames * flags.frames,
                  flags.frames);
  if (const std::int64_t channels = model.info().shape.channels;
      !flags.animation.empty() && channels > 4)
    throw Error(ErrorCode::user,
                fmt::format("--animation: a WebP holds 1 to 4 channels, but this model's pictures "
                            "have {}; leave --animation out",
                            channels));
  const Plan plan = make_plan(model, options.plan);  // refuses before anything is encoded
  options.x_T =
      interpolate(states_of_all(model, flags, options.plan, interrupts.token()), flags.frames);
  options.count = options.x_T->count;
  const Samples samples = sample(model, plan, options);
  flags.out.write(samples, flags.frames, overwrite);
  if (!flags.animation.empty()) {
    std::vector<Image> images;
    for (std::int64_t k = 0; k < samples.x_0.count; ++k) images.push_back(to_image(samples.x_0, k));
    write_animation(flags.animation, film_of(images, flags.frames),
                    {.frame_ms = flags.frame_ms, .overwrite = overwrite});
  }
  print_drawn(samples, flags.out.path(), flags.run.json());
}

}  // namespace

void add_interpolate_command(Command root) {
  const Command command = root.add_command(
      "interpolate", "Draw a transition between pictures, codes or seeds (the paper's figure 6)");
  const auto flags = std::make_shared<Flags>();
  command
      .add_option("endpoints", flags->ends,
                  "Two for a line, four for a grid (the paper's figures 11 to 13): seeds (7 is "
                  "picture 0 of ddim sample --seed 7), safetensors files with x_T (each state in "
                  "them is an endpoint), and pictures, which are encoded first")
      .required()
      .type_name("SEED|FILE");
  command
      .add_option("--frames", flags->frames,
                  "Pictures in a line; in a grid, also the number of lines")
      .within(2, 10'000)
      .show_default();
  flags->out.add_to(command, "all pictures").required();
  const Option animation =
      command
          .add_option("--animation", flags->animation,
                      "Also write the pictures as a looping back-and-forth animation")
          .type_name("NAME.webp");
  command
      .add_option("--frame-ms", flags->frame_ms,
                  "Duration of each picture of the animation in milliseconds")
      .within(10, 10'000)
      .needs(animation)
      .show_default();
  flags->resize.add_to(command);
  flags->plan.add_to(command);
  flags->run.add_to(command).required();
  flags->overwrite.add_to(command);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
