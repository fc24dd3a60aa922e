#pragma once

#include <optional>
#include <span>
#include <vector>

#include "nn/class_embedding.h"
#include "nn/embedding_mlp.h"
#include "nn/time_projection.h"
#include "nn/unet_blocks.h"
#include "nn/unet_config.h"

namespace ddim::engine {

/// The U-Net of Ho et al. (arXiv:2006.11239, appendix B) and of the DDIM paper's code, for any
/// UNetConfig. Parameters bear diffusers' names and shapes and stand in the order in which
/// diffusers registers them: conv_in, time_proj, time_embedding, class_embedding, down_blocks (in
/// each: attentions, resnets, downsamplers), up_blocks (attentions, resnets, upsamplers), mid_block
/// (attentions, resnets), conv_norm_out, conv_out; in a res block norm1, conv1, time_emb_proj,
/// norm2, conv2, conv_shortcut; in an attention group_norm, to_q, to_k, to_v, to_out.0; weight
/// before bias.
/// Optimizer state, gradients and initial weights are tied to this order.
class UNet {
 public:
  /// Allocates the parameters on `device` and leaves them uninitialised. Throws Error(user) as
  /// validate(config) does.
  UNet(const Device& device, const UNetConfig& config, DType dtype = DType::f32);

  const UNetConfig& config() const { return config_; }
  const std::vector<const Parameter*>& parameters() const { return parameters_.all(); }
  const std::vector<Parameter*>& mutable_parameters() { return parameters_.all_mutable(); }
  std::int64_t num_parameters() const;

  /// eps(x_t, t), the predicted noise: x [N,H,W,C_in], t [N] -> [N,H,W,C_out]. Runs on x.device(),
  /// the parameters' device or a worker of it. t is real-valued, one entry per image. Height and
  /// width may differ from sample_size but must be multiples of 2^(levels-1). `labels` say what a
  /// class-conditional network wants to know, and are empty for others. Throws Error(user) on other
  /// shapes, and for times and labels that this network has no meaning for.
  Var operator()(Tape& tape, const Tensor& x, std::span<const double> t,
                 const ClassLabels& labels = {}) const;

  /// Throws Error(user) for a t that this network has no meaning for (see TimeEmbeddingType): to be
  /// asked before a long run.
  void check_times(std::span<const double> t) const { time_projection_.check(t); }

 private:
  UNet(UNetBuilder builder, DType dtype);
  void check_input(const Tensor& x, std::span<const double> t, const ClassLabels& labels) const;
  Var time_and_class_embedding(Tape& tape, const Device& device, std::span<const double> t,
                               const ClassLabels& labels) const;

  UNetConfig config_;
  // Declared, hence made, in the order of their parameters.
  Conv2d conv_in_;
  TimeProjection time_projection_;
  EmbeddingMlp time_embedding_;
  std::optional<ClassEmbedding> class_embedding_;
  std::vector<DownBlock> down_blocks_;
  std::vector<UpBlock> up_blocks_;
  std::optional<MidBlock> mid_block_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
  ParameterList parameters_;  // owns what the layers refer to
};

}  // namespace ddim::engine
