#pragma once

#include <ddim/init_image.h>
#include <ddim/model.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "outputs.h"
#include "picture_flags.h"

namespace ddim::cli {

/// Image-to-image and inpainting: --init-image, --strength, --init-by, --mask, --resize.
class InitFlags {
 public:
  /// Returns --init-image.
  Option add_to(Command command);

  /// What is read.
  void add_to(Files& files) const;
  bool given() const { return !images_.empty(); }
  /// Whether drawing begins with noise from the seed, or mixes such noise into it.
  bool draws_noise() const { return by_.value() != InitBy::encoding || !mask_.empty(); }
  /// PlanOptions::strength with a sampler: 1 without --init-image.
  double strength(Sampler sampler) const;
  /// Nothing without --init-image. Errors as load_pictures().
  std::optional<InitImage> load(const Model& model) const;

 private:
  std::vector<std::filesystem::path> images_;
  std::optional<double> strength_;
  ChoiceFlag<InitBy> by_;
  std::filesystem::path mask_;
  ResizeFlag resize_;
};

}  // namespace ddim::cli
