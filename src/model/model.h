#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "base/file_output.h"
#include "diffusion/schedule.h"
#include "io/diffusers_config.h"
#include "io/tensor_source.h"
#include "model/model_files.h"
#include "model/verification.h"
#include "nn/unet.h"
#include "tensor/host_values.h"

namespace ddim::engine::model {

/// A network with the forward process that it was trained for.
struct LoadedModel {
  Device device;
  UNet unet;
  diffusion::Schedule schedule;
  Prediction prediction = Prediction::eps;   ///< what the network returns
  io::SchedulerFileConfig scheduler_config;  ///< as the file says: clipping, spacing of steps ...
};

/// Reads what open_model() finds, with all weights as fp32: one set of them, by default the one
/// that pictures are made with. Errors as open_model() and, while it loads, verify_weights(); and
/// Error(user) for schedules that cannot be sampled.
LoadedModel load_model(const std::filesystem::path& path, const Device& device,
                       std::optional<WeightSet> set = {},
                       Verification verification = Verification::check);
/// The same of files that open_model() has found.
LoadedModel load_model(const ModelFiles& files, const Device& device,
                       std::optional<WeightSet> set = {},
                       Verification verification = Verification::check);

/// The same without the values of its weights, on a dry device (make_dry_device()): what a run can
/// be checked against, whatever `files` hold.
LoadedModel model_without_weights(const ModelFiles& files);

/// Frees what kernels of the CPU keep that is computed from the weights; it is made again when it
/// is needed. Others may be using the model.
void trim(const LoadedModel& model);

/// Writes a diffusers folder (unet/ and scheduler/) that appears complete or not at all. `type` is
/// f32, f16 or bf16. Error(user) when `folder` exists, Error(numeric) for weights that `type`
/// cannot hold, Error(io) when the system refuses.
void save_model(const LoadedModel& model, const std::filesystem::path& folder, io::StoredType type);

/// The same files into a folder that is being written together with others.
void write_model_files(DurableFolder& folder, const UNetConfig& config,
                       std::vector<io::TensorSource> weights,
                       const io::SchedulerFileConfig& scheduler_config,
                       const io::ModelNames& names = {});
/// What to write: `weights` are in the order of unet.parameters(), their own values or averages of
/// them. They and `values` must outlive the writing.
std::vector<io::TensorSource> weight_sources(const UNet& unet, std::span<const Tensor> weights,
                                             io::StoredType type, HostValues& values);

}  // namespace ddim::engine::model
