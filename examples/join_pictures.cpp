// Puts pictures of one size side by side, the names of their files above.
//   join_pictures JOINED.png A.png B.png ...
#include <ddim/ddim.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: join_pictures JOINED.png A.png B.png ...\n";
    return 2;
  }
  try {
    std::vector<ddim::Image> pictures;
    ddim::GridOptions grid{.columns = argc - 2, .padding = 8};
    for (int i = 2; i < argc; ++i) {
      pictures.push_back(ddim::read_png(argv[i]));
      std::string label = std::filesystem::path(argv[i]).stem().string();
      std::ranges::replace(label, '-', ' ');
      grid.column_labels.push_back(label);
    }
    const ddim::Image joined = ddim::make_grid(pictures, grid);
    ddim::write_png(argv[1], joined, {.overwrite = ddim::Overwrite::allow});
  } catch (const ddim::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
