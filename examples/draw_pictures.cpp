// Draws 16 pictures with a model and writes them as one PNG.
//   draw_pictures MODEL GRID.png
#include <ddim/ddim.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: draw_pictures MODEL GRID.png\n";
    return 2;
  }
  try {
    auto model = ddim::Model::load(argv[1]);
    auto images = ddim::sample(model, {.plan = {.steps = 50}, .count = 16, .seed = 7});
    ddim::write_png_grid(argv[2], images);
  } catch (const ddim::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
