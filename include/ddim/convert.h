#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ddim/export.h"
#include "ddim/model_overrides.h"
#include "ddim/names.h"
#include "ddim/verification.h"
#include "ddim/weight_set.h"

namespace ddim {

/// How weights are stored; in memory they are always fp32.
enum class WeightType {
  f32,
  f16,
  bf16,
  f8,  ///< tensors of 16,384 elements and more as F8_E4M3, others as f16; of diffusers folders only
};

template <>
struct Names<WeightType> {
  static constexpr Named<WeightType> kAll[] = {{WeightType::f32, "f32"},
                                               {WeightType::f16, "f16"},
                                               {WeightType::bf16, "bf16"},
                                               {WeightType::f8, "f8"}};
  static constexpr std::span<const Named<WeightType>> all() { return kAll; }
};

/// What a model is rewritten as.
enum class ConvertTarget {
  diffusers,         ///< a folder that DDIMPipeline.from_pretrained() loads
  official,          ///< the DDIM paper's ckpt.pth: model, Adam, epoch, step, average
  official_weights,  ///< the weights alone under the official names (pesser's .ckpt)
};

template <>
struct Names<ConvertTarget> {
  static constexpr Named<ConvertTarget> kAll[] = {
      {ConvertTarget::diffusers, "diffusers"},
      {ConvertTarget::official, "official"},
      {ConvertTarget::official_weights, "official-weights"}};
  static constexpr std::span<const Named<ConvertTarget>> all() { return kAll; }
};

/// What a diffusers folder calls the projections of its attentions.
enum class AttentionNames {
  current,  ///< to_q, to_k, to_v, to_out.0
  of_2022,  ///< query, key, value, proj_attn, as in google/ddpm-*; today's diffusers reads them,
            ///< too
};

/// Where a diffusers folder has its weights.
enum class AverageFolder {
  none,      ///< one set of weights, in unet/
  unet_ema,  ///< both: the average in unet_ema/, as diffusers' EMAModel saves it, unet/ as trained
};

/// What a model is written as.
struct ConvertOptions {
  ConvertTarget target = ConvertTarget::diffusers;
  WeightType type = WeightType::f32;
  std::optional<WeightSet> weights = {};  ///< no choice: all that the target can hold
  AttentionNames attention_names = AttentionNames::current;  ///< of ConvertTarget::diffusers
  AverageFolder average = AverageFolder::none;               ///< of ConvertTarget::diffusers
  ModelOverrides overrides = {};  ///< what to take in place of what the input's files say
  Verification verification = Verification::check;  ///< of the input's weights
};

/// The written model compared with the one it was made from, for the same noise.
struct ConvertCheck {
  double largest_difference = 0.0;      ///< between their eps
  double largest_eps = 0.0;             ///< of the first, to compare with
  std::vector<std::string> notes = {};  ///< what of the input the output does not have
};

/// Rewrites anything that Model::load() takes as `output`, which must not exist, then runs both.
/// Weights stream from file to file. Adam's state goes along where both can hold it (a checkpoint
/// of ddim train, or of the official code). Nothing is written when anything is wrong with the
/// input: errors as Model::load(); Error(user) for a network that the official code does not have,
/// and for a choice of weights where there is only one set; Error(numeric) for weights that the
/// type cannot hold.
DDIM_API ConvertCheck convert_model(const std::filesystem::path& input,
                                    const std::filesystem::path& output,
                                    const ConvertOptions& options = {});

}  // namespace ddim
