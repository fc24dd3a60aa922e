#pragma once

#include <ddim/model_overrides.h>

#include "io/tensor_table.h"
#include "model/load_weights.h"
#include "nn/unet_config.h"

namespace ddim::engine::model {

/// The naming scheme of these tensors. Errors as refuse_unknown_network() for unknown names.
Naming naming_of(const io::TensorTable& table);

/// Error(corrupt), naming the file: for networks of other programs, with the program's name where
/// the tensors have names that only this program uses (OpenAI's guided diffusion, lucidrains'
/// denoising-diffusion-pytorch, Stable Diffusion ...), and with the first five names otherwise.
[[noreturn]] void refuse_unknown_network(const io::TensorTable& table);

/// The network of the DDIM paper's code that has these tensors, deduced from their names and
/// shapes. What these do not show is as in all networks of the paper: 32 groups, no dropout. The
/// size of its pictures is `size`, or that of the paper's network of these levels, where attention
/// is at 16x16. Error(corrupt) naming the file for tensors of any other network, Error(user) for
/// levels that no network of the paper has, so that the size must be given.
UNetConfig official_config_of(const io::TensorTable& table, const ModelOverrides& size = {});

}  // namespace ddim::engine::model
