#include "io/torch_stream.h"

#include <cstring>
#include <set>

#include "base/error.h"
#include "io/pickle_reader.h"
#include "io/torch_storages.h"

namespace ddim::engine::io {
namespace {

constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::int64_t kVersion = 1001;

class StreamReader {
 public:
  StreamReader(std::span<const std::byte> file, const std::string& file_name)
      : rest_(file), file_name_(file_name) {}

  TorchContents read() {
    next_pickle();  // the magic number
    const auto version = next_pickle();
    const PickleValue number = version->root();
    if (!number.is(PickleKind::integer) || number.integer() != kVersion)
      refuse("its version is ", number.describe(), ", expected ", kVersion);
    const auto system = next_pickle();
    const auto little_endian = system->root().find("little_endian");
    if (!little_endian || !little_endian->is(PickleKind::boolean) || little_endian->integer() == 0)
      refuse("it was not written by a little-endian machine");
    TorchContents contents{.tree = next_pickle(), .storages = {}};
    const auto keys = next_pickle();
    read_storages(keys->root(), declared_storages(*contents.tree, file_name_), contents);
    if (!rest_.empty()) refuse(rest_.size(), " bytes after its last storage belong to none");
    return contents;
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(ErrorCode::corrupt, file_name_, ": bad file of PyTorch: ", parts...);
  }

  std::unique_ptr<const PickleTree> next_pickle() {
    ParsedPickle parsed = parse_pickle(rest_, file_name_);
    rest_ = rest_.subspan(parsed.num_bytes);
    return std::move(parsed.tree);
  }

  void read_storages(const PickleValue& keys, const DeclaredStorages& declared,
                     TorchContents& contents) {
    if (!keys.is(PickleKind::list)) refuse("its list of storages is ", keys.describe());
    std::set<std::string> seen;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!keys[i].is(PickleKind::text)) refuse("the key of a storage is ", keys[i].describe());
      const std::string key(keys[i].text());
      const auto storage = declared.find(key);
      if (storage == declared.end()) refuse("storage ", display_name(key), " belongs to no tensor");
      const auto [type, element_bytes, count, type_name] = storage->second;
      if (element_bytes == 0)
        refuse("storage ", display_name(key), " is a ", type_name, ", whose size is not known");
      std::int64_t stated = 0;
      if (rest_.size() < sizeof stated)
        refuse("it is cut short before storage ", display_name(key));
      std::memcpy(&stated, rest_.data(), sizeof stated);
      rest_ = rest_.subspan(sizeof stated);
      const auto num_left = static_cast<std::int64_t>(rest_.size()) / element_bytes;
      if (stated != count || count > num_left)
        refuse("storage ", display_name(key), " has ", count, " elements, but the file ", stated,
               " in ", rest_.size(), " bytes");
      const auto bytes = rest_.first(static_cast<std::size_t>(count * element_bytes));
      if (!seen.insert(key).second) refuse("storage ", display_name(key), " is there twice");
      if (type) contents.storages.emplace(key, TorchStorage{*type, count, bytes, {}});
      rest_ = rest_.subspan(bytes.size());
    }
    for (const auto& [key, storage] : declared)
      if (!seen.contains(key)) refuse("storage ", display_name(key), " is missing");
  }

  std::span<const std::byte> rest_;
  const std::string& file_name_;
};

}  // namespace

bool is_torch_stream(std::span<const std::byte> file) {
  // PROTO, perhaps a FRAME, and the number by LONG1; any protocol since 2 has it near the start.
  const std::string_view start(reinterpret_cast<const char*>(file.data()),
                               std::min<std::size_t>(file.size(), 32));
  return start.starts_with('\x80') && start.find(kMagic) != std::string_view::npos;
}

TorchContents parse_torch_stream(std::span<const std::byte> file, const std::string& file_name) {
  return StreamReader(file, file_name).read();
}

}  // namespace ddim::engine::io
