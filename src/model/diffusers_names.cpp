#include "model/diffusers_names.h"

#include <utility>

#include "base/error.h"

namespace ddim::engine::model {
namespace {

void replace_part(std::string& name, std::string_view old_part, std::string_view new_part) {
  const std::size_t position = name.find(old_part);
  if (position != std::string::npos) name.replace(position, old_part.size(), new_part);
}

/// Old and new names of the layers of an attention.
constexpr std::pair<std::string_view, std::string_view> kAttentionLayers[] = {
    {".query.", ".to_q."},
    {".key.", ".to_k."},
    {".value.", ".to_v."},
    {".proj_attn.", ".to_out.0."}};

bool is_of_attention(const std::string& name) {
  return name.find("attentions.") != std::string::npos;
}

std::string current_name(std::string name) {
  if (is_of_attention(name))
    for (const auto& [of_2022, current] : kAttentionLayers) replace_part(name, of_2022, current);
  replace_part(name, ".downsamplers.0.op.", ".downsamplers.0.conv.");
  return name;
}

}  // namespace

std::string attention_name_of_2022(std::string name) {
  if (is_of_attention(name))
    for (const auto& [of_2022, current] : kAttentionLayers) replace_part(name, current, of_2022);
  return name;
}

std::map<std::string, const io::TensorEntry*> entries_by_current_name(
    const io::TensorTable& table) {
  std::map<std::string, const io::TensorEntry*> result;
  for (const io::TensorEntry& entry : table.entries()) {
    const std::string name = current_name(entry.name);
    const bool is_second_copy = name != entry.name && table.find(name) != nullptr &&
                                entry.name.find(".downsamplers.0.op.") != std::string::npos;
    if (is_second_copy) continue;
    if (!result.emplace(name, &entry).second)
      fail(ErrorCode::corrupt, table.path().string(), ": holds tensor ", name,
           " under its old and its new name");
  }
  return result;
}

}  // namespace ddim::engine::model
