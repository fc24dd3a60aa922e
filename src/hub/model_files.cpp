#include "hub/model_files.h"

#include <algorithm>
#include <ranges>

#include "base/error.h"
#include "io/diffusers_layout.h"

namespace ddim::engine::hub {
namespace {

/// "it has 7 files: README.md, a, b, c, d, ..."
std::string described(const std::set<std::string>& available) {
  constexpr std::size_t kMaxShown = 5;
  const std::size_t count = available.size();
  if (count == 0) return "it has no files";
  return concat("it has ", count, count == 1 ? " file: " : " files: ",
                join(available | std::views::take(kMaxShown), ", "),
                count > kMaxShown ? ", ..." : "");
}

/// A file of weights, with its shards if it is an index; empty where there is none.
std::vector<std::string> weight_files(const std::set<std::string>& available,
                                      const io::DiffusersLayout& layout) {
  for (const std::string& name : layout.weights()) {
    if (!available.contains(name)) continue;
    std::vector<std::string> files = {name};
    if (!io::is_shard_index(name)) return files;
    std::ranges::copy_if(available, std::back_inserter(files),
                         [&](const std::string& file) { return layout.is_shard(file); });
    if (files.size() > 1) return files;
  }
  return {};
}

}  // namespace

std::vector<std::string> model_files(const std::set<std::string>& available,
                                     const std::string& repository) {
  const io::DiffusersLayout layout =
      io::find_diffusers_layout([&](const std::string& name) { return available.contains(name); });
  std::vector<std::string> files;
  if (available.contains(io::kModelIndexFile)) files.emplace_back(io::kModelIndexFile);

  require(available.contains(layout.unet_config()), repository,
          ": not a diffusers model: it has neither ", io::DiffusersLayout{}.unet_config(), " nor ",
          layout.unet_config(), "; ", described(available));
  files.push_back(layout.unet_config());

  require(available.contains(layout.scheduler_config()), repository, ": ",
          layout.scheduler_config(),
          " is missing, which says what noise the model was trained with; ", described(available));
  files.push_back(layout.scheduler_config());

  const std::vector<std::string> weights = weight_files(available, layout);
  require(!weights.empty(), repository, ": the weights are missing; expected ",
          layout.weights().front(), " or one of its variants; ", described(available));
  files.insert(files.end(), weights.begin(), weights.end());
  return files;
}

}  // namespace ddim::engine::hub
