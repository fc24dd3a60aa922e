#include "io/sharded_safetensors.h"

#include <set>
#include <utility>

#include "base/error.h"
#include "io/json_fields.h"
#include "io/safetensors.h"

namespace ddim::engine::io {
namespace {

constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{16} << 20;
constexpr std::size_t kMaxShards = 1000;

/// Shard -> its tensors.
std::map<std::string, std::set<std::string>> read_index(const std::filesystem::path& index,
                                                        const FileTree& tree) {
  JsonFields fields(tree.read(index, kMaxIndexBytes), index.string());
  const Json* weight_map = fields.take({"weight_map"});
  if (weight_map == nullptr || !weight_map->is_object() || weight_map->size() == 0)
    fields.fail_file("weight_map must be an object that names a file for each tensor");
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, shard] : weight_map->members()) {
    const std::string file = shard.is_string() ? shard.string() : "";
    const bool plain = !file.empty() && file != "." && file != ".." &&
                       file.find('/') == std::string::npos && file.find('\\') == std::string::npos;
    if (!plain || !reason_against_name(file).empty())
      fields.fail_field("weight_map", "names of files beside the index", shard);
    shards[file].insert(tensor);
    if (shards.size() > kMaxShards)
      fields.fail_file(concat("there are more than ", kMaxShards, " files"));
  }
  return shards;
}

}  // namespace

TensorTable open_sharded_safetensors(const std::filesystem::path& index, const FileTree& tree) {
  std::vector<std::shared_ptr<const MappedFile>> files;
  std::vector<TensorEntry> entries;
  for (const auto& [name, tensors] : read_index(index, tree)) {
    const SafetensorsFile shard =
        SafetensorsFile::open(index.parent_path() / name, tree.map(index.parent_path() / name));
    for (const std::string& tensor : tensors) {
      if (shard.find(tensor) == nullptr) {
        fail(ErrorCode::corrupt, shard.path().string(), " has no tensor ", display_name(tensor),
             ", although ", index.filename().string(), " lists it there");
      }
    }
    for (const TensorEntry& entry : shard.entries()) {
      if (!tensors.contains(entry.name)) {
        fail(ErrorCode::corrupt, shard.path().string(), " holds tensor ", display_name(entry.name),
             ", which ", index.filename().string(), " does not list");
      }
      entries.push_back(entry);
    }
    files.insert(files.end(), shard.files().begin(), shard.files().end());
  }
  return {index, std::move(files), std::move(entries)};
}

}  // namespace ddim::engine::io
