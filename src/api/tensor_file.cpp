#include <ddim/image.h>

#include "api/overwrite.h"
#include "base/error.h"
#include "io/safetensors.h"

namespace ddim {

FloatImages read_tensor(const std::filesystem::path& path, const std::string& name) {
  const auto file = io::SafetensorsFile::open(path);
  const std::vector<std::int64_t>& shape = file.at(name).shape;
  if (shape.size() != 4) {
    fail(ErrorCode::corrupt, path.string(), ": tensor ", name,
         " must have the 4 axes [N,C,H,W], has ", shape.size());
  }
  return {.count = shape[0],
          .channels = shape[1],
          .height = shape[2],
          .width = shape[3],
          .values = file.read(name)};
}

void write_tensor(const std::filesystem::path& path, const std::string& name,
                  const FloatImages& images, Overwrite overwrite) {
  io::write_safetensors(path,
                        {{.name = name,
                          .shape = {images.count, images.channels, images.height, images.width},
                          .values = images.values}},
                        existing_of(overwrite));
}

}  // namespace ddim
