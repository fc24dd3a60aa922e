#include "api/data_for_model.h"

#include "base/text.h"

namespace ddim {

using namespace engine;

data::DatasetOptions reading_for(const ModelInfo& model, const DataOptions& pictures,
                                 std::optional<Fit> fit) {
  // A border, or nothing to do, is what pictures get by themselves where it can be.
  const bool was_resized = model.data_config && model.data_config->fit == Fit::crop_resize;
  if (!fit && was_resized) fit = Fit::crop_resize;
  return {.split = pictures.split,
          .fit = fit,
          .height = model.shape.height,
          .width = model.shape.width,
          .channels = model.shape.channels,
          .skip_corrupt = pictures.read.skip_corrupt,
          .background = background_for(model, pictures.read),
          .max_images = pictures.max_images};
}

std::string part_text(const DataOptions& pictures, const data::Dataset& read) {
  std::string text(pictures.split  ? to_string(*pictures.split)
                   : read.is_split ? to_string(DataSplit::test)
                                   : "all (not split)");
  if (pictures.max_images) text += concat(", the first ", *pictures.max_images);
  return text;
}

Colour background_for(const ModelInfo& model, const ReadOptions& read) {
  if (read.background) return *read.background;
  return model.data_config ? model.data_config->background : Colour{};
}

}  // namespace ddim
