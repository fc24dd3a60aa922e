#pragma once

#include <map>
#include <string>

#include "io/tensor_table.h"

namespace ddim::engine::model {

/// The tensors of a diffusers file of any age under today's names: attentions' query, key, value
/// and proj_attn are to_q, to_k, to_v and to_out.0, and a downsampler's op is conv. Files of
/// mid-2022 hold each downsampler under both names: then `op` is left out. Error(corrupt) for any
/// other tensor under two names.
std::map<std::string, const io::TensorEntry*> entries_by_current_name(const io::TensorTable& table);

/// The name of a parameter with the attention names of 2022; others are as they are.
std::string attention_name_of_2022(std::string name);

}  // namespace ddim::engine::model
