#include "picture_info.h"

#include <ddim/image.h>
#include <fmt/core.h>

#include "json_object.h"
#include "printable.h"

namespace ddim::cli {

void print_picture_info(const std::filesystem::path& file, InfoStyle style) {
  std::map<std::string, std::string> text = read_png_text(file);
  if (style == InfoStyle::json) {
    JsonObject object;
    for (const auto& [key, value] : text) object.add(key, value);
    fmt::print("{}\n", object.text());
    return;
  }
  if (text.empty()) fmt::print("{}: a PNG that carries no recipe\n", file.string());
  const auto print = [](const std::string& key, const std::string& value) {
    fmt::print("{:<12} {}\n", printable(key), printable(value));
  };
  for (const char* key : {"model", "model_hash", "size", "steps", "sampler", "tau", "eta", "clip",
                          "seed", "first_image", "count"}) {
    if (const auto entry = text.extract(key)) print(entry.key(), entry.mapped());
  }
  for (const auto& [key, value] : text) print(key, value);
}

}  // namespace ddim::cli
