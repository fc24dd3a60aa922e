// Puts pictures of one size side by side, the names of their files above; with --columns in rows of
// N. Grey ones become coloured.
//   join_pictures JOINED.png [--columns N] A.png B.png ...
#include <ddim/ddim.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace {

ddim::Image coloured(const ddim::Image& image) {
  if (image.channels != 1) return image;
  ddim::Image result{image.width, image.height, 3};
  for (const std::uint8_t level : image.pixels) result.pixels.insert(result.pixels.end(), 3, level);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  std::size_t columns = words.size() - 1;
  if (words.size() > 2 && words[1] == "--columns") {
    columns = static_cast<std::size_t>(std::max(1, std::atoi(words[2].c_str())));
    words.erase(words.begin() + 1, words.begin() + 3);
  }
  if (words.size() < 2) {
    std::cerr << "usage: join_pictures JOINED.png [--columns N] A.png B.png ...\n";
    return 2;
  }
  try {
    std::vector<ddim::Image> pictures;
    ddim::GridOptions grid{.columns = static_cast<std::int64_t>(columns), .padding = 8};
    for (std::size_t i = 1; i < words.size(); ++i) {
      pictures.push_back(coloured(ddim::read_png(words[i])));
      std::string label = std::filesystem::path(words[i]).stem().string();
      std::ranges::replace(label, '-', ' ');
      if (i <= columns) grid.column_labels.push_back(label);
    }
    const ddim::Image joined = ddim::make_grid(pictures, grid);
    ddim::write_png(words[0], joined, {.overwrite = ddim::Overwrite::allow});
  } catch (const ddim::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
