#pragma once

#include "io/tensor_table.h"
#include "model/load_weights.h"
#include "nn/unet_config.h"

namespace ddim::model {

/// Whose names these tensors bear. Error(corrupt), naming the file: for those of other programs
/// whose networks are not this one, by the program's name (OpenAI's guided diffusion, lucidrains'
/// denoising-diffusion-pytorch, Stable Diffusion), and for names that nobody knows (the first
/// five).
Naming naming_of(const io::TensorTable& table);

/// The network of the DDIM paper's code that has these tensors, found out by their names and
/// shapes. What cannot be seen there is as in all networks of the paper: 32 groups, no dropout,
/// attention at 16x16, from which the size of the images follows. Error(corrupt) naming the file
/// for tensors of no such network, Error(user) when there is no attention on the way down, so that
/// the size is unknown: a config.json beside the file can say it.
UNetConfig official_config_of(const io::TensorTable& table);

}  // namespace ddim::model
