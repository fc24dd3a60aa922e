#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "io/pickle_value.h"
#include "io/stored_type.h"

namespace ddim::engine::io {

/// The numbers behind a tensor as its pickle declares them: type and count.
struct DeclaredStorage {
  std::optional<StoredType> type;  ///< nullopt: complex numbers, or unknown
  std::int64_t element_bytes;      ///< 0: unknown
  std::int64_t num_elements;
  std::string_view type_name;  ///< "torch FloatStorage"
};
using DeclaredStorages = std::map<std::string, DeclaredStorage, std::less<>>;

/// The storages that the persistent references ("storage", type, key, location, count) of a pickle
/// declare, by key. Error(corrupt) naming `file_name` for a reference of another form, and for two
/// that have one key but differ.
DeclaredStorages declared_storages(const PickleTree& tree, const std::string& file_name);

/// The key of a reference; nullopt for any other value.
std::optional<std::string> storage_key(const PickleValue& persistent);

}  // namespace ddim::engine::io
