// Samples as an application with a window would: in its own thread, with progress, with a time
// limit that stops it, and with the pixels in memory.
//   watch_sampling MODEL SECONDS
#include <ddim/ddim.h>

#include <chrono>
#include <future>
#include <iostream>
#include <string>

namespace {

double mean_brightness(const ddim::Samples& samples) {
  double sum = 0.0;
  for (const std::uint8_t pixel : ddim::to_image(samples.x_0, 0).pixels) sum += pixel;
  return sum / static_cast<double>(samples.x_0.shape.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: watch_sampling MODEL SECONDS\n";
    return 2;
  }
  try {
    const auto model = ddim::Model::load(argv[1]);
    const auto limit = std::chrono::duration<double>(std::stod(argv[2]));
    std::stop_source stop;
    const ddim::SampleOptions options{.plan = {.steps = 20,
                                               .eta = ddim::SigmaHat{},  // DDPM's larger variance
                                               .clip = {.bound = ddim::Clip::Bound::range}},
                                      .count = 4,
                                      .run = {.progress =
                                                  [](const ddim::RunProgress& now) {
                                                    std::cout << now.evaluations_done << " of "
                                                              << now.evaluations << '\n';
                                                  },
                                              .stop = stop.get_token()}};

    auto samples = std::async(std::launch::async, [&] { return ddim::sample(model, options); });
    if (samples.wait_for(limit) == std::future_status::timeout) stop.request_stop();
    const double brightness = mean_brightness(samples.get());  // throws if it was stopped
    std::cout << "mean brightness of the first picture: " << brightness << '\n';
  } catch (const ddim::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
