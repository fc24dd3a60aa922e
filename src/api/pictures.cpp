#include <ddim/pictures.h>

#include <algorithm>
#include <cctype>

#include "api/float_images.h"
#include "data/dataset.h"
#include "data/image_folder.h"

namespace ddim {
namespace {

namespace fs = std::filesystem;

data::Fit fit_of(SizeMismatch resize) {
  switch (resize) {
    case SizeMismatch::refuse:
      return data::Fit::none;
    case SizeMismatch::crop:
      return data::Fit::crop_resize;
    case SizeMismatch::pad:
      return data::Fit::pad;
  }
  return {};
}

data::Images fit_to_model(data::Images images, const ModelInfo& model, SizeMismatch resize,
                          const std::string& name) {
  const bool fits = images.height == model.resolution && images.width == model.resolution;
  require(fits || resize != SizeMismatch::refuse, name, ": ", images.height, "x", images.width,
          " pixels, but this model's pictures are ", model.resolution, "x", model.resolution,
          "; add --resize to crop and resize, or --resize=pad for a black border");
  return data::fit_to(std::move(images), fits ? data::Fit::none : fit_of(resize), model.resolution,
                      name);
}

/// Appends the first `count` of `images` to `all`, colour planes first.
void append(const data::Images& images, std::int64_t count, FloatImages& all) {
  const auto num_pixels = static_cast<std::size_t>(images.height * images.width);
  const auto channels = static_cast<std::size_t>(images.channels);
  std::vector<float> pixels(images.image_bytes());  // [H,W,C]
  for (std::int64_t k = 0; k < count; ++k) {
    data::to_floats(images, k, data::Flip::no, pixels);
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t p = 0; p < num_pixels; ++p) all.values.push_back(pixels[p * channels + c]);
  }
  all.count += count;
}

FloatImages none_for(const ModelInfo& model) {
  return {.count = 0,
          .channels = model.channels,
          .height = model.resolution,
          .width = model.resolution};
}

/// The one picture of a file, with the model's channels.
data::Images read_picture(const fs::path& file, const ModelInfo& model) {
  std::string extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  require(extension == ".png" || extension == ".jpg" || extension == ".jpeg", file.string(),
          ": expected a picture whose name ends in .png, .jpg or .jpeg");
  if (!fs::exists(file)) fail(ErrorCode::io, file.string(), ": no such file");
  return data::load_image_files(file.parent_path(), {file}, {.channels = model.channels}).images;
}

}  // namespace

FloatImages load_pictures(const Model& model, const std::vector<fs::path>& files,
                          SizeMismatch resize) {
  require(!files.empty(), "pictures: no file given");
  FloatImages all = none_for(model.info());
  for (const fs::path& file : files)
    append(fit_to_model(read_picture(file, model.info()), model.info(), resize, file.string()), 1,
           all);
  return all;
}

FloatImages load_data_set(const Model& model, const DataOptions& options, SizeMismatch resize) {
  require(!options.max_images || *options.max_images >= 1,
          "max-images: ", options.max_images.value_or(0), "; expected at least 1");
  data::Images images = data::load_dataset(options.data, {.split = options.split == DataSplit::train
                                                                       ? data::Split::train
                                                                       : data::Split::test,
                                                          .channels = model.info().channels})
                            .images;
  images = fit_to_model(std::move(images), model.info(), resize, options.data.string());
  FloatImages all = none_for(model.info());
  append(images, std::min(images.count, options.max_images.value_or(images.count)), all);
  return all;
}

std::vector<double> mean_squared_differences(const FloatImages& a, const FloatImages& b) {
  require(shape_of(a) == shape_of(b), "mean_squared_differences: pictures of ", shape_of(a),
          " and of ", shape_of(b));
  check_values(a, "mean_squared_differences");
  check_values(b, "mean_squared_differences");
  const std::size_t size =
      a.values.size() / static_cast<std::size_t>(std::max<std::int64_t>(a.count, 1));
  std::vector<double> means(static_cast<std::size_t>(a.count));
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double difference = (static_cast<double>(a.values[i]) - b.values[i]) / 2.0;
    means[i / size] += difference * difference / static_cast<double>(size);
  }
  return means;
}

}  // namespace ddim
