#pragma once

#include <ddim/model.h>

#include <mutex>

#include "model/model.h"

namespace ddim {

/// What a public Model refers to.
struct Model::Implementation {
  Implementation(model::Model loaded, ModelInfo described)
      : model(std::move(loaded)), info(std::move(described)) {}

  /// Computed when it is first asked for.
  const std::string& weights_hash() const;

  model::Model model;
  ModelInfo info;

 private:
  mutable std::once_flag hashed_;
  mutable std::string weights_hash_;
};

}  // namespace ddim
