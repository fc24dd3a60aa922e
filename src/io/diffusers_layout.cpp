#include "io/diffusers_layout.h"

#include <algorithm>

#include "base/text.h"

namespace ddim::engine::io {
namespace {

constexpr std::string_view kWeights = "diffusion_pytorch_model";

// The variant stands between them.
constexpr std::string_view kIndex = ".safetensors.index";
constexpr std::string_view kIndexEnding = ".json";

/// Of save_pretrained(variant=...), best first: full precision before half.
constexpr std::string_view kVariants[] = {"", ".ema", ".fp16"};

}  // namespace

std::string DiffusersLayout::written_weights() const {
  return concat(unet, kWeights, ".safetensors");
}

std::vector<std::string> DiffusersLayout::weights() const {
  std::vector<std::string> names;
  for (const std::string_view variant : kVariants) {
    names.push_back(concat(unet, kWeights, kIndex, variant, kIndexEnding));
    for (const char* ending : {".safetensors", ".bin"})
      names.push_back(concat(unet, kWeights, variant, ending));
  }
  return names;
}

bool is_shard_index(std::string_view name) { return name.ends_with(kIndexEnding); }

bool is_shard(std::string_view name, std::string_view index) {
  constexpr std::string_view kPattern = "-00000-of-00000.safetensors";  // 0: any digit
  const std::size_t end = index.rfind(kIndex);
  if (end == std::string_view::npos || !is_shard_index(index)) return false;
  std::string_view variant = index.substr(end + kIndex.size());
  variant.remove_suffix(kIndexEnding.size());
  const std::string base = concat(index.substr(0, end), variant);
  if (!name.starts_with(base)) return false;
  name.remove_prefix(base.size());
  return std::ranges::equal(name, kPattern, [](char c, char expected) {
    return expected == '0' ? c >= '0' && c <= '9' : c == expected;
  });
}

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
