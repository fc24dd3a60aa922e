#include <ddim/convert.h>

#include "api/weight_set.h"
#include "backend/make_device.h"
#include "model/compare.h"
#include "model/convert.h"
#include "train/exchange.h"

namespace ddim {
namespace {

model::Target target_of(ConvertTarget target) {
  switch (target) {
    case ConvertTarget::diffusers:
      return model::Target::diffusers;
    case ConvertTarget::official:
      return model::Target::official;
    case ConvertTarget::official_weights:
      return model::Target::official_weights;
  }
  return {};
}

io::StoredType type_of(WeightType type) {
  switch (type) {
    case WeightType::f32:
      return io::StoredType::f32;
    case WeightType::f16:
      return io::StoredType::f16;
    case WeightType::bf16:
      return io::StoredType::bf16;
  }
  return {};
}

}  // namespace

ConvertCheck convert_model(const std::filesystem::path& input, const std::filesystem::path& output,
                           const ConvertOptions& options) {
  const auto set = weight_set_of(options.weights);
  const model::ModelFiles files = train::open_checkpoint(input);
  model::write_model(
      files, output,
      {.target = target_of(options.target), .type = type_of(options.type), .set = set});
  const model::EpsDistance distance =
      model::compare_models({input, set}, {output}, make_device(BackendKind::cpu));
  return {.largest_difference = distance.largest_difference, .largest_eps = distance.largest_eps};
}

}  // namespace ddim
