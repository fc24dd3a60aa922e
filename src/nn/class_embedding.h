#pragma once

#include <functional>
#include <optional>
#include <span>

#include "nn/embedding_mlp.h"
#include "nn/time_projection.h"

namespace ddim::engine {

/// What each image of a batch shows, for networks that were told so in training; empty for others.
struct ClassLabels {
  /// [N] One number for each image: its class for ClassEmbedType::lookup, any number for
  /// `timestep`.
  std::span<const double> numbers = {};
  Tensor vectors = {};  ///< [N,C_emb], for `identity`
};

/// What is added to the time embedding for the class of an image.
class ClassEmbedding {
 public:
  /// Parameters class_embedding.weight [K,C_emb] (lookup), or those of an EmbeddingMlp (timestep),
  /// or none (identity). The configuration has a class embedding.
  ClassEmbedding(ParameterList& parameters, const UNetConfig& config);

  /// Throws Error(user) unless there is a label of the right kind for each of `num_images` images;
  /// the message names the class that does not exist. `projection` is the network's.
  void check(const ClassLabels& labels, std::int64_t num_images,
             const TimeProjection& projection) const;

  /// -> [N,C_emb], on `device`.
  Var operator()(Tape& tape, const Device& device, const ClassLabels& labels,
                 const TimeProjection& projection) const;

 private:
  UNetConfig config_;
  std::optional<std::reference_wrapper<const Parameter>> weight_;  // lookup
  std::optional<EmbeddingMlp> mlp_;                                // timestep
};

}  // namespace ddim::engine
