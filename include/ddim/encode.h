#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ddim/image.h"
#include "ddim/plan.h"
#include "ddim/sample.h"
#include "ddim/show_progress.h"

namespace ddim {

/// How pictures are encoded: eq. 14 upwards, from t = 0 to the last step of tau.
enum class EncodeMethod {
  euler,  ///< one network call a step, as the paper: decoding comes back to about the picture
  exact,  ///< undoes the decoder's steps one by one, some ten calls each: decoding comes back
          ///< to float accuracy wherever a step has an inverse
};

/// Noise below a grey level, which makes pictures of 256 levels continuous as the official code's
/// data transforms do (ermongroup/ddim, datasets/__init__.py). A picture without it has less noise
/// than any image that a network was trained on: regions of one colour come out as codes that are
/// not Gaussian, and are lost in few steps. Of x between 0 (black) and 1:
enum class Dequantise {
  none,
  uniform,   ///< 255/256 x + u/256, u uniform in [0, 1)
  gaussian,  ///< x + 0.01 z, z normal
};

struct EncodeOptions {
  std::int64_t steps = 50;  ///< the decoder's; 1..T
  Tau tau = TauKind::linear;
  EncodeMethod method = EncodeMethod::euler;
  Dequantise dequantise = Dequantise::none;
  ClassChoice class_choice = {};  ///< of a model with classes
  std::int64_t batch = 16;        ///< at most so many pictures are worked on at the same time
  int threads = 0;                ///< 0: one per processor; neither changes a code
  ShowProgress show_progress = ShowProgress::no;
  std::function<void(const SampleProgress&)> progress = {};  ///< one call at a time; counts steps
  std::stop_token stop = {};
};

/// Pictures as the noise that a model draws them from.
struct Codes {
  FloatImages x_T = {};
  std::vector<double> tau = {};  ///< what decode() must visit to come back
  double nfe = 0.0;              ///< network evaluations for each picture; of `exact` the mean
  /// Of `exact`: the largest error of a pixel (-1 to 1) that was left in undoing a step; decoding
  /// can be that far off. Not small where a step has no inverse, or none that was found.
  double residual = 0.0;
  double seconds = 0.0;
};

/// Encodes pictures [N,C,H,W] of the model's size, -1 black to 1 white. Error(user) for another
/// size, NaN, or steps that cannot be; Error(numeric) when the network returns NaN or infinity;
/// Error(interrupted) when `stop` was requested.
Codes encode(const Model& model, const FloatImages& pictures, const EncodeOptions& options = {});

struct DecodeOptions {
  /// One that clamps makes pictures that no encoder leads back to the same code.
  Clip clip = Clip::none;
  ClassChoice class_choice = {};  ///< of a model with classes
  std::int64_t batch = 16;
  int threads = 0;
  ShowProgress show_progress = ShowProgress::no;
  std::function<void(const SampleProgress&)> progress = {};
  std::stop_token stop = {};
};

/// Draws the pictures that codes stand for: sample() from codes.x_T over codes.tau with eta 0, down
/// to t = 0, where encode() began. Errors as sample().
Samples decode(const Model& model, const Codes& codes, const DecodeOptions& options = {});

/// Keeps x_T [N,C,H,W] and tau in a safetensors file. Errors as write_tensor() and read_tensor();
/// Error(user) for NaN, Error(corrupt) for a file whose tau is no list of numbers. A file with x_T
/// alone has an empty tau.
void write_codes(const std::filesystem::path& path, const Codes& codes,
                 Overwrite overwrite = Overwrite::refuse);
Codes read_codes(const std::filesystem::path& path);

/// A number measured, and what Gaussian noise of the same size shows: expected +- standard_error.
struct CodeStatistic {
  double value = 0.0;
  double expected = 0.0;
  double standard_error = 0.0;
};

/// How Gaussian codes are, over all of their elements.
struct CodeStatistics {
  CodeStatistic mean = {};         ///< 0
  CodeStatistic variance = {};     ///< 1
  CodeStatistic kurtosis = {};     ///< 3
  CodeStatistic correlation = {};  ///< of neighbours in a row and in a column: 0
};
CodeStatistics code_statistics(const FloatImages& x_T);

struct ReconstructOptions {
  std::vector<std::int64_t> steps = {10, 20, 50, 100, 200, 500, 1000};
  TauKind tau = TauKind::linear;
  EncodeMethod method = EncodeMethod::euler;
  Dequantise dequantise = Dequantise::none;  ///< before encoding; errors are from the pictures
  Clip clip = Clip::none;                    ///< of decoding
  ClassChoice class_choice = {};             ///< of a model with classes
  std::int64_t batch = 16;
  int threads = 0;
  ShowProgress show_progress = ShowProgress::no;
  std::stop_token stop = {};
};

/// Encoded and decoded with S steps each.
struct ReconstructedAt {
  std::int64_t steps = 0;            ///< S
  double mean_squared_error = 0.0;   ///< per element, black 0 and white 1: the paper's table 2
  double largest_error = 0.0;        ///< of an element, black 0 and white 1
  std::optional<double> paper = {};  ///< table 2's number for CIFAR-10 at this S
  double nfe = 0.0;                  ///< network evaluations for each picture, both ways
  double residual = 0.0;             ///< see Codes
  double seconds = 0.0;
  CodeStatistics codes = {};
  FloatImages x_0 = {};  ///< the pictures that came back
};

/// Section 5.4: the table of reconstruction errors. Errors as encode() and sample().
std::vector<ReconstructedAt> reconstruct(const Model& model, const FloatImages& pictures,
                                         const ReconstructOptions& options = {});

}  // namespace ddim
