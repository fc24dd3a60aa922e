#include <ddim/ddim.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "commands.h"
#include "convention_flag.h"
#include "init_flags.h"
#include "interrupts.h"
#include "like_flag.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDefaultCount = 16;

struct Flags {
  RunFlags run;
  LikeFlag like;
  PictureOutput out;
  fs::path noise;
  fs::path tensors;
  PlanFlags plan;
  ConventionFlag convention;
  InitFlags init;
  std::optional<std::int64_t> count;
  SampleOptions options;  // seed and first_image
  std::optional<std::int64_t> columns;
  OverwriteFlag overwrite;
  bool no_metadata = false;

  /// Whether --out names a folder with a file for each picture.
  bool is_folder() const { return out.path().extension().empty() || fs::is_directory(out.path()); }
};

fs::path file_in_folder(const fs::path& folder, std::int64_t image) {
  return folder / fmt::format("{:06}.png", image);
}

void check_outputs(const Flags& flags, const SampleOptions& options) {
  const Overwrite overwrite = flags.overwrite.value();
  if (!flags.tensors.empty()) check_output(flags.tensors, overwrite);
  if (!flags.is_folder()) return flags.out.check(overwrite);
  if (fs::exists(flags.out.path()) && !fs::is_directory(flags.out.path())) {
    throw Error(ErrorCode::user, fmt::format("--out must be a .png, .npz or .safetensors file, or "
                                             "a folder; {} is none of these",
                                             flags.out.path().string()));
  }
  if (!fs::exists(flags.out.path())) return;
  for (std::int64_t k = 0; k < options.count; ++k)
    check_output(file_in_folder(flags.out.path(), options.first_image + k), overwrite);
}

void write_folder(const Model& model, const SampleOptions& options, const Samples& samples,
                  const Flags& flags) {
  const fs::path& folder = flags.out.path();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::io,
                fmt::format("{}: cannot create this folder: {}", folder.string(), error.message()));
  }
  Recipe recipe = samples.recipe;
  for (std::int64_t k = 0; k < samples.x_0.count; ++k) {
    if (!recipe.empty()) {
      recipe = make_recipe(model, only_picture(options, k));
      recipe["model"] = samples.recipe.at("model");
    }
    write_png(file_in_folder(folder, options.first_image + k), to_image(samples.x_0, k),
              {.text = recipe, .overwrite = flags.overwrite.value()});
  }
}

void print_result(const Samples& samples, const Flags& flags) {
  if (flags.run.json()) return print_drawn(samples, flags.out.path(), flags.run.json());
  const std::int64_t images = samples.x_0.count;
  const double ms = 1000.0 * samples.seconds / static_cast<double>(images * samples.nfe);
  fmt::print("{}: {} {}, {} network {} each, {:.1f} s ({:.2f} ms per image and call), {} MB\n",
             flags.out.path().string(), images, images == 1 ? "picture" : "pictures", samples.nfe,
             samples.nfe == 1 ? "call" : "calls", samples.seconds, ms,
             samples.peak_memory_bytes / 1'000'000);
}

void run(Flags& flags) {
  const Interrupts interrupts;
  const PlanOptions plan_options = flags.plan.options();
  flags.convention.refuse_contradictions(flags.plan);
  flags.init.check();
  SampleOptions options = flags.options;
  options.class_choice = flags.run.class_choice();
  options.run = flags.run.options(interrupts.token());
  options.count = flags.count.value_or(kDefaultCount);
  if (!flags.noise.empty()) {
    if (flags.init.given())
      throw Error(ErrorCode::user, "use either --noise or --init-image, not both");
    options.x_T = read_tensor(flags.noise, "x_T");
    options.count = flags.count.value_or(options.x_T->count);
  }
  if (flags.init.given()) options.count = flags.count.value_or(flags.init.count());
  check_outputs(flags, options);

  const Model model = flags.run.load_model(interrupts.token());
  if (flags.is_folder()) {
    check_png_shape(model.info().shape, fmt::format("--out {}", flags.out.path().string()));
  } else {
    flags.out.check(model.info().shape);
  }
  const auto [preset, convention] = flags.convention.preset(flags.plan, plan_options, model);
  options.plan = preset;
  options.plan.strength = flags.init.strength();
  const Plan plan = make_plan(model, options.plan);
  if (!flags.run.quiet()) fmt::print(stderr, "ddim: sampling {}\n", convention);
  if (!plan.note.empty() && !flags.run.quiet()) fmt::print(stderr, "ddim: {}\n", plan.note);
  options.init = flags.init.load(model);
  Recipe recipe = make_recipe(model, options);
  if (flags.like.given()) flags.like.check(recipe);
  Samples samples = sample(model, plan, options);
  samples.recipe = flags.no_metadata ? Recipe{} : recipe;
  if (!flags.tensors.empty())
    write_tensor(flags.tensors, "x_0", samples.x_0, flags.overwrite.value());
  if (flags.is_folder()) {
    write_folder(model, options, samples, flags);
  } else {
    flags.out.write(samples, flags.columns, flags.overwrite.value());
  }
  print_result(samples, flags);
  if (!flags.like.given()) return;
  const std::string likeness = flags.like.compare(flags.out.path());
  if (!likeness.empty() && !flags.run.quiet())
    fmt::print(stderr, "ddim: {}: {}\n", flags.out.path().string(), likeness);
}

}  // namespace

void add_sample_command(Command root) {
  const Command command = root.add_command("sample", "Draw pictures with a trained model");
  command.fallthrough();
  const auto flags = std::make_shared<Flags>();
  flags->like.add_to(command);
  flags->out.add_to(command, "all pictures, or a folder for one file per picture")
      .required()
      .type_name("PATH");
  command.add_option("--count", flags->count, "Number of pictures to draw")
      .show_default(std::to_string(kDefaultCount));
  command
      .add_option("--seed", flags->options.seed,
                  "Random seed; picture k of a seed does not depend on --count or --batch")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  command.add_option("--first-image", flags->options.first_image, "Number of the first picture")
      .non_negative()
      .show_default();
  command
      .add_option("--columns", flags->columns,
                  "Columns of the grid (default: as square as possible)")
      .positive();
  command
      .add_option("--noise", flags->noise,
                  "Start from the noise x_T [N,C,H,W] in this safetensors file")
      .type_name("FILE");
  command
      .add_option("--save-tensors", flags->tensors,
                  "Also write x_0 [N,C,H,W], not clamped, to this safetensors file")
      .type_name("FILE");
  flags->convention.add_to(command);
  flags->init.add_to(command);
  flags->plan.add_to(command);
  const Option model = flags->run.add_to(command);
  flags->overwrite.add_to(command);
  command.add_flag("--no-metadata", flags->no_metadata, "Leave the recipe out of the PNG files");
  command.callback([flags, command, model] {
    if (flags->like.given()) flags->like.set_flags(command);
    if (!flags->run.has_model()) model.throw_missing();
    run(*flags);
  });
}

}  // namespace ddim::cli
