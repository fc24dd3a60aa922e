#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ddim {

/// Of which class pictures are to be, for models that were trained with classes, and how strongly
/// they are drawn to it. ModelInfo says which classes there are.
struct ClassChoice {
  /// Picture k is of class classes[k mod n]: one for all, or several in turn. Empty for models that
  /// were trained without.
  std::vector<std::int64_t> classes = {};
  /// Instead, for models with class_embed_type "identity": n rows of as many numbers as the model's
  /// time embedding has, one after the other.
  std::vector<float> vectors = {};
  /// Classifier-free guidance: eps(none) + guidance (eps(class) - eps(none)). 1 is none, as in
  /// diffusers, and costs one network call a step; others cost two. The paper's w
  /// (arXiv:2207.12598) is guidance - 1.
  double guidance = 1.0;
  /// The class that stands for "none", where the model itself does not say it.
  std::optional<std::int64_t> null_class = {};
};

}  // namespace ddim
