#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ddim {

/// The class of pictures, for models that were trained with classes, and how strongly they are
/// drawn to it by classifier-free guidance (Ho and Salimans, arXiv:2207.12598, eq. 6),
///   eps = eps(null) + guidance (eps(class) - eps(null)).
/// ModelInfo says which classes there are.
struct ClassChoice {
  /// Picture k has class classes[k mod n], k being its number in the run of a seed: one class for
  /// all, or several in turn. Empty for models that were trained without classes.
  std::vector<std::int64_t> classes = {};
  /// Instead, for models with class_embed_type "identity": n rows, one after the other, each as
  /// long as the model's time embedding.
  std::vector<float> vectors = {};
  /// 1 is none, as in diffusers, and costs one network call a step; others cost two. The paper's w
  /// is guidance - 1.
  double guidance = 1.0;
  /// The class that stands for "no class", where the model itself does not say it.
  std::optional<std::int64_t> null_class = {};
};

}  // namespace ddim
