#include "picture_output.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <charconv>

#include "json_object.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxPngChannels = 4;
constexpr const char* kReadable = "auto";

constexpr const char* kScales = "must be a number from 1 to 64, or auto; got ";

std::string problem_of_scale(const std::string& text) {
  const std::size_t digits = text.find_first_not_of('-');
  const bool is_number = digits <= 1 && text.find_first_not_of("0123456789", digits) == text.npos;
  return text == kReadable || is_number ? "" : kScales + text;
}

std::string problem_of_scales_range(const std::string& text) {
  if (text == kReadable) return "";
  int scale = 0;
  const char* const end = text.data() + text.size();
  const bool is_small = std::from_chars(text.data(), end, scale).ec == std::errc();
  return is_small && scale >= 1 && scale <= 64 ? "" : kScales + text;
}

bool is(const fs::path& path, const char* extension) { return path.extension() == extension; }

}  // namespace

void check_png_shape(const PictureShape& shape, const std::string& flag,
                     const std::string& instead) {
  if (shape.channels <= kMaxPngChannels) return;
  throw Error(ErrorCode::user,
              fmt::format("{}: a PNG holds 1 to 4 channels, but this model's pictures have {}; {}",
                          flag, shape.channels, instead));
}

Option PictureOutput::add_to(Command command, const std::string& contents) {
  const Option scale =
      command
          .add_option("--scale", scale_,
                      "Enlarge each pixel of the grid N times, with grey between the pictures; "
                      "\"auto\" chooses a readable size")
          .type_name("N")
          .check(problem_of_scale)
          .check_range(problem_of_scales_range)
          .offers({kReadable})
          .show_default();
  out_ = command
             .add_option(
                 "--out", path_,
                 fmt::format("PNG grid of {}; or NAME.npz (bytes) or NAME.safetensors (floats), "
                             "which can hold any number of channels",
                             contents))
             .type_name("NAME.png");
  depends_on_grid(scale);
  return out_;
}

void PictureOutput::add_columns_to(Command command) {
  depends_on_grid(
      command
          .add_option("--columns", columns_, "Columns of the grid (default: as square as possible)")
          .positive());
}

void PictureOutput::depends_on_grid(Option flag) {
  flag.needs(out_).depends_on(out_, [this, flag]() -> std::string {
    if (!given() || is(path_, ".png")) return "";
    return fmt::format("{} is for a grid in a PNG; {} {} has none", flag.cause(), out_.cause(),
                       path_.string());
  });
}

GridOptions PictureOutput::grid(std::int64_t count, const PictureShape& shape,
                                std::optional<std::int64_t> columns) const {
  return {
      .columns = columns,
      .scale = scale_ == kReadable ? readable_scale(count, shape, columns) : std::stoll(scale_)};
}

void PictureOutput::add_to(Files& files, const std::string& otherwise) const {
  files.writes("--out", path_, {".png", ".npz", ".safetensors"}, otherwise);
}

void PictureOutput::check(Overwrite overwrite) const {
  Files files(overwrite);
  add_to(files);
  files.check();
}

void PictureOutput::check(const PictureShape& shape) const {
  if (is(path_, ".png"))
    check_png_shape(shape, fmt::format("--out {}", path_.string()), kOtherNames);
}

void PictureOutput::check(const PictureShape& shape, std::int64_t count,
                          const GridOptions& grid) const {
  check(shape);
  if (is(path_, ".png")) check_grid(shape, count, grid);
}

/// Writes what is no PNG.
bool PictureOutput::write_other(const FloatImages& pictures, Overwrite overwrite) const {
  if (is(path_, ".png")) return false;
  if (is(path_, ".npz")) {
    write_npz(path_, pictures, {}, overwrite);
  } else {
    write_tensor(path_, "x_0", pictures, overwrite);
  }
  return true;
}

void PictureOutput::write(const Samples& samples, const GridOptions& grid,
                          Overwrite overwrite) const {
  if (!write_other(samples.x_0, overwrite)) write_png_grid(path_, samples, overwrite, grid);
}

void PictureOutput::write(const FloatImages& pictures, const GridOptions& grid, const Text& text,
                          Overwrite overwrite) const {
  if (write_other(pictures, overwrite)) return;
  std::vector<Image> images;
  for (std::int64_t k = 0; k < pictures.count; ++k) images.push_back(to_image(pictures, k));
  write_png(path_, make_grid(images, grid), {.text = text, .overwrite = overwrite});
}

void print_drawn(const Samples& samples, const fs::path& out, bool json) {
  const std::int64_t images = samples.x_0.count;
  if (json) {
    print_out("{}\n", JsonObject()
                          .add("images", images)
                          .add("nfe", samples.nfe)
                          .add("seconds", samples.seconds)
                          .add("peak_memory_bytes", samples.peak_memory_bytes)
                          .add("out", out.string())
                          .text());
    return;
  }
  print_out("{}: {} {}, {} network {} each, {:.1f} s\n", out.string(), images,
            images == 1 ? "picture" : "pictures", samples.nfe, samples.nfe == 1 ? "call" : "calls",
            samples.seconds);
}

void warn_of_clipping() {
  print_err(
      "ddim: --clip: clamping cannot be undone, so codes and pictures no longer correspond "
      "exactly\n");
}

}  // namespace ddim::cli
