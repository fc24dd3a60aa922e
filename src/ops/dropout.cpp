#include "ops/dropout.h"

#include "base/error.h"

namespace ddim::engine {

Var dropout(Tape& tape, const Var& x, std::uint32_t layer, double probability) {
  require(probability >= 0.0 && probability < 1.0,
          "dropout: probability must be at least 0 and below 1, found ", probability);
  require(layer < (1U << 24), "dropout: layer must be below 2^24, found ", layer);
  require(x.value().shape().rank() >= 1, "dropout: x must be [N,...], found ", x.value().shape());
  if (!tape.recording() || probability == 0.0) return x;

  DropoutKey key{
      .noise = tape.dropout_noise(), .first_image = tape.first_image(), .probability = probability};
  key.noise.purpose = Purpose::dropout;
  key.noise.lane = layer;

  Kernels& k = x.value().device().kernels();
  Tensor y = empty_like(x.value());
  k.dropout(x.value(), key, {y});
  return tape.record(y, [&k, x, key](const Tensor& dy) { k.dropout(dy, key, x.grad()); });
}

}  // namespace ddim::engine
