#include "model/diffusers_names.h"

#include "base/error.h"

namespace ddim::engine::model {
namespace {

void replace_part(std::string& name, std::string_view old_part, std::string_view new_part) {
  const std::size_t position = name.find(old_part);
  if (position != std::string::npos) name.replace(position, old_part.size(), new_part);
}

std::string current_name(std::string name) {
  if (name.find("attentions.") != std::string::npos) {
    replace_part(name, ".query.", ".to_q.");
    replace_part(name, ".key.", ".to_k.");
    replace_part(name, ".value.", ".to_v.");
    replace_part(name, ".proj_attn.", ".to_out.0.");
  }
  replace_part(name, ".downsamplers.0.op.", ".downsamplers.0.conv.");
  return name;
}

}  // namespace

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
