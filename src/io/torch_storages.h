#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "io/pickle_value.h"
#include "io/stored_type.h"

namespace ddim::io {

/// What a pickle says of the numbers behind its tensors: their type and count, by key.
struct DeclaredStorage {
  StoredType type;
  std::int64_t num_elements;
};
using DeclaredStorages = std::map<std::string, DeclaredStorage, std::less<>>;

/// All that the persistent references of a pickle declare: ("storage", type, key, location, count).
/// Error(corrupt) naming `file_name` for one that is written otherwise, and for two of one key that
/// differ.
DeclaredStorages declared_storages(const PickleTree& tree, const std::string& file_name);

/// The key of one reference; nullopt for what is none.
std::optional<std::string> storage_key(const PickleValue& persistent);

}  // namespace ddim::io
