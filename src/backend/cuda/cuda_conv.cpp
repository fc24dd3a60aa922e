#include <algorithm>

#include "backend/cuda/cuda_kernels.h"
#include "tensor/derived_parameters.h"

namespace ddim::engine::cuda {
namespace {

constexpr std::int64_t kChannelsOfAStep = 32;  // of the bf16 kernels
constexpr std::uint32_t kStages = 3;

std::int64_t padded(std::int64_t channels) {
  return divide_up(channels, kChannelsOfAStep) * kChannelsOfAStep;
}

struct ImageSize {
  std::int64_t rows, columns;
};

Window window_of(const ConvGeometry& geometry, Pass pass, const ImageSize& product,
                 const ImageSize& source) {
  const WindowAxis down = geometry.down_axis(), across = geometry.across_axis();
  const std::int64_t copies =
      pass == Pass::backward_input ? geometry.upsample * geometry.upsample : 1;
  return {.rows = narrow(product.rows),
          .columns = narrow(product.columns),
          .source_rows = narrow(source.rows),
          .source_columns = narrow(source.columns),
          .kernel_y = narrow(down.kernel),
          .kernel_x = narrow(across.kernel),
          .pad_y = narrow(down.pad_begin),
          .pad_x = narrow(across.pad_begin),
          .stride = narrow(geometry.stride),
          .upsample = narrow(geometry.upsample),
          .backward = pass == Pass::backward_input ? 1 : 0,
          .num_taps = narrow(down.kernel * across.kernel * copies)};
}

PackWeight pack_of(const Tensor& weight, Pass pass) {
  const bool backward = pass == Pass::backward_input;
  return {.weight = data_of(weight),
          .c_out = narrow(weight.dim(0)),
          .c_in = narrow(weight.dim(1)),
          .taps = narrow(weight.dim(2) * weight.dim(3)),
          .backward = backward ? 1 : 0,
          .cs = narrow(padded(weight.dim(backward ? 0 : 1)))};
}

/// The images where they lie, if that is [pixels][c] as the kernels for one bf16 want it; otherwise
/// null.
const Bf16* as_they_lie(const Parts& x) {
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(x.first.bf16) % 16 == 0;
  return x.c_second == 0 && x.c_first % kChannelsOfAStep == 0 && is_aligned ? x.first.bf16
                                                                            : nullptr;
}

}  // namespace

/// The weight in the layout of a kernel, made once.
template <class Element>
std::shared_ptr<const DeviceBytes> CudaKernels::packed(const Tensor& weight, Pass pass) {
  constexpr bool is_bf16 = !std::is_same_v<Element, float>;
  const PackWeight pack = pack_of(weight, pass);
  const std::int64_t columns = pack.backward != 0 ? pack.c_in : pack.c_out;
  const std::int64_t terms = pack.backward != 0 ? pack.c_out : pack.c_in;
  const std::int64_t size = pack.taps * columns * (is_bf16 ? pack.cs : terms);
  const DerivedKey key{.purpose = "cuda",
                       .pass = pass,
                       .element = is_bf16 ? DerivedKey::Element::bf16 : DerivedKey::Element::f32};
  return weight.device().derived_parameters().get<DeviceBytes>(
      weight, key,
      [&] {
        const auto parts = static_cast<std::size_t>(num_parts());
        return std::make_shared<DeviceBytes>(
            runtime_, static_cast<std::size_t>(size) * (is_bf16 ? 2 * parts : sizeof(float)));
      },
      [&](const DeviceBytes& bytes) {
        if constexpr (is_bf16) {
          launch_elements(size, PackWeightBf16Arguments{pack, bytes.as<Bf16>(), num_parts()});
        } else {
          launch_elements(size, PackWeightF32Arguments{pack, bytes.as<float>()});
        }
      });
}

/// A convolution or the gradient of its input: the same sums through other windows.
struct CudaKernels::ConvWork {
  Pass pass;
  Window window;
  Parts x;                     ///< the source
  std::int64_t source_pixels;  ///< of all images
  const Tensor& weight;
  PartSlots y;
  const float *bias, *per_image_bias;
  Values residual;
  std::int64_t M;  ///< the product's pixels, of all images
};

void CudaKernels::round_channels(const Parts& x, Bf16* y, std::int64_t pixels) {
  const std::int64_t c = padded(x.c_first + x.c_second);
  launch_elements(pixels * c / 8, RoundChannelsArguments{x, y, pixels, narrow(c), num_parts()});
}

void CudaKernels::convolve(const ConvWork& work) {
  const std::int64_t c_out = work.y.c_first + work.y.c_second;
  if (work.M == 0 || c_out == 0) return;
  if (precision_ == Precision::fp32) {
    const auto weight = packed<float>(work.weight, work.pass);
    launch({.grid = {grid_size(divide_up(work.M, 64)), grid_size(divide_up(c_out, 64)), 1}},
           ConvF32Arguments{work.window, work.x, weight->as<float>(), work.y, work.bias,
                            work.per_image_bias, work.residual, work.M});
    return;
  }
  const auto weight = packed<Bf16>(work.weight, work.pass);
  const std::int64_t c = padded(work.x.c_first + work.x.c_second);
  const Bf16* x = as_they_lie(work.x);
  if (x == nullptr) {
    auto* rounded = reinterpret_cast<Bf16*>(scratch({work.source_pixels * num_parts() * c / 2})[0]);
    round_channels(work.x, rounded, work.source_pixels);
    x = rounded;
  }
  const ConvBf16Arguments arguments{work.window, x,         weight->as<Bf16>(),  narrow(c),
                                    work.y,      work.bias, work.per_image_bias, work.residual,
                                    work.M};
  // Small tiles where large ones would be mostly empty, or too few for the multiprocessors. They
  // give the same bits.
  const std::int64_t large_tiles = divide_up(work.M, 128) * divide_up(c_out, 128);
  const bool is_large = c_out >= 128 && large_tiles >= runtime_->num_multiprocessors();
  const std::int64_t side = is_large ? 128 : 64;
  const LaunchShape shape{
      .grid = {grid_size(divide_up(work.M, side)), grid_size(divide_up(c_out, side)), 1},
      .threads = is_large ? 256U : 128U,
      .shared_bytes = kStages * 2 * grid_size(side) * 64};
  if (precision_ == Precision::bf16)
    is_large ? launch(shape, arguments) : launch(shape, ConvBf16SmallArguments{arguments});
  else
    is_large ? launch(shape, ConvBf16x3Arguments{arguments})
             : launch(shape, ConvBf16x3SmallArguments{arguments});
}

void CudaKernels::conv2d(const ChannelParts& x, const Tensor& weight,
                         const ConvAddends<Tensor>& addends, const ConvGeometry& geometry,
                         Tensor& y) {
  const Shape in = x.shape();
  convolve({.pass = Pass::forward,
            .window = window_of(geometry, Pass::forward, {y.dim(1), y.dim(2)}, {in[1], in[2]}),
            .x = parts_of(x),
            .source_pixels = in[0] * in[1] * in[2],
            .weight = weight,
            .y = {overwrite(y), {}, narrow(y.dim(3)), 0},
            .bias = data_of(addends.bias),
            .per_image_bias = data_of(addends.per_image_bias),
            .residual = values_of(addends.residual),
            .M = y.dim(0) * y.dim(1) * y.dim(2)});
}

void CudaKernels::conv2d_backward_input(const Tensor& dy, const Tensor& weight,
                                        const ConvGeometry& geometry, const ChannelGrads& dx) {
  if (!dx) return;
  const Tensor& part = dx.first ? dx.first.tensor : dx.second.tensor;
  convolve({.pass = Pass::backward_input,
            .window = window_of(geometry, Pass::backward_input, {part.dim(1), part.dim(2)},
                                {dy.dim(1), dy.dim(2)}),
            .x = parts_of(dy),
            .source_pixels = dy.dim(0) * dy.dim(1) * dy.dim(2),
            .weight = weight,
            .y = part_slots_of(dx, weight.dim(1)),
            .bias = nullptr,
            .per_image_bias = nullptr,
            .residual = {},
            .M = part.dim(0) * part.dim(1) * part.dim(2)});
}

void CudaKernels::conv2d_backward_weight(const ChannelParts& x, const Tensor& dy,
                                         const ConvGeometry& geometry, Grad dweight, Grad dbias) {
  const Shape in = x.shape();
  const std::int64_t M = dy.dim(0) * dy.dim(1) * dy.dim(2), c_out = dy.dim(3), c_in = in[3];
  if (dbias) sum_columns(values_of(dy), 1, M, c_out, slot_of(dbias));
  if (!dweight) return;
  const Window window = window_of(geometry, Pass::forward, {dy.dim(1), dy.dim(2)}, {in[1], in[2]});
  const RowSplit split = split_rows(M, 512, 32);
  const std::int64_t size = c_out * c_in * window.num_taps;
  const LaunchShape shape{.grid = {grid_size(divide_up(c_out, 64) * divide_up(c_in, 64)),
                                   grid_size(window.num_taps), grid_size(split.splits)}};
  if (precision_ == Precision::fp32) {
    float* partial = scratch({split.splits * size})[0];
    launch(shape, WeightGradientF32Arguments{window, parts_of(x), values_of(dy), partial, M,
                                             split.rows_per_split, narrow(c_out)});
    sum_partials(partial, 1, split.splits, size, slot_of(dweight));
    return;
  }
  const std::int64_t pixels = in[0] * in[1] * in[2], cs = padded(c_in), os = padded(c_out);
  const Parts x_parts = parts_of(x), dy_parts = parts_of(dy);
  const Bf16 *x_factors = as_they_lie(x_parts), *dy_factors = as_they_lie(dy_parts);
  const std::vector<float*> pieces =
      scratch({split.splits * size, x_factors != nullptr ? 0 : pixels * num_parts() * cs / 2,
               dy_factors != nullptr ? 0 : M * num_parts() * os / 2});
  const auto rounded = [&](const Parts& images, float* piece, std::int64_t num_pixels) {
    auto* factors = reinterpret_cast<Bf16*>(piece);
    round_channels(images, factors, num_pixels);
    return factors;
  };
  if (x_factors == nullptr) x_factors = rounded(x_parts, pieces[1], pixels);
  if (dy_factors == nullptr) dy_factors = rounded(dy_parts, pieces[2], M);
  LaunchShape bf16_shape = shape;
  bf16_shape.threads = 128;
  bf16_shape.shared_bytes = kStages * 2 * 32 * 128;
  const WeightGradientBf16Arguments arguments{
      window,       x_factors,     dy_factors, pieces[0], M, split.rows_per_split,
      narrow(c_in), narrow(c_out), narrow(cs), narrow(os)};
  if (precision_ == Precision::bf16)
    launch(bf16_shape, arguments);
  else
    launch(bf16_shape, WeightGradientBf16x3Arguments{arguments});
  sum_partials(pieces[0], 1, split.splits, size, slot_of(dweight));
}

ConvChoice CudaKernels::conv_choice(const ConvProblem& problem) const {
  const bool of_weight = problem.pass == Pass::backward_weight;
  if (precision_ == Precision::bf16x3)
    return {of_weight ? "weight_gradient_mma_x3" : "implicit_product_mma_x3",
            "factors of three bf16 each on tensor cores, sums in fp32"};
  if (precision_ == Precision::bf16)
    return {of_weight ? "weight_gradient_mma" : "implicit_product_mma",
            "bf16 factors on tensor cores, sums in fp32"};
  return {of_weight ? "weight_gradient_tiles_64x64" : "implicit_product_tiles_64x64",
          "fp32: tensor cores would round the factors"};
}

}  // namespace ddim::engine::cuda
