#include "hub/model_files.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"

namespace ddim::hub {
namespace {

constexpr std::string_view kWeights = "diffusion_pytorch_model";

/// Whether `name` is "diffusion_pytorch_model-00001-of-00003.safetensors" in `folder`.
bool is_shard(std::string_view name, const std::string& folder) {
  constexpr std::string_view kPattern = "-00000-of-00000.safetensors";  // 0: any digit
  const std::string base = concat(folder, kWeights);
  if (!name.starts_with(base)) return false;
  name.remove_prefix(base.size());
  return std::ranges::equal(name, kPattern, [](char c, char expected) {
    return expected == '0' ? c >= '0' && c <= '9' : c == expected;
  });
}

/// "it has 7 files: README.md, a, b, c, d, ..."
std::string described(const std::set<std::string>& available) {
  constexpr std::size_t kMaxShown = 5;
  std::string text =
      concat("it has ", available.size(), available.size() == 1 ? " file" : " files");
  std::size_t shown = 0;
  for (const std::string& name : available) {
    if (shown == kMaxShown) return text + ", ...";
    text += concat(shown == 0 ? ": " : ", ", name);
    ++shown;
  }
  return text;
}

std::vector<std::string> weight_files(const std::set<std::string>& available,
                                      const std::string& folder) {
  const std::string base = concat(folder, kWeights);
  if (available.contains(base + ".safetensors")) return {base + ".safetensors"};
  if (const std::string index = base + ".safetensors.index.json"; available.contains(index)) {
    std::vector<std::string> files = {index};
    std::ranges::copy_if(available, std::back_inserter(files),
                         [&](const std::string& name) { return is_shard(name, folder); });
    if (files.size() > 1) return files;
  }
  if (available.contains(base + ".bin")) return {base + ".bin"};
  return {};
}

}  // namespace

std::vector<std::string> model_files(const std::set<std::string>& available,
                                     const std::string& repository) {
  std::vector<std::string> files;
  if (available.contains(kModelIndex)) files.emplace_back(kModelIndex);

  const std::string folder = available.contains("unet/config.json") ? "unet/" : "";
  const std::string config = folder + "config.json";
  require(available.contains(config), repository,
          ": holds no model of diffusers, neither unet/config.json nor config.json; ",
          described(available));
  files.push_back(config);

  const std::string top = "scheduler_config.json";
  const std::string scheduler = available.contains("scheduler/" + top) ? "scheduler/" + top : top;
  require(available.contains(scheduler), repository,
          ": has no scheduler_config.json, which says "
          "with which noise the model was trained; ",
          described(available));
  files.push_back(scheduler);

  const std::vector<std::string> weights = weight_files(available, folder);
  require(!weights.empty(), repository, ": has no weights of the name ", folder, kWeights,
          ".safetensors or .bin; ", described(available));
  files.insert(files.end(), weights.begin(), weights.end());
  return files;
}

}  // namespace ddim::hub
