#pragma once

#include <ddim/class_choice.h>
#include <ddim/model.h>

namespace ddim {

/// Adds all classes of the model's table but the null class, which is that of `choice` where it has
/// one.
void add_all_classes(const ModelInfo& info, ClassChoice& choice);

}  // namespace ddim
