#include <ddim/file_bytes.h>
#include <ddim/pictures.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "api/data_for_model.h"
#include "base/error.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/image_folder.h"
#include "data/npz_set.h"
#include "io/picture.h"
#include "io/picture_tensor.h"
#include "run/mask.h"
#include "run/run_images.h"

namespace ddim {

using namespace engine;
namespace {

namespace fs = std::filesystem;

/// The first `max_count` pictures with the model's size; `name` is for errors.
FloatImages fit_to_model(data::Images images, const PictureShape& shape, Fit fit,
                         std::int64_t max_count, const std::string& name) {
  require(images.channels == shape.channels, name, ": ", images.channels,
          images.channels == 1 ? " channel" : " channels", ", but this model's pictures have ",
          shape.channels);
  const bool fits = images.height == shape.height && images.width == shape.width;
  require(fits || fit != Fit::none, "resize: ", name, " has ", images.width, "x", images.height,
          " pixels, but this model's pictures are ", shape.width, "x", shape.height,
          " (width, height); choose crop-resize or pad");
  images = data::fit_to(std::move(images), fit, shape.height, shape.width, name);
  return data::to_floats(images, std::min(images.count, max_count));
}

std::string extension_of(const fs::path& file) { return small_letters(file.extension().string()); }

/// Adds what one file brought to what was found in the files before it.
void add_to(DataReport& all, const DataReport& more) {
  all.notices.insert(all.notices.end(), more.notices.begin(), more.notices.end());
}

/// What grey pictures in files of arrays are good for.
enum class GreyArrays { for_rgb, for_all_channels };

/// The pictures of a file, with the model's shape.
FloatImages read_file(const fs::path& file, const PictureShape& shape, Fit fit,
                      const Colour& background, DataReport& report,
                      GreyArrays grey = GreyArrays::for_rgb) {
  if (!fs::exists(file)) {
    require(
        file.has_extension(), file.string(),
        ": no such file; expected the name of a picture's, such as NAME.png, NAME.jpg, NAME.npz "
        "or NAME.safetensors");
    fail(ErrorCode::io, file.string(), ": no such file");
  }
  const std::string extension = extension_of(file);
  if (extension == ".safetensors") {
    FloatImages images = io::read_pictures(file, "x_0");
    run::check_values(images, file.string());
    require(images.shape == shape, file.string(), ": x_0 holds pictures of ",
            to_string(images.shape), ", but this model's are ", to_string(shape),
            " (width, height, channels)");
    return images;
  }
  data::Dataset dataset =
      data::holds_arrays(file)
          ? data::load_npz(file, data::Labels::ignore)
          : data::load_image_files(file.parent_path(), {file},
                                   {.channels = shape.channels, .background = background});
  add_to(report, dataset.report);
  if (dataset.is_split)
    report.notices.push_back(file.string() + ": of its splits, the test pictures are read");
  data::lay_over_for(shape.channels, dataset.images, background);
  const std::int64_t count = dataset.images.count;
  if (dataset.images.channels == 1 && (shape.channels == 3 || grey == GreyArrays::for_all_channels))
    data::repeat_channel(dataset.images, shape.channels);
  return fit_to_model(std::move(dataset.images), shape, fit, count, file.string());
}

/// Refuses a mask that cannot be meant, of a picture as its file has it.
void check_mask(io::Picture picture, const std::string& file) {
  const std::int64_t channels =
      std::visit([](const auto& image) { return image.channels; }, picture.image);
  const bool has_alpha = channels == 2 || channels == 4;
  const Colour black{0, 0, 0};
  const Image grey =
      io::to_bytes(io::convert_channels(std::move(picture.image), io::Channels::grey, black));
  run::check_mask(grey.pixels, "mask: " + file,
                  has_alpha ? " (it has an alpha channel: transparent counts as black)" : "");
}

/// That of a mask for such pictures.
PictureShape without_alpha(PictureShape shape) {
  if (shape.channels == 2 || shape.channels == 4) --shape.channels;
  return shape;
}

/// A picture with the model's size and channels, laid over `background` where it has alpha.
FloatImages fit_to_model(io::Picture picture, const PictureShape& shape, Fit fit,
                         const Colour& background, const std::string& name) {
  return fit_to_model(data::images_of(std::move(picture), shape.channels, background), shape, fit,
                      1, name);
}

io::Picture decode_within(PixelBudget& budget, std::span<const std::byte> file,
                          const std::string& name) {
  io::Picture picture = io::decode_picture(file, name, budget);
  budget.used +=
      std::visit([](const auto& image) { return image.width * image.height; }, picture.image);
  return picture;
}

}  // namespace

FloatImages load_pictures(const Model& model, const std::vector<fs::path>& files, Fit fit,
                          const ReadOptions& read) {
  require(!files.empty(), "pictures: no file given");
  FloatImages all{.count = 0, .shape = model.info().shape, .values = {}};
  const Colour background = background_for(model.info(), read);
  DataReport report;
  for (const fs::path& file : files) {
    const FloatImages images = read_file(file, all.shape, fit, background, report);
    all.count += images.count;
    all.values.insert(all.values.end(), images.values.begin(), images.values.end());
  }
  if (read.report) read.report(report);
  return all;
}

FloatImages load_data_set(const Model& model, const DataOptions& options, Fit fit) {
  const data::Dataset set =
      data::load_dataset(options.data, reading_for(model.info(), options, fit));
  if (options.read.report) options.read.report(set.report);
  return data::to_floats(set.images, set.images.count);
}

FloatImages load_mask(const Model& model, const fs::path& file, Fit fit) {
  const PictureShape shape = model.info().shape;
  DataReport report;
  const Colour black{0, 0, 0};
  if (!fs::exists(file) || data::holds_arrays(file) || extension_of(file) == ".safetensors") {
    FloatImages mask = read_file(file, shape, fit, black, report, GreyArrays::for_all_channels);
    std::vector<std::uint8_t> levels;
    for (const float value : mask.values)
      levels.push_back(
          static_cast<std::uint8_t>(std::lround(127.5F * (std::clamp(value, -1.0F, 1.0F) + 1.0F))));
    run::check_mask(levels, "mask: " + file.string());
    return mask;
  }
  check_mask(io::read_picture(file), file.string());
  return read_file(file, without_alpha(shape), fit, black, report);
}

FloatImages picture_from_bytes(const Model& model, std::span<const std::byte> file,
                               const std::string& name, Fit fit) {
  PixelBudget budget;
  return picture_from_bytes(model, file, name, fit, budget);
}

FloatImages picture_from_bytes(const Model& model, std::span<const std::byte> file,
                               const std::string& name, Fit fit, PixelBudget& budget) {
  return fit_to_model(decode_within(budget, file, name), model.info().shape, fit,
                      background_for(model.info(), {}), name);
}

FloatImages mask_from_bytes(const Model& model, std::span<const std::byte> file,
                            const std::string& name, Fit fit) {
  PixelBudget budget;
  return mask_from_bytes(model, file, name, fit, budget);
}

FloatImages mask_from_bytes(const Model& model, std::span<const std::byte> file,
                            const std::string& name, Fit fit, PixelBudget& budget) {
  check_mask(decode_within(budget, file, name), name);
  return fit_to_model(io::decode_picture(file, name), without_alpha(model.info().shape), fit,
                      Colour{0, 0, 0}, name);
}

}  // namespace ddim
