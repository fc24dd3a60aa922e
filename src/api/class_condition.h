#pragma once

#include <ddim/class_choice.h>

#include "model/class_condition.h"

namespace ddim {

inline model::ClassCondition condition_of(const ClassChoice& choice) {
  return {.classes = {choice.classes.begin(), choice.classes.end()},
          .vectors = choice.vectors,
          .guidance = choice.guidance,
          .null_class = choice.null_class};
}

}  // namespace ddim
