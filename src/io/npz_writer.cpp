#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "io/npz.h"
#include "io/zip_writer.h"

namespace ddim::engine::io {
namespace {

/// Magic, length and the dictionary in Python's spelling, padded to a multiple of 64 bytes.
std::string npy_header(const NpzArray& array) {
  std::string shape;
  for (const std::int64_t size : array.shape) shape += concat(size, ", ");
  if (array.shape.size() > 1) shape.resize(shape.size() - 2);
  std::string text =
      concat("{'descr': '", array.type, "', 'fortran_order': False, 'shape': (",
             array.shape.size() == 1 ? shape.substr(0, shape.size() - 1) : shape, "), }");
  const std::size_t unpadded = kNpyMagic.size() + 2 + text.size() + 1;
  text.append((64 - unpadded % 64) % 64, ' ');
  text += '\n';
  std::string header(kNpyMagic);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace

FileContent npz_content(std::vector<NpzArray> arrays) {
  std::vector<ZipMember> members;
  for (NpzArray& array : arrays) {
    auto header = std::make_shared<const std::string>(npy_header(array));
    std::uint64_t size = npz_type_size(array.type);
    for (const std::int64_t axis : array.shape) size *= static_cast<std::uint64_t>(axis);
    ensure(array.produce || array.bytes.size() == size, "npz: ", array.bytes.size(), " bytes in ",
           array.name, "; its shape and type need ", size);
    const auto produce = [header, bytes = array.bytes,
                          produce = std::move(array.produce)](const ByteSink& sink) {
      sink(std::as_bytes(std::span(*header)));
      if (produce) {
        produce(sink);
      } else {
        sink(bytes);
      }
    };
    members.push_back(
        {.name = array.name + ".npy", .content = FileContent(header->size() + size, produce)});
  }
  return zip_content(std::move(members));
}

FileContent picture_npz_content(std::int64_t count, const PictureShape& shape,
                                std::function<void(const ByteSink&)> produce,
                                std::span<const std::int64_t> labels) {
  std::vector<NpzArray> arrays{{.name = "arr_0",
                                .type = "|u1",
                                .shape = {count, shape.height, shape.width, shape.channels},
                                .produce = std::move(produce)}};
  if (!labels.empty())
    arrays.push_back(
        {.name = "arr_1", .type = "<i8", .shape = {count}, .bytes = std::as_bytes(labels)});
  return npz_content(std::move(arrays));
}

}  // namespace ddim::engine::io
