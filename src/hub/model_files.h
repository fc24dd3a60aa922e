#pragma once

#include <set>
#include <string>
#include <vector>

namespace ddim::hub {

/// Which of the files of a repository loading the model needs, in the order to fetch them: the
/// small ones, which tell what it is, before the weights. Both layouts of diffusers: unet/ and
/// scheduler/, or everything at the top. Weights are safetensors, in one file or in shards;
/// PyTorch's .bin only where there are none. Error(user), naming `repository`, when something is
/// missing.
std::vector<std::string> model_files(const std::set<std::string>& available,
                                     const std::string& repository);

/// The file that says what kind of pipeline a repository holds; the first of model_files() when
/// there is one.
inline constexpr const char* kModelIndex = "model_index.json";

}  // namespace ddim::hub
