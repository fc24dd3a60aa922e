#pragma once

#include <ddim/model.h>

#include "model/model.h"

namespace ddim {

/// What a public Model refers to.
struct Model::Implementation {
  model::Model model;
  ModelInfo info;
};

}  // namespace ddim
