#include <ddim/encode.h>

#include "api/model_implementation.h"
#include "base/error.h"
#include "base/text.h"
#include "run/encode.h"

namespace ddim {

using namespace engine;
namespace {

/// The steps are those of the codes: nobody else said them.
void require_steps(const Model& model, const Codes& codes) {
  const std::int64_t T = ModelAccess::described(model).schedule.num_steps();
  for (const double t : codes.tau)
    require(t < static_cast<double>(T), "codes: were made with the step ", number_text(t),
            ", but the model has T = ", T, " and steps up to ", T - 1);
}

}  // namespace

void check_codes(const Model& model, const Codes& codes, const std::string& name) {
  const ModelInfo& info = model.info();
  require(codes.x_T.count == 0 || codes.x_T.shape == info.shape, name, ": holds codes of ",
          to_string(codes.x_T.shape), "; the pictures of ", info.name, " are ",
          to_string(info.shape), " (width, height, channels)");
  if (codes.model_hash.empty() || !ModelAccess::has_weights(model)) return;
  constexpr std::size_t kShown = 12;
  const std::string& hash = model.weights_hash();
  require(codes.model_hash == hash, name, ": were made by the weights ",
          codes.model_hash.substr(0, kShown), "; those of ", model.info().name, " are ",
          hash.substr(0, kShown),
          ". Use the model that made them, or draw with this one anyway (--other-weights)");
}

EncodeOptions encoding_for(const SampleOptions& options) {
  return run::encoding_for(options.plan, options);
}

Codes encode(const Model& model, const FloatImages& pictures, const EncodeOptions& options) {
  Codes codes = run::encode(ModelAccess::trained(model), pictures, options);
  if (ModelAccess::is_loaded(model)) codes.model_hash = model.weights_hash();
  return codes;
}

void check_encode(const Model& model, const EncodeOptions& options) {
  run::steps_of(ModelAccess::described(model), options);
}

Samples decode(const Model& model, const Codes& codes, const DecodeOptions& options) {
  check_codes(model, codes);
  require_steps(model, codes);
  return sample(model, run::decoding(codes, options));
}

void check_decode(const Model& model, const Codes& codes, const DecodeOptions& options) {
  check_codes(model, codes);
  require_steps(model, codes);
  const SampleOptions decoding = run::decoding(codes, options);
  check_sample(model, make_plan(model, decoding.plan), decoding);
}

}  // namespace ddim
