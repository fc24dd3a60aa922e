#pragma once

#include <set>
#include <string>
#include <vector>

namespace ddim::engine::hub {

/// The files of a repository that are needed to load its model, in the order to fetch them: the
/// small ones, which tell what it is (io::kModelIndexFile first, if any), before the weights. Of
/// the weights, the first that io::DiffusersLayout::weights() names and the shards of an index.
/// Error(user), naming `repository`, when something is missing.
std::vector<std::string> model_files(const std::set<std::string>& available,
                                     const std::string& repository);

}  // namespace ddim::engine::hub
