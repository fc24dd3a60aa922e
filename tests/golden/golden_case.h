#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "backend/make_device.h"
#include "io/safetensors.h"
#include "model/model.h"

namespace ddim::engine {

/// Which network, on which backend.
struct GoldenCase {
  const char* folder;  ///< "micro" is beside this file, "tiny" is looked for outside
  DeviceKind backend;
};

/// Three times what the official float32 code is off from the same in double.
inline constexpr double kForwardTolerance = 3 * 1.1e-5;
inline constexpr double kTrajectoryTolerance = 3 * 2.7e-6;
inline constexpr double kClippedTrajectoryTolerance = 3 * 5.7e-5;
inline constexpr double kGradientTolerance = 3 * 7e-5;
/// Likewise, but not stated beside the vectors: found by running this program's `ref` in double.
/// The first predictions of a clipped trajectory are eps times 61 (1/sqrt(alpha_bar) at t = 900),
/// cut off at 1, so that eps's error counts 61-fold; and Adam's first step goes by the signs of
/// gradients, also of those that are almost 0, so that later gradients are less alike.
inline constexpr double kClippedPredictionTolerance = 3 * 2.5e-4;
inline constexpr double kLaterGradNormTolerance = 3 * 5e-4;
inline constexpr double kNoiseOfZeroGradients = 1e-5;

class GoldenTest : public testing::Test {
 protected:
  /// Loads the network; skips the test where its folder is missing. For SetUp().
  void load(const GoldenCase& golden, Precision precision = Precision::fp32);

  io::SafetensorsFile open(const char* name) const;
  bool has(const char* name) const { return std::filesystem::exists(folder_ / name); }
  Device device() const { return model_->device; }
  model::LoadedModel& golden_model() { return *model_; }
  const UNet& unet() const { return model_->unet; }

  /// Images [N,C,H,W] of a file as a tensor [N,H,W,C].
  Tensor images(const io::SafetensorsFile& file, const std::string& name) const;
  /// The same for z or x_t of one step: row `step` of [S,N,C,H,W].
  Tensor images(const io::SafetensorsFile& file, const std::string& name, std::int64_t step) const;

 private:
  std::filesystem::path folder_;
  std::optional<model::LoadedModel> model_;
};

/// Where golden vectors are looked for that are too large for this repository.
std::filesystem::path shared_folder();

std::vector<std::int64_t> read_i64(const io::SafetensorsFile& file, const std::string& name);

/// Elements of [N,H,W,C] in the order of [N,C,H,W].
std::vector<float> to_nchw(const Tensor& tensor);

/// max |found - expected| / max |expected|; infinite where something is not a number.
double relative_error(std::span<const float> found, std::span<const float> expected);

/// The root of the mean square of the differences, relative to that of `expected`.
double rms_error(std::span<const float> found, std::span<const float> expected);

/// The elements of `values` that a thinned golden tensor of `num_kept` elements holds.
std::vector<float> thinned(const std::vector<float>& values, std::size_t num_kept,
                           const io::SafetensorsFile& file);

/// Instantiation for both networks, each on the devices that it is small enough for.
std::vector<GoldenCase> golden_cases();
std::string name_of(const GoldenCase& golden);

}  // namespace ddim::engine
