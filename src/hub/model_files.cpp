#include "hub/model_files.h"

#include <charconv>
#include <map>
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

/// The shards of an index that there are, by how many their names say that there should be.
std::map<std::size_t, std::vector<std::string>> shards_by_count(
    const std::set<std::string>& available, const std::string& index) {
  std::map<std::size_t, std::vector<std::string>> shards;
  for (const std::string& name : available) {
    if (!io::is_shard(name, index)) continue;
    std::size_t count = 0;
    const char* const digits = name.data() + name.rfind("-of-") + 4;
    std::from_chars(digits, digits + 5, count);
    shards[count].push_back(name);
  }
  return shards;
}

/// A file of weights, with all of its shards if it is an index; empty where there is none.
std::vector<std::string> weight_files(const std::set<std::string>& available,
                                      const io::DiffusersLayout& layout) {
  for (const std::string& name : layout.weights()) {
    if (!available.contains(name)) continue;
    std::vector<std::string> files = {name};
    if (!io::is_shard_index(name)) return files;
    for (auto& [count, shards] : shards_by_count(available, name))
      if (shards.size() == count) files.insert(files.end(), shards.begin(), shards.end());
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
          layout.written_weights(), " or one of its variants; ", described(available));
  files.insert(files.end(), weights.begin(), weights.end());
  return files;
}

}  // namespace ddim::engine::hub
