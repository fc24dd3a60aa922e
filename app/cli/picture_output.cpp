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

void check_output(const fs::path& file, Overwrite overwrite) {
  if (fs::is_directory(file))
    throw Error(ErrorCode::user, fmt::format("{} is a folder, not a file", file.string()));
  if (fs::exists(file) && overwrite == Overwrite::refuse) {
    throw Error(ErrorCode::user,
                fmt::format("{} exists; choose another name, or add --overwrite", file.string()));
  }
  const fs::path folder = fs::absolute(file).parent_path();
  if (!fs::is_directory(folder)) {
    throw Error(ErrorCode::user, fmt::format("cannot write {}: the folder {} does not exist",
                                             file.string(), folder.string()));
  }
}

void check_tensor_output(const std::string& flag, const fs::path& file, Overwrite overwrite) {
  check_output(file, overwrite);
  if (file.has_extension() && !is(file, ".safetensors")) {
    throw Error(ErrorCode::user, fmt::format("{} writes a safetensors file, whose name ends in "
                                             ".safetensors; got {}",
                                             flag, file.string()));
  }
}

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

void PictureOutput::check(Overwrite overwrite) const {
  if (!is(path_, ".png") && !is(path_, ".npz") && !is(path_, ".safetensors")) {
    throw Error(ErrorCode::user, fmt::format("--out must end in .png, .npz or .safetensors; got {}",
                                             path_.string()));
  }
  check_output(path_, overwrite);
}

void PictureOutput::check(const PictureShape& shape) const {
  if (is(path_, ".png")) check_png_shape(shape, fmt::format("--out {}", path_.string()));
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
