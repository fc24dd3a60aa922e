#include "nn/class_embedding.h"

#include <cmath>

#include "base/error.h"
#include "ops/gather_rows.h"

namespace ddim::engine {

ClassEmbedding::ClassEmbedding(ParameterList& parameters, const UNetConfig& config)
    : config_(config) {
  if (config.class_embed_type == ClassEmbedType::lookup)
    weight_ = parameters.add("class_embedding.weight",
                             {*config.num_class_embeds, config.time_embedding_channels()},
                             ParameterRole::table);
  if (config.class_embed_type == ClassEmbedType::timestep)
    mlp_.emplace(parameters, "class_embedding", config);
}

void ClassEmbedding::check(const ClassLabels& labels, std::int64_t num_images,
                           const TimeProjection& projection) const {
  if (config_.class_embed_type == ClassEmbedType::identity) {
    const Shape expected{num_images, config_.time_embedding_channels()};
    require(labels.vectors.defined(),
            "unet: this network takes a vector for the class of each image, ", expected);
    require(labels.vectors.shape() == expected, "unet: the vectors of the classes are ",
            labels.vectors.shape(), ", expected ", expected);
    return;
  }
  require(static_cast<std::int64_t>(labels.numbers.size()) == num_images,
          "unet: ", labels.numbers.size(), " classes for ", num_images,
          " images; this network is told the class of each image");
  if (config_.class_embed_type == ClassEmbedType::timestep) return projection.check(labels.numbers);
  const std::int64_t K = *config_.num_class_embeds;
  for (const double k : labels.numbers) {
    require(k >= 0.0 && k < static_cast<double>(K) && std::floor(k) == k, "unet: class ", k,
            " does not exist; this network knows 0 to ", K - 1);
  }
}

Var ClassEmbedding::operator()(Tape& tape, const Device& device, const ClassLabels& labels,
                               const TimeProjection& projection) const {
  if (config_.class_embed_type == ClassEmbedType::identity) return tape.constant(labels.vectors);
  if (mlp_) return (*mlp_)(tape, projection(tape, device, labels.numbers));  // [N,C_emb]
  const Var rows = gather_rows(tape, device, tape.leaf(*weight_),
                               {labels.numbers.begin(), labels.numbers.end()});  // [N,C_emb]
  tape.observe("class_embedding", rows);
  return rows;
}

}  // namespace ddim::engine
