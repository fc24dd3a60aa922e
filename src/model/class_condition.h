#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "nn/unet.h"

namespace ddim::model {

/// Of which class images are to be, for class-conditional networks, and how strongly they are drawn
/// to it: classifier-free guidance (Ho and Salimans, arXiv:2207.12598, eq. 6)
///   eps = eps(null) + guidance (eps(class) - eps(null)),
/// so that 1 means none, as in diffusers; the paper's w is guidance - 1. The same for networks that
/// predict x0 or v, which depend on eps linearly.
struct ClassCondition {
  /// Image k is of class classes[k mod n], k being its number in the whole run of a seed. Empty for
  /// networks that know no classes.
  std::vector<double> classes = {};
  /// Instead of classes, for ClassEmbedType::identity: n rows of C_emb numbers, used the same way.
  std::vector<float> vectors = {};
  double guidance = 1.0;
  /// The class that means "of no class"; none: what the network's configuration says.
  std::optional<std::int64_t> null_class = {};

  /// Calls of the network for each prediction: 2 with guidance.
  std::int64_t num_calls() const { return guidance == 1.0 ? 1 : 2; }
};

/// Throws Error(user), naming what is wrong, when the network cannot be told this: a class that it
/// does not have, classes for a network without, none for one with, guidance without a null class.
void check_condition(const UNetConfig& config, const ClassCondition& condition);

/// A condition that the network accepts, whichever it is: class 0, or a vector of zeros. For
/// timing and comparing.
ClassCondition any_condition(const UNetConfig& config);

/// The network's prediction for images first_image, first_image + 1, ... of a run under a condition
/// that check_condition() has let pass: x [N,H,W,C], all at the same t -> [N,H,W,C_out]. What an
/// image gets depends on itself, its number and the condition alone. Throws Error(numeric), naming
/// layer, t and images, when the network returns NaN or infinity.
Tensor predict(const UNet& unet, const Tensor& x, double t, std::uint32_t first_image,
               const ClassCondition& condition);

}  // namespace ddim::model
