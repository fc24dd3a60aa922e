#include "io/torch_file.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "io/pickle_reader.h"
#include "io/safetensors.h"
#include "io/strangers.h"
#include "io/torch_storages.h"
#include "io/torch_stream.h"
#include "io/zip_reader.h"

namespace ddim::engine::io {
namespace {

constexpr std::string_view kRebuildTensor = "torch._utils _rebuild_tensor";
constexpr std::string_view kRebuildTensor2 = "torch._utils _rebuild_tensor_v2";
/// Of bytes, with the type of the numbers behind the other arguments.
constexpr std::string_view kRebuildTensor3 = "torch._utils _rebuild_tensor_v3";
constexpr std::pair<std::string_view, StoredType> kTypesOfBytes[] = {
    {"torch float8_e4m3fn", StoredType::f8_e4m3}, {"torch float8_e5m2", StoredType::f8_e5m2}};
/// (tensor, requires_grad, hooks); the second has attributes too.
constexpr std::string_view kRebuildParameter = "torch._utils _rebuild_parameter";
constexpr std::string_view kRebuildParameterWithState =
    "torch._utils _rebuild_parameter_with_state";
/// A tensor with attributes: (function, type, its arguments, attributes).
constexpr std::string_view kRebuildFromType = "torch._tensor _rebuild_from_type_v2";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Their pickles name programs, so that they would be refused for that, which helps nobody.
void refuse_stable_diffusion(std::span<const std::byte> pickle, const std::string& file_name) {
  if (text_of(pickle).find("model.diffusion_model.") != std::string_view::npos)
    fail(ErrorCode::corrupt, file_name,
         ": this is a checkpoint of latent diffusion (Stable Diffusion): its network works on the "
         "codes of an autoencoder, which is not supported");
}

/// A pickle that torch.save did not write, if it is one: by what the objects in it are.
void refuse_pickle(std::span<const std::byte> file, const std::string& file_name) {
  const ParsedPickle parsed = parse_pickle(file, file_name);
  for (std::uint32_t id = 0; id < parsed.tree->num_values(); ++id) {
    const PickleValue value = parsed.tree->value(id);
    if (!value.is(PickleKind::global)) continue;
    std::string type(value.text());
    std::ranges::replace(type, ' ', '.');
    fail(ErrorCode::corrupt, file_name, ": this is a pickle of Python with objects of ",
         display_name(type),
         ", which only the program that made it can read: save the network's state_dict() with "
         "torch.save");
  }
}

/// The entries of an archive of torch.save, which all stand below one folder.
class Archive {
 public:
  Archive(std::span<const std::byte> file, const std::string& file_name)
      : entries_(parse_zip(file, file_name)), file_name_(file_name) {
    constexpr std::string_view kPickle = "/data.pkl";
    for (const ZipEntry& entry : entries_)
      if (entry.name.ends_with(kPickle) &&
          entry.name.find('/') == entry.name.size() - kPickle.size())
        folder_ = entry.name.substr(0, entry.name.size() - kPickle.size() + 1);
    if (folder_.empty())
      fail(ErrorCode::corrupt, file_name,
           ": this is a zip archive, but not of torch.save: it has no data.pkl");
    if (find("constants.pkl") != nullptr)
      fail(ErrorCode::corrupt, file_name, ": this is a TorchScript program, not weights");
  }

  const ZipEntry* find(const std::string& name) const {
    const auto found = std::ranges::lower_bound(by_name_, folder_ + name, {}, &ZipEntry::name);
    if (found != by_name_.end() && found->name == folder_ + name) return &*found;
    return nullptr;
  }

  std::span<const std::byte> pickle() const { return find("data.pkl")->bytes; }

  /// Why the pickle is not what was written; empty where it is.
  std::string damage_of_pickle() const {
    try {
      const ZipEntry& entry = *find("data.pkl");
      require_stated_crc32(entry, entry.bytes, file_name_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  void require_little_endian() const {
    const ZipEntry* order = find("byteorder");
    if (order != nullptr && text_of(order->bytes) != "little")
      fail(ErrorCode::corrupt, file_name_, ": it was written by a big-endian machine");
  }

 private:
  static std::vector<ZipEntry> sorted(std::vector<ZipEntry> entries) {
    std::ranges::sort(entries, {}, &ZipEntry::name);
    return entries;
  }

  std::vector<ZipEntry> entries_;
  std::vector<ZipEntry> by_name_ = sorted(entries_);
  std::string folder_;  ///< "archive/"
  const std::string& file_name_;
};

TorchContents parse_archive(const Archive& archive, const std::string& file_name) {
  archive.require_little_endian();
  const std::span<const std::byte> pickle = archive.pickle();
  refuse_stable_diffusion(pickle, file_name);
  ParsedPickle parsed = parse_pickle(pickle, file_name);
  if (parsed.num_bytes != pickle.size())
    fail(ErrorCode::corrupt, file_name, ": data.pkl goes on after its end");
  TorchContents contents{.tree = std::move(parsed.tree), .storages = {}};
  for (const auto& [key, declared] : declared_storages(*contents.tree, file_name)) {
    const ZipEntry* entry = archive.find("data/" + key);
    if (entry == nullptr)
      fail(ErrorCode::corrupt, file_name, ": storage ", display_name(key), " is missing");
    if (!declared.type) continue;
    const std::int64_t num_bytes = num_bytes_of(*declared.type, {declared.num_elements});
    if (num_bytes < 0 || static_cast<std::uint64_t>(num_bytes) != entry->bytes.size())
      fail(ErrorCode::corrupt, file_name, ": storage ", display_name(key), " has ",
           entry->bytes.size(), " bytes, but ", declared.num_elements, " elements of ",
           to_string(*declared.type), " are declared");
    contents.storages.emplace(
        key, TorchStorage{*declared.type, declared.num_elements, entry->bytes, entry->crc32});
  }
  if (const ZipEntry* config = archive.find("config.json"))
    contents.config_json = text_of(config->bytes);
  return contents;
}

TorchContents parse_torch_archive(std::span<const std::byte> file, const std::string& file_name) {
  const Archive archive(file, file_name);
  const std::string damage = archive.damage_of_pickle();
  try {
    TorchContents contents = parse_archive(archive, file_name);
    contents.damage = damage;
    return contents;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt || damage.empty()) throw;
    fail(ErrorCode::corrupt, damage);  // which is why
  }
}

/// A tuple (or list) of counts; nullopt for anything else.
std::optional<std::vector<std::int64_t>> counts(const PickleValue& value) {
  if (!value.is(PickleKind::tuple) && !value.is(PickleKind::list)) return std::nullopt;
  if (value.size() > kMaxRank) return std::nullopt;
  std::vector<std::int64_t> result;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!value[i].is(PickleKind::integer) || value[i].integer() < 0) return std::nullopt;
    result.push_back(value[i].integer());
  }
  return result;
}

bool is_call_of(const PickleValue& value, std::string_view callee) {
  return value.is(PickleKind::call) && value[0].text() == callee;
}

bool is_row_major(const std::vector<std::int64_t>& shape,
                  const std::vector<std::int64_t>& strides) {
  std::int64_t expected = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/// The number of the last element, seen from the first; nullopt where that leaves 63 bits.
std::optional<std::int64_t> reach(const std::vector<std::int64_t>& shape,
                                  const std::vector<std::int64_t>& strides) {
  std::int64_t last = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::int64_t along = 0;
    if (__builtin_mul_overflow(shape[axis] - 1, strides[axis], &along) ||
        __builtin_add_overflow(last, along, &last))
      return std::nullopt;
  }
  return last;
}

}  // namespace

bool looks_like_torch(std::span<const std::byte> file) {
  if (begins_like_safetensors(file)) return false;
  // A pickle begins with 0x80 and its protocol.
  const bool pickle = file.size() > 1 && file[0] == std::byte{0x80} && file[1] <= std::byte{5};
  return pickle || looks_like_zip(file);
}

TorchContents parse_torch(std::span<const std::byte> file, const std::string& file_name) {
  refuse_strangers(file, file_name);
  if (looks_like_zip(file)) return parse_torch_archive(file, file_name);
  if (is_torch_stream(file)) {
    refuse_stable_diffusion(file.first(std::min<std::size_t>(file.size(), 1 << 20)), file_name);
    return parse_torch_stream(file, file_name);
  }
  constexpr std::size_t kTarMagicAt = 257;
  if (file.size() > kTarMagicAt && text_of(file.subspan(kTarMagicAt)).starts_with("ustar"))
    fail(ErrorCode::corrupt, file_name,
         ": this is a tar archive, as PyTorch wrote before 2017, or a folder packed: unpack it, or "
         "load and save it with a newer PyTorch");
  if (looks_like_torch(file)) refuse_pickle(file, file_name);
  fail(ErrorCode::corrupt, file_name, ": this is no file of torch.save");
}

namespace {

/// The call of a function that makes a tensor.
struct TensorCall {
  std::string_view function;
  PickleValue arguments;
  std::optional<StoredType> type = {};  ///< where not that of its storage
};

/// Nothing where the function makes no tensor that is read.
std::optional<TensorCall> tensor_call(const PickleValue& function, const PickleValue& arguments) {
  if (!function.is(PickleKind::global) || !arguments.is(PickleKind::tuple)) return std::nullopt;
  const std::string_view name = function.text();
  if (name == kRebuildTensor || name == kRebuildTensor2) return TensorCall{name, arguments};
  constexpr std::size_t kTypeAt = 6;
  if (name != kRebuildTensor3 || arguments.size() <= kTypeAt ||
      !arguments[kTypeAt].is(PickleKind::global))
    return std::nullopt;
  for (const auto& [known, type] : kTypesOfBytes)
    if (arguments[kTypeAt].text() == known) return TensorCall{name, arguments, type};
  return std::nullopt;
}

/// Marks say that the numbers are others than those that are stored: {'neg': True}.
template <class Refuse>
void refuse_marks(const PickleValue& marks, const Refuse& refuse) {
  if (marks.is(PickleKind::none) || (marks.is(PickleKind::dict) && marks.size() == 0)) return;
  const bool has_name = marks.is(PickleKind::dict) && marks.pair(0).first.is(PickleKind::text);
  refuse("has the mark ", has_name ? display_name(marks.pair(0).first.text()) : marks.describe(),
         ": its numbers are not those that are stored; save torch.resolve_neg() or resolve_conj() "
         "of it");
}

std::optional<TensorCall> tensor_call(PickleValue value) {
  if (is_call_of(value, kRebuildParameter) || is_call_of(value, kRebuildParameterWithState)) {
    if (value[1].size() == 0) return std::nullopt;
    value = value[1][0];
  }
  if (is_call_of(value, kRebuildFromType))
    return value[1].size() < 3 ? std::nullopt : tensor_call(value[1][0], value[1][2]);
  return value.is(PickleKind::call) ? tensor_call(value[0], value[1]) : std::nullopt;
}

}  // namespace

bool is_tensor(const PickleValue& value) { return tensor_call(value).has_value(); }

bool has_numbers(const TorchContents& contents, const PickleValue& tensor) {
  const std::optional<TensorCall> call = tensor_call(tensor);
  if (!call || call->arguments.size() == 0) return false;
  const auto key = storage_key(call->arguments[0]);
  return key && contents.storages.contains(*key);
}

TensorEntry tensor_of(const TorchContents& contents, const PickleValue& value,
                      const std::string& name, const std::string& file_name) {
  const auto refuse = [&](const auto&... parts) {
    fail(ErrorCode::corrupt, file_name, ": tensor ", display_name(name), " ", parts...);
  };
  const std::optional<TensorCall> call = tensor_call(value);
  if (!call) refuse("is ", value.describe());
  if (const auto reason = reason_against_name(name); !reason.empty())
    refuse("has a name that ", reason);

  // (storage, offset, size, stride[, requires_grad, hooks[, type][, metadata]])
  const PickleValue& arguments = call->arguments;
  const std::size_t num_arguments = arguments.size();
  const std::size_t least = call->type ? 7 : call->function == kRebuildTensor2 ? 6 : 4;
  if (num_arguments < least || num_arguments > (least == 4 ? least : least + 1))
    refuse("has ", num_arguments, " arguments");
  if (num_arguments > least) refuse_marks(arguments[num_arguments - 1], refuse);
  const auto key = storage_key(arguments[0]);
  const auto shape = counts(arguments[2]);
  const auto strides = counts(arguments[3]);
  if (!key || !arguments[1].is(PickleKind::integer) || arguments[1].integer() < 0 || !shape ||
      !strides || shape->size() != strides->size())
    refuse("is not described as PyTorch does");

  const auto found = contents.storages.find(*key);
  if (found == contents.storages.end()) refuse("holds numbers of a type that is not supported");
  TorchStorage storage = found->second;
  if (call->type && storage.type != StoredType::u8) refuse("is not described as PyTorch does");
  if (call->type) storage.type = *call->type;
  const std::int64_t offset = arguments[1].integer();
  const std::int64_t num_bytes = num_bytes_of(storage.type, *shape);
  const auto size = static_cast<std::int64_t>(size_of(storage.type));
  if (num_bytes < 0) refuse("has a shape that is too large for 63 bits");
  TensorEntry entry{.name = name,
                    .type = storage.type,
                    .shape = *shape,
                    .bytes = {},
                    .is_mapped = contents.are_mapped};
  if (num_bytes == 0) return entry;
  const auto last = reach(*shape, *strides);
  if (!last || offset > storage.num_elements - 1 || *last > storage.num_elements - 1 - offset)
    refuse("reaches beyond its storage of ", storage.num_elements, " elements");
  if (num_bytes / size > storage.num_elements)
    refuse("has more elements than its storage, ", storage.num_elements);
  entry.bytes = storage.bytes.subspan(static_cast<std::size_t>(offset * size),
                                      static_cast<std::size_t>((*last + 1) * size));
  if (!is_row_major(*shape, *strides)) entry.strides = *strides;
  if (storage.crc32) {
    entry.checked = storage.bytes;
    entry.crc32 = *storage.crc32;
  }
  return entry;
}

TorchFile open_torch_file(const std::filesystem::path& path) {
  return open_torch_file(path, std::make_shared<const MappedFile>(path));
}

TorchFile open_torch_file(const std::filesystem::path& path,
                          std::shared_ptr<const MappedFile> file) {
  TorchContents contents = parse_torch(file->bytes(), path.string());
  contents.are_mapped = file->is_mapped();
  return {.path = path, .file = std::move(file), .contents = std::move(contents)};
}

}  // namespace ddim::engine::io
