#include <ddim/pictures.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/error.h"
#include "data/dataset.h"
#include "data/image_folder.h"
#include "data/npz_set.h"
#include "io/picture_tensor.h"
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

std::string extension_of(const fs::path& file) {
  std::string extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return extension;
}

/// The pictures of a file, with the model's shape.
FloatImages read_file(const fs::path& file, const PictureShape& shape, Fit fit) {
  const std::string extension = extension_of(file);
  const bool is_picture = extension == ".png" || extension == ".jpg" || extension == ".jpeg";
  require(is_picture || extension == ".npz" || extension == ".safetensors", file.string(),
          ": expected a name that ends in .png, .jpg, .jpeg, .npz or .safetensors");
  if (!fs::exists(file)) fail(ErrorCode::io, file.string(), ": no such file");
  if (extension == ".safetensors") {
    FloatImages images = io::read_pictures(file, "x_0");
    run::check_values(images, file.string());
    require(images.shape == shape, file.string(), ": x_0 holds pictures of ",
            to_string(images.shape), ", but this model's are ", to_string(shape),
            " (width, height, channels)");
    return images;
  }
  data::Images images =
      extension == ".npz"
          ? data::load_npz(file, data::Labels::ignore).images
          : data::load_image_files(file.parent_path(), {file}, {.channels = shape.channels}).images;
  const std::int64_t count = images.count;
  return fit_to_model(std::move(images), shape, fit, count, file.string());
}

}  // namespace

FloatImages load_pictures(const Model& model, const std::vector<fs::path>& files, Fit fit) {
  require(!files.empty(), "pictures: no file given");
  FloatImages all{.count = 0, .shape = model.info().shape, .values = {}};
  for (const fs::path& file : files) {
    const FloatImages images = read_file(file, all.shape, fit);
    all.count += images.count;
    all.values.insert(all.values.end(), images.values.begin(), images.values.end());
  }
  return all;
}

FloatImages load_data_set(const Model& model, const DataOptions& options, Fit fit) {
  require(options.max_images.value_or(1) >= 1, "max-images must be at least 1; got ",
          options.max_images.value_or(0));
  data::Images images = data::load_dataset(options.data, {.split = options.split,
                                                          .channels = model.info().shape.channels})
                            .images;
  const std::int64_t count = options.max_images.value_or(images.count);
  return fit_to_model(std::move(images), model.info().shape, fit, count, options.data.string());
}

}  // namespace ddim
