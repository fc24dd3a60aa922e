// Puts pictures of one size side by side.
//   join_pictures JOINED.png A.png B.png ...
#include <ddim/ddim.h>

#include <iostream>
#include <vector>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: join_pictures JOINED.png A.png B.png ...\n";
    return 2;
  }
  try {
    std::vector<ddim::Image> pictures;
    for (int i = 2; i < argc; ++i) pictures.push_back(ddim::read_png(argv[i]));
    const ddim::Image joined = ddim::make_grid(pictures, {.columns = argc - 2, .padding = 8});
    ddim::write_png(argv[1], joined, {.overwrite = ddim::Overwrite::allow});
  } catch (const ddim::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
