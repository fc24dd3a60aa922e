#pragma once

#include "io/tensor_table.h"
#include "model/load_weights.h"
#include "nn/unet_config.h"

namespace ddim::engine::model {

/// The naming scheme of these tensors. Error(corrupt), naming the file: for networks of other
/// programs, with the program's name (OpenAI's guided diffusion, lucidrains'
/// denoising-diffusion-pytorch, Stable Diffusion), and for unknown names (the first five).
Naming naming_of(const io::TensorTable& table);

/// The network of the DDIM paper's code that has these tensors, deduced from their names and
/// shapes. What these do not show is as in all networks of the paper: 32 groups, no dropout,
/// attention at 16x16, from which the size of the images follows. Error(corrupt) naming the file
/// for tensors of any other network, Error(user) when there is no attention on the way down, so
/// that the size is unknown and a config.json beside the file must tell it.
UNetConfig official_config_of(const io::TensorTable& table);

}  // namespace ddim::engine::model
