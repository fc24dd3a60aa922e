#pragma once

#include <ddim/model.h>

#include <mutex>
#include <optional>

#include "model/model.h"
#include "run/network.h"

namespace ddim {

/// Whether the weights of a model have values.
enum class Weights { loaded, left_out };

/// What a public Model refers to.
struct Model::Implementation {
  Implementation(engine::model::LoadedModel loaded_model, ModelInfo described, Weights has)
      : weights(has),
        loaded(std::move(loaded_model)),
        trained{.network = engine::run::make_network(loaded->unet),
                .schedule = loaded->schedule,
                .prediction = loaded->prediction},
        info(std::move(described)) {}
  Implementation(engine::run::TrainedNetwork custom, ModelInfo described)
      : weights(Weights::loaded), trained(std::move(custom)), info(std::move(described)) {}

  /// Computed when it is first asked for. Error(user) without weights.
  const std::string& weights_hash() const;

  /// Error(user) for Model::without_weights().
  void require_weights() const;

  const Weights weights;
  const std::optional<engine::model::LoadedModel> loaded;  ///< none for a custom denoiser
  const engine::run::TrainedNetwork trained;
  const ModelInfo info;

 private:
  mutable std::once_flag hashed_;
  mutable std::string weights_hash_;
};

/// What the public functions see of a Model.
struct ModelAccess {
  /// To call its network. Error(user) for Model::without_weights().
  static const engine::run::TrainedNetwork& trained(const Model& model) {
    model.implementation_->require_weights();
    return model.implementation_->trained;
  }
  /// To check something against it.
  static const engine::run::TrainedNetwork& described(const Model& model) {
    return model.implementation_->trained;
  }
  static Model load(const engine::model::ModelFiles& files, const LoadOptions& options);
  static bool is_loaded(const Model& model) { return model.implementation_->loaded.has_value(); }
  /// Whether there are weights that codes may have been made by: it is no custom denoiser either.
  static bool has_weights(const Model& model) {
    return is_loaded(model) && model.implementation_->weights == Weights::loaded;
  }
  /// Error(user), naming `what`, for a custom denoiser, which has none of what a file has.
  static const engine::model::LoadedModel& loaded(const Model& model, const char* what);
};

}  // namespace ddim
