#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ddim/export.h"
#include "ddim/names.h"

namespace ddim {

/// Where a model was found: it came with ddim, it is in the cache of pull_model(), or it lies in
/// the folder that was looked at.
enum class ModelPlace { shipped, cached, local };

template <>
struct Names<ModelPlace> {
  static constexpr Named<ModelPlace> kAll[] = {{ModelPlace::shipped, "shipped"},
                                               {ModelPlace::cached, "cached"},
                                               {ModelPlace::local, "local"}};
  static constexpr std::span<const Named<ModelPlace>> all() { return kAll; }
};

/// A model that find_models() found.
struct FoundModel {
  std::string name = {};              ///< find_model() takes it
  std::filesystem::path folder = {};  ///< of a training run its newest checkpoint
  ModelPlace place = ModelPlace::shipped;
};

/// The models that came with ddim, then those in the cache whose files are all there, then the
/// models and training runs in `folder`, its `models` and its `runs`: each place sorted by name, no
/// model twice. Shipped models are looked for in the folders that DDIM_MODELS names (between
/// colons), and where the program or the library is installed. What cannot be read is left out.
/// Error(user) where `folder` is none.
DDIM_API std::vector<FoundModel> find_models(const std::filesystem::path& folder = ".");

}  // namespace ddim
