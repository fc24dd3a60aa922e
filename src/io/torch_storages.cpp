#include "io/torch_storages.h"

#include "base/error.h"
#include "io/tensor_table.h"

namespace ddim::engine::io {
namespace {

struct NamedType {
  std::string_view name;
  std::optional<StoredType> type;
  std::int64_t complex_bytes = 0;  ///< where there is no type
};
constexpr NamedType kStorageTypes[] = {
    {"BFloat16Storage", StoredType::bf16}, {"BoolStorage", StoredType::boolean},
    {"ByteStorage", StoredType::u8},       {"CharStorage", StoredType::i8},
    {"DoubleStorage", StoredType::f64},    {"FloatStorage", StoredType::f32},
    {"HalfStorage", StoredType::f16},      {"IntStorage", StoredType::i32},
    {"LongStorage", StoredType::i64},      {"ShortStorage", StoredType::i16},
    {"ComplexFloatStorage", {}, 8},        {"ComplexDoubleStorage", {}, 16},
    {"UntypedStorage", StoredType::u8},  // of tensors that say their type themselves
};

/// Of the global "torch FloatStorage" or "torch.cuda FloatStorage"; nullptr for other types.
const NamedType* storage_type(const PickleValue& global) {
  const std::size_t space = global.text().find(' ');
  const std::string_view module = global.text().substr(0, space);
  if (module != "torch" && module != "torch.cuda" && module != "torch.storage") return nullptr;
  for (const NamedType& type : kStorageTypes)
    if (type.name == global.text().substr(space + 1)) return &type;
  return nullptr;
}

/// The tuple of a reference, or nullopt for something that PyTorch does not write.
std::optional<PickleValue> reference(const PickleValue& persistent) {
  if (!persistent.is(PickleKind::persistent)) return std::nullopt;
  const PickleValue tuple = persistent[0];
  const bool well_formed =
      tuple.is(PickleKind::tuple) && (tuple.size() == 5 || tuple.size() == 6) &&
      tuple[0].is(PickleKind::text) && tuple[0].text() == "storage" &&
      tuple[1].is(PickleKind::global) && tuple[2].is(PickleKind::text) &&
      tuple[3].is(PickleKind::text) && tuple[4].is(PickleKind::integer) &&
      tuple[4].integer() >= 0 &&
      (tuple.size() == 5 || tuple[5].is(PickleKind::none));  // a view of another storage
  return well_formed ? std::optional(tuple) : std::nullopt;
}

}  // namespace

std::optional<std::string> storage_key(const PickleValue& persistent) {
  const auto tuple = reference(persistent);
  return tuple ? std::optional(std::string((*tuple)[2].text())) : std::nullopt;
}

DeclaredStorages declared_storages(const PickleTree& tree, const std::string& file_name) {
  DeclaredStorages storages;
  for (std::uint32_t id = 0; id < tree.num_values(); ++id) {
    const PickleValue value = tree.value(id);
    if (!value.is(PickleKind::persistent)) continue;
    const auto tuple = reference(value);
    if (!tuple)
      fail(ErrorCode::corrupt, file_name, ": a tensor refers to its numbers by ",
           value[0].describe(), ", which PyTorch does not write");
    const std::string key((*tuple)[2].text());
    const NamedType* const type = storage_type((*tuple)[1]);
    DeclaredStorage storage{.type = std::nullopt,
                            .element_bytes = 0,
                            .num_elements = (*tuple)[4].integer(),
                            .type_name = (*tuple)[1].text()};
    if (type != nullptr) {
      storage.type = type->type;
      storage.element_bytes =
          type->type ? static_cast<std::int64_t>(size_of(*type->type)) : type->complex_bytes;
    }
    const auto [found, is_new] = storages.emplace(key, storage);
    if (!is_new && (found->second.type_name != storage.type_name ||
                    found->second.num_elements != storage.num_elements))
      fail(ErrorCode::corrupt, file_name, ": storage ", display_name(key),
           " is described in two ways");
  }
  return storages;
}

}  // namespace ddim::engine::io
