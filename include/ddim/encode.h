#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ddim/class_choice.h"
#include "ddim/export.h"
#include "ddim/image.h"
#include "ddim/names.h"
#include "ddim/plan.h"
#include "ddim/run_options.h"
#include "ddim/sample.h"

namespace ddim {

/// How pictures are encoded: eq. 14 upwards, from t = 0 to the last step of tau.
enum class EncodeMethod {
  euler,  ///< one network call a step, as in the paper: decoding returns roughly to the picture
  exact,  ///< undoes the decoder's steps one by one, some ten calls each: decoding returns to float
          ///< accuracy wherever a step has an inverse
};

/// The steps to take where nobody says which: near t = 0, where a step of `exact` is undone with
/// the largest error, quadratic ones are the shortest.
constexpr TauKind usual_tau(EncodeMethod method) {
  return method == EncodeMethod::exact ? TauKind::quadratic : TauKind::linear;
}

/// Noise of about a grey level, which makes pictures of 256 levels continuous as the official
/// code's data transforms do (ermongroup/ddim, datasets/__init__.py). A picture without it has less
/// noise than any image that a network was trained on: regions of one colour come out as codes that
/// are not Gaussian, and are lost in few steps. Of x between 0 (black) and 1:
enum class Dequantise {
  none,
  uniform,   ///< 255/256 x + u/256, u uniform in [0, 1): within one level
  gaussian,  ///< x + 0.01 z, z normal: 2.55 levels
};

template <>
struct Names<Dequantise> {
  static constexpr Named<Dequantise> kAll[] = {{Dequantise::none, "none"},
                                               {Dequantise::uniform, "uniform"},
                                               {Dequantise::gaussian, "gaussian"}};
  static constexpr std::span<const Named<Dequantise>> all() { return kAll; }
};

/// How pictures become codes.
struct EncodeOptions {
  /// The decoder's steps: sampler ddim, eta 0, nothing clipped. The last step leads to t = 0
  /// whatever final_alpha says.
  PlanOptions plan = {};
  EncodeMethod method = EncodeMethod::euler;
  Dequantise dequantise = Dequantise::none;
  ClassChoice class_choice = {};
  std::int64_t first_image = 0;  ///< number of the first picture; it decides classes in turn
  RunOptions run = {};
};

/// How pictures become states (SampleOptions::x_T) that these options draw them from again: over
/// the steps of options.plan, with its strength, under the same classes.
DDIM_API EncodeOptions encoding_for(const SampleOptions& options);

/// Pictures as the noise that a model draws them from.
struct Codes {
  FloatImages x_T = {};
  std::vector<double> tau = {};  ///< what decode() must visit to come back
  double nfe = 0.0;              ///< network evaluations per picture; for `exact` the mean
  /// For `exact`: the largest error of a pixel (-1 to 1) that was left in undoing one step, which
  /// the steps after it can enlarge in decoding. Not small where a step has no inverse, or none was
  /// found.
  double residual = 0.0;
  double seconds = 0.0;
  /// Model::weights_hash() of the model that made them; empty where it is not known, as of a custom
  /// denoiser.
  std::string model_hash = {};
};

/// Error(user), which begins with `name`, for codes of another shape than the model's pictures, and
/// with both hashes for codes that another model made: they stand for pictures of that one. Codes
/// without model_hash fit, and so do a model without weights and custom denoisers.
DDIM_API void check_codes(const Model& model, const Codes& codes,
                          const std::string& name = "codes");

/// Encodes pictures of the model's shape, -1 black to 1 white. Error(user) for another shape, NaN,
/// or impossible steps; Error(numeric) when the network returns NaN or infinity;
/// Error(interrupted) when a stop was requested.
DDIM_API Codes encode(const Model& model, const FloatImages& pictures,
                      const EncodeOptions& options = {});

/// What encode() would refuse before it looks at pictures, also of a Model::without_weights():
/// Error(user).
DDIM_API void check_encode(const Model& model, const EncodeOptions& options = {});

/// How codes become pictures.
struct DecodeOptions {
  /// Clipping makes pictures that no encoder leads back to the same code.
  Clip clip = {};
  ClassChoice class_choice = {};
  RunOptions run = {};
};

/// Draws the pictures that codes stand for: sample() from codes.x_T over codes.tau with eta 0, down
/// to t = 0, where encode() began. Errors as sample() and check_codes(): clear codes.model_hash to
/// draw them with another model on purpose.
DDIM_API Samples decode(const Model& model, const Codes& codes, const DecodeOptions& options = {});

/// What decode() would refuse before anything is computed, also of a Model::without_weights(),
/// which has no hash: Error(user).
DDIM_API void check_decode(const Model& model, const Codes& codes,
                           const DecodeOptions& options = {});

/// Keeps x_T [N,C,H,W], tau and model_hash in a safetensors file. Errors as write_tensor() and
/// read_tensor(); Error(user) for NaN, for a tau that does not rise from 0 on, and for a model_hash
/// that is none; Error(corrupt) for a file of such. A file with x_T alone has an empty tau and
/// model_hash.
DDIM_API void write_codes(const std::filesystem::path& path, const Codes& codes,
                          Overwrite overwrite = Overwrite::refuse);
/// What write_codes() wrote.
DDIM_API Codes read_codes(const std::filesystem::path& path);

}  // namespace ddim
