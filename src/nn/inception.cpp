#include "nn/inception.h"

#include "base/error.h"
#include "ops/activate.h"
#include "ops/conv2d.h"

namespace ddim::engine {
namespace {

constexpr double kInceptionNormEpsilon = 1e-3;

/// A convolution of the network: its name, its channels and its window.
struct Layer {
  std::string name;
  std::int64_t c_in, c_out;
  std::int64_t kernel_down = 1, kernel_across = 1;

  std::vector<std::int64_t> weight_shape() const {
    return {c_out, c_in, kernel_down, kernel_across};
  }
};

/// The convolutions of a block "A" to "E" below `block`, as torchvision names them.
void add_block_a(const std::string& block, std::int64_t c_in, std::int64_t of_pool,
                 std::vector<Layer>& all) {
  all.insert(all.end(), {{block + "branch1x1", c_in, 64},
                         {block + "branch5x5_1", c_in, 48},
                         {block + "branch5x5_2", 48, 64, 5, 5},
                         {block + "branch3x3dbl_1", c_in, 64},
                         {block + "branch3x3dbl_2", 64, 96, 3, 3},
                         {block + "branch3x3dbl_3", 96, 96, 3, 3},
                         {block + "branch_pool", c_in, of_pool}});
}
void add_block_c(const std::string& block, std::int64_t c7, std::vector<Layer>& all) {
  all.insert(all.end(), {{block + "branch1x1", 768, 192},
                         {block + "branch7x7_1", 768, c7},
                         {block + "branch7x7_2", c7, c7, 1, 7},
                         {block + "branch7x7_3", c7, 192, 7, 1},
                         {block + "branch7x7dbl_1", 768, c7},
                         {block + "branch7x7dbl_2", c7, c7, 7, 1},
                         {block + "branch7x7dbl_3", c7, c7, 1, 7},
                         {block + "branch7x7dbl_4", c7, c7, 7, 1},
                         {block + "branch7x7dbl_5", c7, 192, 1, 7},
                         {block + "branch_pool", 768, 192}});
}
void add_block_e(const std::string& block, std::int64_t c_in, std::vector<Layer>& all) {
  all.insert(all.end(), {{block + "branch1x1", c_in, 320},
                         {block + "branch3x3_1", c_in, 384},
                         {block + "branch3x3_2a", 384, 384, 1, 3},
                         {block + "branch3x3_2b", 384, 384, 3, 1},
                         {block + "branch3x3dbl_1", c_in, 448},
                         {block + "branch3x3dbl_2", 448, 384, 3, 3},
                         {block + "branch3x3dbl_3a", 384, 384, 1, 3},
                         {block + "branch3x3dbl_3b", 384, 384, 3, 1},
                         {block + "branch_pool", c_in, 192}});
}

std::vector<Layer> all_layers() {
  std::vector<Layer> all{{"Conv2d_1a_3x3", 3, 32, 3, 3},
                         {"Conv2d_2a_3x3", 32, 32, 3, 3},
                         {"Conv2d_2b_3x3", 32, 64, 3, 3},
                         {"Conv2d_3b_1x1", 64, 80},
                         {"Conv2d_4a_3x3", 80, 192, 3, 3}};
  add_block_a("Mixed_5b.", 192, 32, all);
  add_block_a("Mixed_5c.", 256, 64, all);
  add_block_a("Mixed_5d.", 288, 64, all);
  all.insert(all.end(), {{"Mixed_6a.branch3x3", 288, 384, 3, 3},
                         {"Mixed_6a.branch3x3dbl_1", 288, 64},
                         {"Mixed_6a.branch3x3dbl_2", 64, 96, 3, 3},
                         {"Mixed_6a.branch3x3dbl_3", 96, 96, 3, 3}});
  add_block_c("Mixed_6b.", 128, all);
  add_block_c("Mixed_6c.", 160, all);
  add_block_c("Mixed_6d.", 160, all);
  add_block_c("Mixed_6e.", 192, all);
  all.insert(all.end(), {{"Mixed_7a.branch3x3_1", 768, 192},
                         {"Mixed_7a.branch3x3_2", 192, 320, 3, 3},
                         {"Mixed_7a.branch7x7x3_1", 768, 192},
                         {"Mixed_7a.branch7x7x3_2", 192, 192, 1, 7},
                         {"Mixed_7a.branch7x7x3_3", 192, 192, 7, 1},
                         {"Mixed_7a.branch7x7x3_4", 192, 192, 3, 3}});
  add_block_e("Mixed_7b.", 1280, all);
  add_block_e("Mixed_7c.", 2048, all);
  return all;
}

enum class Border { none, same };  ///< zeros around x, so that the output has its size

}  // namespace

/// One run of the network.
class Inception::Run {
 public:
  Run(const Inception& network, const Device& device) : network_(network), device_(device) {}

  /// relu(conv + bias)
  Tensor conv(const Tensor& x, const std::string& name, Border border = Border::same,
              std::int64_t stride = 1) {
    const FoldedConv& by = network_.convolutions_.at(name);
    const auto axis = [&](int dimension) -> WindowAxis {
      const std::int64_t kernel = by.weight.dim(dimension);
      const std::int64_t padding = border == Border::same ? kernel / 2 : 0;
      return {.kernel = kernel, .pad_begin = padding, .pad_end = padding};
    };
    const WindowAxis down = axis(2), across = axis(3);
    ConvGeometry geometry{.kernel = down.kernel,
                          .stride = stride,
                          .pad_begin = down.pad_begin,
                          .pad_end = down.pad_end};
    if (across.kernel != down.kernel) geometry.across = across;
    const Var sums = conv2d(tape_, tape_.constant(x), tape_.constant(by.weight),
                            {.bias = tape_.constant(by.bias)}, geometry);
    return activate(tape_, sums, Activation::relu).value();
  }
  /// One convolution after the other, each with zeros around.
  Tensor chain(const Tensor& x, const std::string& block, const std::vector<const char*>& names) {
    Tensor h = x;
    for (const char* name : names) h = conv(h, block + name);
    return h;
  }
  Tensor pool(const Tensor& x, const PoolGeometry& geometry) const {
    Tensor y(device_,
             {x.dim(0), geometry.output_size(x.dim(1)), geometry.output_size(x.dim(2)), x.dim(3)});
    device_.kernels().pool(x, geometry, y);
    return y;
  }
  Tensor shrink(const Tensor& x) const { return pool(x, {.pooling = Pooling::max, .stride = 2}); }
  Tensor join(const std::vector<Tensor>& parts) const {
    std::int64_t channels = 0;
    for (const Tensor& part : parts) channels += part.dim(3);
    Tensor y(device_, parts.front().shape().with(3, channels));
    device_.kernels().join_channels(parts, y);
    return y;
  }

  Tensor block_a(const Tensor& x, const std::string& block) {
    return join({conv(x, block + "branch1x1"), chain(x, block, {"branch5x5_1", "branch5x5_2"}),
                 chain(x, block, {"branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"}),
                 conv(pool(x, kMean), block + "branch_pool")});
  }
  Tensor block_b(const Tensor& x, const std::string& block) {
    const Tensor inner = chain(x, block, {"branch3x3dbl_1", "branch3x3dbl_2"});
    return join({conv(x, block + "branch3x3", Border::none, 2),
                 conv(inner, block + "branch3x3dbl_3", Border::none, 2), shrink(x)});
  }
  Tensor block_c(const Tensor& x, const std::string& block) {
    return join({conv(x, block + "branch1x1"),
                 chain(x, block, {"branch7x7_1", "branch7x7_2", "branch7x7_3"}),
                 chain(x, block,
                       {"branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4",
                        "branch7x7dbl_5"}),
                 conv(pool(x, kMean), block + "branch_pool")});
  }
  Tensor block_d(const Tensor& x, const std::string& block) {
    const Tensor inner = chain(x, block, {"branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3"});
    return join({conv(conv(x, block + "branch3x3_1"), block + "branch3x3_2", Border::none, 2),
                 conv(inner, block + "branch7x7x3_4", Border::none, 2), shrink(x)});
  }
  Tensor block_e(const Tensor& x, const std::string& block, Pooling pooling) {
    const Tensor of_3x3 = conv(x, block + "branch3x3_1");
    const Tensor of_double = chain(x, block, {"branch3x3dbl_1", "branch3x3dbl_2"});
    PoolGeometry geometry = kMean;
    geometry.pooling = pooling;
    return join({conv(x, block + "branch1x1"), conv(of_3x3, block + "branch3x3_2a"),
                 conv(of_3x3, block + "branch3x3_2b"), conv(of_double, block + "branch3x3dbl_3a"),
                 conv(of_double, block + "branch3x3dbl_3b"),
                 conv(pool(x, geometry), block + "branch_pool")});
  }

 private:
  static constexpr PoolGeometry kMean{
      .pooling = Pooling::mean, .kernel = 3, .stride = 1, .padding = 1};

  const Inception& network_;
  const Device& device_;
  Tape tape_;
};

std::map<std::string, std::vector<std::int64_t>> Inception::layout() {
  std::map<std::string, std::vector<std::int64_t>> shapes{{"fc.weight", {kClasses, kFeatures}},
                                                          {"fc.bias", {kClasses}}};
  for (const Layer& layer : all_layers()) {
    shapes[layer.name + ".conv.weight"] = layer.weight_shape();
    for (const char* part : {".bn.weight", ".bn.bias", ".bn.running_mean", ".bn.running_var"})
      shapes[layer.name + part] = {layer.c_out};
  }
  return shapes;
}

Inception::Inception(const Device& device, const NamedTensors& tensors,
                     const std::string& file_name) {
  const ClassifierFile file{tensors, file_name, "inception"};
  for (const Layer& layer : all_layers())
    convolutions_[layer.name] = fold(device, file, layer.name + ".conv", layer.name + ".bn",
                                     layer.weight_shape(), kInceptionNormEpsilon);
  classifier_ = file.get("fc.weight", {kClasses, kFeatures});
  file.get("fc.bias", {kClasses});  // which nothing uses
}

Inception::Output Inception::operator()(const Device& device,
                                        std::span<const float> pictures) const {
  const auto N = static_cast<std::int64_t>(pictures.size()) / (kSize * kSize * 3);
  Tensor x(device, {N, kSize, kSize, 3});
  device.kernels().upload(pictures, x);
  Run run(*this, device);
  x = run.conv(x, "Conv2d_1a_3x3", Border::none, 2);           // [N,149,149,32]
  x = run.conv(x, "Conv2d_2a_3x3", Border::none);              // [N,147,147,32]
  x = run.shrink(run.conv(x, "Conv2d_2b_3x3"));                // [N,73,73,64]
  x = run.conv(x, "Conv2d_3b_1x1");                            // [N,73,73,80]
  x = run.shrink(run.conv(x, "Conv2d_4a_3x3", Border::none));  // [N,35,35,192]
  for (const char* block : {"Mixed_5b.", "Mixed_5c.", "Mixed_5d."}) x = run.block_a(x, block);
  x = run.block_b(x, "Mixed_6a.");  // [N,17,17,768]
  for (const char* block : {"Mixed_6b.", "Mixed_6c.", "Mixed_6d.", "Mixed_6e."})
    x = run.block_c(x, block);
  x = run.block_d(x, "Mixed_7a.");                 // [N,8,8,1280]
  x = run.block_e(x, "Mixed_7b.", Pooling::mean);  // [N,8,8,2048]
  x = run.block_e(x, "Mixed_7c.", Pooling::max);
  Tensor sums(device, {N, kFeatures});
  device.kernels().sum_pixels(x, {sums});

  Output output{.features = to_host(sums), .probabilities = {}};
  const auto num_pixels = static_cast<float>(x.dim(1) * x.dim(2));
  for (float& value : output.features) value /= num_pixels;
  output.probabilities =
      class_probabilities(output.features, classifier_, std::vector<float>(kClasses));
  return output;
}

}  // namespace ddim::engine
