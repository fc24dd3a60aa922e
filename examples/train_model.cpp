// Trains a tiny network on the pictures of a folder.
//   train_model PICTURES RUN
#include <ddim/ddim.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: train_model PICTURES RUN\n";
    return 2;
  }
  try {
    ddim::TrainConfig config;
    config.model.sample_size = 16;
    config.model.layers_per_block = 1;
    config.model.block_out_channels = {32, 32};
    config.data.fit = ddim::Fit::crop_resize;
    config.training.batch = 4;
    config.training.steps = 5;
    const ddim::TrainSummary summary =
        ddim::train_model({.config = config,
                           .data = argv[1],
                           .out = argv[2],
                           .progress = [](const ddim::TrainProgress& now) {
                             std::cout << "step " << now.step << " of " << now.last_step
                                       << ": loss " << now.loss << '\n';
                           }});
    std::cout << "model: " << summary.checkpoint.string() << '\n';
  } catch (const ddim::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
