// Goes from one picture to another by way of their codes (figure 6).
//   encode_and_interpolate MODEL A.png B.png GRID.png
#include <ddim/ddim.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: encode_and_interpolate MODEL A.png B.png GRID.png\n";
    return 2;
  }
  try {
    constexpr std::int64_t kFrames = 5;
    const auto model = ddim::Model::load(argv[1]);
    const auto pictures = ddim::load_pictures(model, {argv[2], argv[3]}, ddim::Fit::crop_resize);
    ddim::Codes codes = ddim::encode(model, pictures, {.plan = {.steps = 20}});
    codes.x_T = ddim::interpolate(codes.x_T, kFrames);
    const ddim::Samples samples = ddim::decode(model, codes);
    ddim::write_png_grid(argv[4], samples, ddim::Overwrite::allow, {.columns = kFrames});
  } catch (const ddim::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
