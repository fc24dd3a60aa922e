#pragma once

#include <filesystem>
#include <span>

#include "base/file_output.h"
#include "diffusion/schedule.h"
#include "io/diffusers_config.h"
#include "io/stored_type.h"
#include "nn/unet.h"

namespace ddim::model {

/// A network with the forward process that it was trained for.
struct Model {
  Device device;
  UNet unet;
  diffusion::Schedule schedule;
  io::SchedulerFileConfig scheduler_config;  ///< as the file says: clipping, spacing of steps ...
};

/// Loads a diffusers folder: either with unet/ and scheduler/ in it (what is saved today, and our
/// checkpoints) or with all files at the top (google/ddpm-*). Weights are F32, F16 or BF16
/// safetensors under the new or the old attention names; in memory they are fp32. Throws, naming
/// the file: Error(user) for a folder that is none of these and for a configuration that cannot be
/// built, Error(corrupt) for files that are damaged or do not match the configuration, Error(io)
/// when the system refuses.
Model load_model(const std::filesystem::path& folder, const Device& device);

/// Writes a diffusers folder (unet/ and scheduler/) that appears complete or not at all. `type` is
/// f32 or f16. Error(user) when `folder` exists, Error(numeric) for weights that `type` cannot
/// hold, Error(io) when the system refuses.
void save_model(const Model& model, const std::filesystem::path& folder, io::StoredType type);

/// The same files into a folder that is being written together with others. `weights` are in the
/// order of unet.parameters(): their own values, or averages of them.
void write_model_files(DurableFolder& folder, const UNet& unet, std::span<const Tensor> weights,
                       const io::SchedulerFileConfig& scheduler_config, io::StoredType type);

}  // namespace ddim::model
