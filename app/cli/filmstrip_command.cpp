#include <ddim/error.h>
#include <ddim/filmstrip.h>
#include <ddim/image.h>
#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "animation_flags.h"
#include "commands.h"
#include "convention_flag.h"
#include "interrupts.h"
#include "like_flag.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct FilmstripCommandFlags {
  RunFlags run;
  LikeFlag like;
  PlanFlags plan;
  ConventionFlag convention;
  std::int64_t count = 1;
  std::uint64_t seed = 0;
  std::int64_t first_image = 0;
  std::int64_t frames = FilmstripOptions{}.frames;
  std::filesystem::path out;
  AnimationFlags animation;
  OverwriteFlag overwrite;
};

/// x_t and predicted x_0 side by side, a row for each picture. The last frame stays for a second.
std::vector<Image> film_of(const std::vector<FilmFrame>& frames, int frame_ms) {
  constexpr std::int64_t kMaxScale = 4;
  constexpr int kStayMs = 1000;
  std::vector<Image> film;
  for (const FilmFrame& frame : frames) {
    std::vector<Image> cells;
    for (std::int64_t k = 0; k < frame.x_t.count; ++k) {
      cells.push_back(to_image(frame.x_t, k));
      cells.push_back(to_image(frame.x0_pred, k));
    }
    film.push_back(make_grid(
        cells, {.columns = 2,
                .scale = std::min(kMaxScale, readable_scale(std::ssize(cells), frame.x_t.shape, 2)),
                .title = film_label(frame.t),
                .column_labels = {"x_t", "predicted x_0"}}));
  }
  for (int shown_ms = frame_ms; shown_ms < kStayMs; shown_ms += frame_ms)
    film.push_back(film.back());
  return film;
}

/// All that can be wrong with any model.
void check(const FilmstripCommandFlags& flags, const PlanOptions& plan) {
  if (plan.sampler == Sampler::adaptive)
    throw Error(ErrorCode::user,
                "--sampler adaptive takes other steps for each picture, so the columns of a strip "
                "would have no t; choose another sampler");
  Files files(flags.overwrite.value());
  files.writes("--out", flags.out, {".png"});
  flags.animation.add_to(files);
  flags.like.add_to(files);
  files.check();
  flags.animation.check();
}

void run(FilmstripCommandFlags& flags) {
  const Interrupts interrupts;
  const PlanOptions plan_options = flags.plan.options();
  check(flags, plan_options);
  SampleOptions options{.count = flags.count, .seed = flags.seed, .first_image = flags.first_image};
  options.run = flags.run.options(interrupts.token());
  const Model described = flags.run.model_without_weights(interrupts.token());
  const PictureShape shape = described.info().shape;
  check_png_shape(shape, fmt::format("--out {}", flags.out.string()), kSampleWritesThem);
  options.class_choice = flags.run.class_choice(described);
  const auto [preset, convention] = flags.convention.preset(flags.plan, plan_options, described);
  options.plan = preset;
  const Plan plan = flags.run.checked_plan(described, preset, options.class_choice);
  const std::vector<double> times = filmstrip_times(plan, flags.frames);
  const GridOptions grid = strip_grid(shape, times, flags.count, flags.first_image);
  flags.animation.check(shape);
  const Model model = flags.run.load_model(interrupts.token());
  if (!flags.run.quiet()) print_err("ddim: sampling {}\n", convention);
  Recipe recipe = make_recipe(model, options);
  recipe["frames"] = std::to_string(flags.frames);
  if (flags.like.given()) flags.like.check(recipe);

  const std::int64_t every_step = std::numeric_limits<std::int64_t>::max();
  const Filmstrip film = filmstrip(
      model, {.sample = options, .frames = flags.animation.given() ? every_step : flags.frames});
  write_png(flags.out, strip_picture(film.frames, times, grid),
            {.text = recipe, .overwrite = flags.overwrite.value()});
  if (flags.animation.given())
    flags.animation.write(film_of(film.frames, flags.animation.frame_ms()),
                          flags.overwrite.value());
  print_drawn(film.samples, flags.out, flags.run.json());
  if (flags.like.given() && !flags.run.quiet()) flags.like.print_likeness(flags.out);
}

}  // namespace

void add_filmstrip_command(Command root) {
  const Command command = root.add_command(
      "filmstrip",
      "Show pictures on their way from noise: x_t and predicted x_0 along the steps (the paper's "
      "figure 1)");
  const auto flags = std::make_shared<FilmstripCommandFlags>();
  flags->like.add_to(command);
  command
      .add_option("--out", flags->out,
                  "The strip: two rows for each picture, x_t and predicted x_0. Its last column is "
                  "what ddim sample draws with the same flags")
      .required()
      .type_name("NAME.png");
  command
      .add_option("--frames", flags->frames,
                  "Most columns of the strip; they are spread evenly from the noise to the picture")
      .within(2, 10'000)
      .show_default();
  flags->animation.add_to(command, "Also write all steps as a looping animation");
  command.add_option("--count", flags->count, "Number of pictures to draw")
      .within(1, kMostPictures)
      .show_default();
  command.add_option("--seed", flags->seed, "Random seed")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  command.add_option("--first-image", flags->first_image, "Number of the first picture")
      .non_negative()
      .show_default();
  flags->plan.add_to(command);
  flags->convention.add_to(command, flags->plan);
  const Option model = flags->run.add_to(command);
  flags->overwrite.add_to(command);
  command.callback([flags, command, model] {
    if (flags->like.given()) flags->like.set_flags(command);
    if (!flags->run.has_model()) model.throw_missing();
    run(*flags);
  });
}

}  // namespace ddim::cli
