#include <ddim/ddim.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "class_flags.h"
#include "commands.h"
#include "convention_flag.h"
#include "device_flag.h"
#include "init_flags.h"
#include "interrupts.h"
#include "like_flag.h"
#include "model_flag.h"
#include "output_file.h"
#include "plan_flags.h"
#include "png_output.h"
#include "run_flags.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

struct SampleFlags {
  ModelFlag model;
  LikeFlag like;
  fs::path out;
  fs::path noise;
  fs::path tensors;
  PlanFlags plan;
  ConventionFlag convention;
  ClassFlags class_choice;
  InitFlags init;
  DeviceFlag device;
  std::optional<std::int64_t> count;
  std::int64_t batch = 16;
  int threads = 0;
  std::uint64_t seed = 0;
  std::int64_t first_image = 0;
  std::optional<std::int64_t> columns;
  OverwriteFlag overwrite;
  bool no_metadata = false;
  bool json = false;
  bool quiet = false;
};

constexpr std::int64_t kDefaultCount = 16;

bool is_png(const fs::path& path) { return path.extension() == ".png"; }

fs::path file_in_folder(const fs::path& folder, std::int64_t image) {
  return folder / fmt::format("{:06}.png", image);
}

void check_outputs(const SampleFlags& flags, std::int64_t count) {
  if (!flags.tensors.empty()) check_output(flags.tensors, flags.overwrite.value());
  if (is_png(flags.out)) {
    check_output(flags.out, flags.overwrite.value());
  } else if (fs::exists(flags.out)) {
    if (!fs::is_directory(flags.out)) {
      throw Error(ErrorCode::user,
                  fmt::format("--out {}: must end in .png, or be a folder", flags.out.string()));
    }
    for (std::int64_t k = 0; k < count; ++k)
      check_output(file_in_folder(flags.out, flags.first_image + k), flags.overwrite.value());
  }
}

void write_pictures(const Model& model, const SampleOptions& options, const Samples& samples,
                    const SampleFlags& flags) {
  if (is_png(flags.out)) {
    write_png_grid(flags.out, samples, flags.overwrite.value(), {.columns = flags.columns});
    return;
  }
  std::error_code error;
  fs::create_directories(flags.out, error);
  if (error) {
    throw Error(ErrorCode::io, fmt::format("{}: cannot make this folder: {}", flags.out.string(),
                                           error.message()));
  }
  for (std::int64_t k = 0; k < samples.x_0.count; ++k) {
    Recipe recipe;
    if (!samples.recipe.empty()) {
      recipe = make_recipe(model, only_picture(options, k));
      recipe["model"] = samples.recipe.at("model");
    }
    write_png(file_in_folder(flags.out, flags.first_image + k), to_image(samples.x_0, k),
              {.text = recipe, .overwrite = flags.overwrite.value()});
  }
}

void print_result(const Samples& samples, const SampleFlags& flags) {
  if (flags.json) return print_drawn(samples, flags.out, flags.json);
  const std::int64_t images = samples.x_0.count;
  const double ms = 1000.0 * samples.seconds / static_cast<double>(images * samples.nfe);
  fmt::print("{}: {} {}, {} network calls each, {:.1f} s ({:.2f} ms per image and call), {} MB\n",
             flags.out.string(), images, images == 1 ? "picture" : "pictures", samples.nfe,
             samples.seconds, ms, samples.peak_memory_bytes / 1'000'000);
}

void run(SampleFlags& flags) {
  const Interrupts interrupts;
  flags.plan.options();  // refuses what cannot be, before a model is loaded
  SampleOptions options{
      .count = flags.count.value_or(kDefaultCount),
      .seed = flags.seed,
      .first_image = flags.first_image,
      .class_choice = flags.class_choice.choice(),
      .batch = flags.batch,
      .threads = flags.threads,
      .show_progress = flags.quiet || flags.json ? ShowProgress::no : ShowProgress::on_stderr,
      .stop = interrupts.token()};
  if (!flags.noise.empty()) {
    options.x_T = read_tensor(flags.noise, "x_T");
    options.count = flags.count.value_or(options.x_T->count);
  }
  if (flags.init.count() > 0) options.count = flags.count.value_or(flags.init.count());
  check_outputs(flags, options.count);

  const Model model = Model::load(flags.model.folder(interrupts.token()), flags.device.options());
  const auto [plan, convention] = flags.convention.preset(flags.plan, model);
  const std::string note = make_plan(model, plan).note;
  if (!flags.quiet && !flags.json) fmt::print(stderr, "ddim: sampling {}\n", convention);
  if (!note.empty() && !flags.quiet) fmt::print(stderr, "ddim: {}\n", note);
  options.steps = plan.steps;
  options.tau = plan.tau;
  options.eta = plan.eta;
  options.clip = plan.clip;
  options.sampler = plan.sampler;
  options.details = plan.details;
  options.init = flags.init.load(model);
  Recipe recipe = make_recipe(model, options);
  if (flags.like.given()) flags.like.check(recipe);
  Samples samples = sample(model, options);
  samples.recipe = flags.no_metadata ? Recipe{} : recipe;
  if (!flags.tensors.empty())
    write_tensor(flags.tensors, "x_0", samples.x_0, flags.overwrite.value());
  write_pictures(model, options, samples, flags);
  print_result(samples, flags);
  if (!flags.like.given()) return;
  const std::string likeness = flags.like.compare(flags.out);
  if (!likeness.empty() && !flags.quiet)
    fmt::print(stderr, "ddim: {}: {}\n", flags.out.string(), likeness);
}

}  // namespace

void add_sample_command(Command root) {
  const Command command = root.add_command("sample", "Draw pictures with a trained model");
  command.fallthrough();
  const auto flags = std::make_shared<SampleFlags>();
  const Option model = flags->model.add_to(command);
  flags->like.add_to(command);
  command
      .add_option("--out", flags->out,
                  "NAME.png for one picture of them all, or a folder for one file each")
      .required()
      .type_name("PATH");
  command.add_option("--count", flags->count, "How many pictures")
      .show_default(std::to_string(kDefaultCount));
  command.add_option("--seed", flags->seed, "Picture k is a function of the seed and k")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  command.add_option("--first-image", flags->first_image, "Number of the first picture")
      .show_default();
  command.add_option("--columns", flags->columns, "Columns of the grid; default: a square");
  command
      .add_option("--batch", flags->batch, "How many are worked on at a time; never changes them")
      .envname("DDIM_BATCH")
      .show_default();
  command
      .add_option("--threads", flags->threads, "0: one per processor; never changes the pictures")
      .envname("DDIM_THREADS")
      .show_default();
  command
      .add_option("--noise", flags->noise,
                  "Start from the tensor x_T [N,C,H,W] of this safetensors file")
      .type_name("FILE");
  command
      .add_option("--save-tensors", flags->tensors,
                  "Also write x_0 [N,C,H,W], not clamped, to this safetensors file")
      .type_name("FILE");
  flags->class_choice.add_to(command);
  flags->convention.add_to(command);
  flags->init.add_to(command);
  flags->plan.add_to(command);
  flags->device.add_to(command);
  flags->overwrite.add_to(command);
  command.add_flag("--json", flags->json, "Print the result as one JSON object");
  command.add_flag("--quiet", flags->quiet, "Show no progress");
  command.add_flag("--no-metadata", flags->no_metadata, "Leave the recipe out of the PNG files");
  command.callback([flags, command, model] {
    if (flags->like.given()) flags->like.set_flags(command);
    if (!flags->model.given()) model.throw_missing();
    run(*flags);
  });
}

}  // namespace ddim::cli
