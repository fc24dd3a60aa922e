#include <ddim/encode.h>

#include "api/model_implementation.h"
#include "run/encode.h"

namespace ddim {

using namespace engine;

Codes encode(const Model& model, const FloatImages& pictures, const EncodeOptions& options) {
  return run::encode(ModelAccess::trained(model), pictures, options);
}

void check_encode(const Model& model, const EncodeOptions& options) {
  run::steps_of(ModelAccess::described(model), options);
}

Samples decode(const Model& model, const Codes& codes, const DecodeOptions& options) {
  return sample(model, run::decoding(codes, options));
}

void check_decode(const Model& model, const Codes& codes, const DecodeOptions& options) {
  const SampleOptions decoding = run::decoding(codes, options);
  check_sample(model, make_plan(model, decoding.plan), decoding);
}

}  // namespace ddim
