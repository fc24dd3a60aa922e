#include "nn/embedding_mlp.h"

#include "nn/time_projection.h"
#include "ops/activate.h"

namespace ddim::engine {

EmbeddingMlp::EmbeddingMlp(ParameterList& parameters, const std::string& name,
                           const UNetConfig& config)
    : linear_1_(parameters, name + ".linear_1", time_projection_channels(config),
                config.time_embedding_channels()),
      linear_2_(parameters, name + ".linear_2", config.time_embedding_channels(),
                config.time_embedding_channels()) {}

Var EmbeddingMlp::operator()(Tape& tape, const Var& x) const {
  const Var h = activate(tape, linear_1_(tape, x), Activation::silu);  // [N,C_emb]
  return linear_2_(tape, h);                                           // [N,C_emb]
}

}  // namespace ddim::engine
