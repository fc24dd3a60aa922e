#include "io/diffusers_layout.h"

#include <algorithm>

namespace ddim::engine::io {
namespace {

constexpr std::string_view kWeights = "diffusion_pytorch_model";

}  // namespace

std::vector<std::string> DiffusersLayout::weights() const {
  std::vector<std::string> names;
  for (const char* ending :
       {".safetensors", ".safetensors.index.json", ".bin", ".fp16.safetensors", ".fp16.bin"})
    names.push_back(unet + std::string(kWeights) + ending);
  return names;
}

bool DiffusersLayout::is_shard(std::string_view name) const {
  constexpr std::string_view kPattern = "-00000-of-00000.safetensors";  // 0: any digit
  const std::string base = unet + std::string(kWeights);
  if (!name.starts_with(base)) return false;
  name.remove_prefix(base.size());
  return std::ranges::equal(name, kPattern, [](char c, char expected) {
    return expected == '0' ? c >= '0' && c <= '9' : c == expected;
  });
}

bool is_shard_index(std::string_view name) { return name.ends_with(".index.json"); }

DiffusersLayout find_diffusers_layout(const std::function<bool(const std::string&)>& has_file) {
  DiffusersLayout layout;
  if (!has_file(layout.unet_config())) layout.unet = "";
  // Where neither is there, the missing one is named as in the layout of the network.
  const DiffusersLayout flat{.unet = "", .scheduler = ""};
  const bool foldered = has_file(layout.scheduler_config()) ||
                        (!layout.unet.empty() && !has_file(flat.scheduler_config()));
  if (!foldered) layout.scheduler = "";
  return layout;
}

}  // namespace ddim::engine::io
