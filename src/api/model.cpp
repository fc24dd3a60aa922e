#include <ddim/model.h>

#include "api/model_implementation.h"
#include "backend/make_device.h"
#include "hub/cache.h"
#include "model/convert.h"

namespace ddim {
namespace {

Device device_of(DeviceKind kind) {
  return make_device(kind == DeviceKind::cpu ? BackendKind::cpu : BackendKind::ref);
}

// "fashion-mnist" for models/fashion-mnist/ as well; "owner/name" for what ddim pull fetched.
std::string name_of(const std::filesystem::path& folder) {
  if (const auto repository = hub::repository_of_snapshot(folder)) return *repository;
  const std::filesystem::path path = std::filesystem::weakly_canonical(folder);
  return path.filename().string();
}

ModelInfo info_of(const model::Model& model, std::string name) {
  const UNetConfig& config = model.unet.config();
  return {
      .name = std::move(name),
      .resolution = config.sample_size,
      .channels = config.in_channels,
      .num_parameters = model.unet.num_parameters(),
      .block_out_channels = config.block_out_channels,
      .attention_levels = config.attention_levels,
      .layers_per_block = config.layers_per_block,
      .num_classes =
          config.class_embed_type == ClassEmbedType::lookup ? *config.num_class_embeds : 0,
      .null_class = config.null_class,
      .T = model.schedule.num_steps(),
      .beta_start = model.schedule.betas().front(),
      .beta_end = model.schedule.betas().back(),
      .device = model.device.describe(),
  };
}

}  // namespace

Model Model::load(const std::filesystem::path& folder, DeviceKind device) {
  model::Model model = model::load_model(folder, device_of(device));
  ModelInfo info = info_of(model, name_of(folder));
  return Model(std::make_shared<const Implementation>(
      Implementation{.model = std::move(model), .info = std::move(info)}));
}

const ModelInfo& Model::info() const { return implementation_->info; }

void convert_model(const std::filesystem::path& folder, const std::filesystem::path& output,
                   WeightType type) {
  model::convert_model(folder, output,
                       type == WeightType::f32 ? io::StoredType::f32 : io::StoredType::f16);
}

}  // namespace ddim
