#pragma once

#include <ddim/init_image.h>
#include <ddim/model.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "picture_flags.h"

namespace ddim::cli {

/// Image-to-image and inpainting: --init-image, --strength, --init-by, --mask, --resize.
class InitFlags {
 public:
  void add_to(Command command);

  /// How many pictures were given.
  std::int64_t count() const { return static_cast<std::int64_t>(images_.size()); }
  /// Nothing without --init-image. Errors as load_pictures(); Error(user) for a flag that needs
  /// --init-image and has none.
  std::optional<InitImage> load(const Model& model) const;

 private:
  std::vector<std::filesystem::path> images_;
  std::optional<double> strength_;
  ChoiceFlag<InitBy> by_{{{"noise", InitBy::noise}, {"encoding", InitBy::encoding}}};
  std::filesystem::path mask_;
  ResizeFlag resize_;
};

}  // namespace ddim::cli
