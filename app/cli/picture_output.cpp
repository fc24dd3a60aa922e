#include "picture_output.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include "json_object.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxPngChannels = 4;

bool is(const fs::path& path, const char* extension) { return path.extension() == extension; }

}  // namespace

void check_png_shape(const PictureShape& shape, const std::string& flag) {
  if (shape.channels <= kMaxPngChannels) return;
  throw Error(ErrorCode::user,
              fmt::format("{}: a PNG holds 1 to 4 channels, but this model's pictures have {}; "
                          "choose a name that ends in .safetensors or .npz",
                          flag, shape.channels));
}

Option PictureOutput::add_to(Command command, const std::string& contents) {
  return command
      .add_option("--out", path_,
                  fmt::format("PNG grid of {}; or NAME.npz (bytes) or NAME.safetensors (floats), "
                              "which can hold any number of channels",
                              contents))
      .type_name("NAME.png");
}

void PictureOutput::add_to(Files& files) const {
  files.writes("--out", path_, {".png", ".npz", ".safetensors"});
}

void PictureOutput::check(Overwrite overwrite) const {
  Files files(overwrite);
  add_to(files);
  files.check();
}

void PictureOutput::check_columns(std::optional<std::int64_t> columns) const {
  if (!columns || is(path_, ".png")) return;
  throw Error(ErrorCode::user,
              fmt::format("--columns is for a grid in a PNG; --out {} has none", path_.string()));
}

void PictureOutput::check(const PictureShape& shape) const {
  if (is(path_, ".png")) check_png_shape(shape, fmt::format("--out {}", path_.string()));
}

void PictureOutput::check(const PictureShape& shape, std::int64_t count,
                          std::optional<std::int64_t> columns) const {
  check(shape);
  if (is(path_, ".png")) check_grid(shape, count, {.columns = columns});
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

void PictureOutput::write(const Samples& samples, std::optional<std::int64_t> columns,
                          Overwrite overwrite) const {
  if (!write_other(samples.x_0, overwrite))
    write_png_grid(path_, samples, overwrite, {.columns = columns});
}

void PictureOutput::write(const FloatImages& pictures, std::int64_t columns, const Text& text,
                          Overwrite overwrite) const {
  if (write_other(pictures, overwrite)) return;
  std::vector<Image> images;
  for (std::int64_t k = 0; k < pictures.count; ++k) images.push_back(to_image(pictures, k));
  write_png(path_, make_grid(images, {.columns = columns}), {.text = text, .overwrite = overwrite});
}

void print_drawn(const Samples& samples, const fs::path& out, bool json) {
  const std::int64_t images = samples.x_0.count;
  if (json) {
    fmt::print("{}\n", JsonObject()
                           .add("images", images)
                           .add("nfe", samples.nfe)
                           .add("seconds", samples.seconds)
                           .add("peak_memory_bytes", samples.peak_memory_bytes)
                           .add("out", out.string())
                           .text());
    return;
  }
  fmt::print("{}: {} {}, {} network {} each, {:.1f} s\n", out.string(), images,
             images == 1 ? "picture" : "pictures", samples.nfe, samples.nfe == 1 ? "call" : "calls",
             samples.seconds);
}

void warn_of_clipping() {
  fmt::print(stderr,
             "ddim: --clip: clamping cannot be undone, so codes and pictures no longer correspond "
             "exactly\n");
}

}  // namespace ddim::cli
