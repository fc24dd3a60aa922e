// How long files take to be described, loaded and rewritten, and how much memory that needs at
// most:
//   build/bench/load_bench [FOLDER]     writes 1.5 GB there, by default below the system's
//   temporary one
#include <fmt/core.h>
#include <malloc.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "backend/make_device.h"
#include "model/convert.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "tensor/kernels.h"
#include "tests/nn/published_configs.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// A field of /proc/self/status, in bytes.
double status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return 1024.0 * std::stod(line.substr(line.find(':') + 1));
  return 0;
}

struct Cost {
  double ms = 1e300;
  double peak_bytes = 0;  ///< above what was held before
};

/// The least time and the largest memory of `repeats` calls.
Cost measure(int repeats, const std::function<void()>& run) {
  Cost cost;
  for (int i = 0; i < repeats; ++i) {
    malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << 5;  // the peak starts anew
    const double before = status_bytes("VmRSS");
    const Clock::time_point start = Clock::now();
    run();
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    cost.ms = std::min(cost.ms, ms);
    cost.peak_bytes = std::max(cost.peak_bytes, status_bytes("VmHWM") - before);
  }
  return cost;
}

void read_whole(const fs::path& path) {
  const auto size = static_cast<std::size_t>(fs::file_size(path));
  const std::unique_ptr<char[]> buffer(new char[size]);
  std::ifstream(path, std::ios::binary).read(buffer.get(), static_cast<std::streamsize>(size));
}

void write_network(const UNetConfig& config, const fs::path& folder) {
  const Device device = make_device(DeviceKind::cpu);
  model::LoadedModel model{.device = device,
                           .unet = UNet(device, config),
                           .schedule = diffusion::Schedule::linear(),
                           .scheduler_config = model::file_config({})};
  for (Parameter* parameter : model.unet.mutable_parameters())
    device.kernels().fill(0.5, parameter->value);
  model::save_model(model, folder, io::StoredType::f32);
  model::write_model(model::open_model(folder), folder.string() + ".ckpt",
                     {.target = ConvertTarget::official_weights});
}

void measure_network(const char* name, const UNetConfig& config, const fs::path& folder) {
  write_network(config, folder);
  const fs::path safetensors = folder / "unet/diffusion_pytorch_model.safetensors";
  const double weights = static_cast<double>(fs::file_size(safetensors));
  fmt::print("{}: {:.0f} MB\n", name, weights / 1e6);
  const double read_ms = measure(5, [&] { read_whole(safetensors); }).ms;
  fmt::print("  {:<34}{:>9.1f} ms\n", "read the file into memory", read_ms);
  const auto report = [&](const std::string& what, const Cost& cost) {
    fmt::print("  {:<34}{:>9.1f} ms  {:>5.2f} x reading   peak {:.2f} x weights\n", what, cost.ms,
               cost.ms / read_ms, cost.peak_bytes / weights);
  };
  for (const fs::path& path : {folder, fs::path(folder.string() + ".ckpt")}) {
    const std::string kind = path == folder ? "safetensors" : "PyTorch";
    report("describe, " + kind, measure(5, [&] { model::open_model(path); }));
    report("load, " + kind,
           measure(5, [&] { model::load_model(path, make_device(DeviceKind::cpu)); }));
  }
  const fs::path output = folder.string() + "-out";
  const auto rewrite = [&](const fs::path& input, ConvertOptions options) {
    return measure(2, [&] {
      fs::remove_all(output);
      model::write_model(model::open_model(input), output, options);
    });
  };
  report("write the same bytes, durably", measure(2, [&] {
           fs::remove_all(output);
           const std::vector<std::byte> bytes(static_cast<std::size_t>(weights));
           write_file_durably(output, std::span(bytes), Overwrite::refuse);
         }));
  report("convert to PyTorch", rewrite(folder, {.target = ConvertTarget::official_weights}));
  report("convert to safetensors, f16",
         rewrite(folder.string() + ".ckpt", {.type = WeightType::f16}));
}

}  // namespace
}  // namespace ddim::engine

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  const fs::path folder =
      argc > 1 ? fs::path(argv[1]) : fs::temp_directory_path() / "ddim-load-bench";
  fs::create_directories(folder);
  ddim::engine::measure_network("CIFAR-10 network", ddim::engine::cifar10_config(),
                                folder / "cifar10");
  ddim::engine::measure_network("256x256 network", ddim::engine::lsun256_config(), folder / "lsun");
  fs::remove_all(folder / "cifar10");
  for (const char* name : {"cifar10.ckpt", "cifar10-out", "lsun", "lsun.ckpt", "lsun-out"})
    fs::remove_all(folder / name);
}
