#include <vector>

#include "backend/make_device.h"
#include "base/error.h"
#include "run/network.h"
#include "tensor/kernels.h"

namespace ddim::engine::run {
namespace {

class CustomNetwork final : public Network {
 public:
  explicit CustomNetwork(Denoiser denoiser)
      : denoiser_(std::move(denoiser)), device_(make_device(DeviceKind::cpu)) {
    const PictureShape& shape = denoiser_.shape;
    require(denoiser_.predict != nullptr, "denoiser: no function to predict with");
    constexpr std::int64_t kMostChannels = 65536, kMostPixels = 16384;  // as of a U-Net
    require(shape.channels <= kMostChannels && shape.height <= kMostPixels &&
                shape.width <= kMostPixels,
            "denoiser: pictures of ", to_string(shape),
            " (width, height, channels) are too large; "
            "at most ",
            kMostPixels, "x", kMostPixels, " pixels of ", kMostChannels, " channels are possible");
    require(shape.channels >= 1 && shape.height >= 1 && shape.width >= 1, "denoiser: pictures of ",
            to_string(shape), " (width, height, channels) are empty");
  }

  PictureShape shape() const override { return denoiser_.shape; }
  const Device& device() const override { return device_; }
  void check_times(std::span<const double>) const override {}
  void check_classes(const ClassChoice& choice) const override {
    require(choice.classes.empty() && choice.vectors.empty() && choice.guidance == 1.0 &&
                !choice.null_class,
            "class: a custom denoiser is not told classes; let its function decide");
  }

  std::optional<std::int64_t> period(const ClassChoice&) const override { return std::nullopt; }

  Tensor predict(const Tensor& x, double t, std::uint32_t first_image,
                 const ClassChoice&) const override {
    Tensor prediction = empty_like(x);
    const std::vector<float> x_t = to_host(x);
    std::vector<float> output(x_t.size());
    denoiser_.predict({.x_t = x_t, .count = x.dim(0), .t = t, .first_image = first_image}, output);
    x.device().kernels().upload(output, prediction);
    return prediction;
  }
  Tensor rehearse(const Tensor& x, double, const ClassChoice&) const override {
    return empty_like(x);
  }

 private:
  Denoiser denoiser_;
  Device device_;
};

}  // namespace

std::unique_ptr<const Network> make_network(Denoiser denoiser) {
  return std::make_unique<CustomNetwork>(std::move(denoiser));
}

}  // namespace ddim::engine::run
