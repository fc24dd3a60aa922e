#pragma once

#include <ddim/activation.h>
#include <ddim/plan.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/philox.h"
#include "tensor/pass.h"
#include "tensor/tensor.h"

namespace ddim::engine {

/// Whether a gradient is the first to arrive in its slot or is added to what is there.
enum class Write { overwrite, accumulate };

/// Where an op leaves a gradient. An undefined tensor means that nobody wants it: the op skips the
/// work.
struct Grad {
  Tensor tensor;
  Write write = Write::overwrite;
  explicit operator bool() const { return tensor.defined(); }
};

/// Images that lie in one tensor [N,H,W,C], or in two, side by side in their channels: those of
/// `first` [N,H,W,C_first], then those of `second` [N,H,W,C-C_first].
struct ChannelParts {
  Tensor first;
  Tensor second;  ///< undefined: there is one part

  ChannelParts(Tensor whole) : first(std::move(whole)) {}
  ChannelParts(Tensor first_part, Tensor second_part)
      : first(std::move(first_part)), second(std::move(second_part)) {}

  std::int64_t channels() const { return first.dim(3) + (second.defined() ? second.dim(3) : 0); }
  Shape shape() const { return first.shape().with(3, channels()); }  ///< [N,H,W,C]
};

/// Where the gradient of ChannelParts goes. A part that nobody wants is undefined and skipped. The
/// two are never one tensor.
struct ChannelGrads {
  Grad first;
  Grad second = {};

  ChannelGrads(Grad whole) : first(std::move(whole)) {}
  ChannelGrads(Grad first_part, Grad second_part)
      : first(std::move(first_part)), second(std::move(second_part)) {}

  explicit operator bool() const { return first || second; }
  /// How many of the C channels are the first part's, one of the two being wanted.
  std::int64_t split(std::int64_t C) const {
    return first ? first.tensor.dim(3) : C - second.tensor.dim(3);
  }
};

/// A window along one axis, with fewer zeros than its size at both ends.
struct WindowAxis {
  std::int64_t kernel = 3;
  std::int64_t pad_begin = 1;
  std::int64_t pad_end = 1;
};

/// A window, mostly square and the same on both axes.
struct ConvGeometry {
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t pad_begin = 1;  ///< zeros above and to the left, fewer than the kernel
  std::int64_t pad_end = 1;    ///< zeros below and to the right, fewer than the kernel
  std::int64_t upsample = 1;   ///< 2: x with every row and column repeated is what it slides over
  /// The window from left to right, where it is not square: what stands above is that from top to
  /// bottom then.
  std::optional<WindowAxis> across = {};

  bool is_square() const { return !across; }
  WindowAxis down_axis() const { return {kernel, pad_begin, pad_end}; }
  WindowAxis across_axis() const { return across.value_or(down_axis()); }
  std::int64_t output_rows(std::int64_t input_rows) const {
    return output_size(input_rows, down_axis());
  }
  std::int64_t output_columns(std::int64_t input_columns) const {
    return output_size(input_columns, across_axis());
  }
  /// Whether an output sees one pixel, its own: a linear layer of each.
  bool is_pointwise() const {
    return is_square() && kernel == 1 && stride == 1 && pad_begin == 0 && pad_end == 0 &&
           upsample == 1;
  }

 private:
  std::int64_t output_size(std::int64_t input_size, const WindowAxis& axis) const {
    return (input_size * upsample + axis.pad_begin + axis.pad_end - axis.kernel) / stride + 1;
  }
};

/// What a window takes of the pixels that it sees.
enum class Pooling {
  max,
  mean,  ///< of the pixels inside the image: zeros of the border do not count
};

/// A square window of pooling, with `padding` pixels (fewer than it has) around the image.
struct PoolGeometry {
  Pooling pooling = Pooling::max;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t padding = 0;

  std::int64_t output_size(std::int64_t input_size) const {
    return (input_size + 2 * padding - kernel) / stride + 1;
  }
};

inline constexpr ConvGeometry kConv3x3{.kernel = 3, .stride = 1, .pad_begin = 1, .pad_end = 1};

/// What a convolution adds to its sums before it writes them: a Tensor each for a kernel, a Var for
/// an op. Undefined ones are left out.
template <class Value>
struct ConvAddends {
  Value bias = {};            ///< [C_out]
  Value per_image_bias = {};  ///< [N,C_out]: the projected time embedding
  Value residual = {};        ///< [N,H_out,W_out,C_out]
};

/// A convolution, or one of its gradients, by all that may decide how it is computed: the shape of
/// one image, never the batch or the load, because the way decides the bits.
struct ConvProblem {
  Pass pass = Pass::forward;
  ConvGeometry geometry;
  std::int64_t height = 0;  ///< of x, as is the width
  std::int64_t width = 0;
  std::int64_t c_in = 0;
  std::int64_t c_out = 0;
  bool is_in_parts = false;  ///< x is, or the gradient of x as it is wanted
  bool adds_per_image_bias = false;
  bool adds_residual = false;
};

/// How a backend computes a convolution.
struct ConvChoice {
  std::string_view algorithm;  ///< "winograd_f4x4"
  std::string_view reason;     ///< what it is for, in words
  auto operator<=>(const ConvChoice&) const = default;
};

/// A factor of a matrix product, as it is or transposed.
struct Factor {
  Tensor matrix;
  bool transposed = false;

  std::int64_t rows() const { return matrix.dim(transposed ? 1 : 0); }
  std::int64_t columns() const { return matrix.dim(transposed ? 0 : 1); }
  Factor transpose() const { return {matrix, !transposed}; }
};

struct GroupNormOptions {
  std::int64_t num_groups = 32;
  double epsilon = 1e-6;
  Activation activation = Activation::none;  ///< applied to the normalised value
};

/// Which elements of a layer a dropout mask keeps: element i of image first_image+n is kept when
/// uniform element i of that image's stream (Philox, purpose dropout) is >= probability.
struct DropoutKey {
  NoiseKey noise;  ///< purpose dropout, lane = layer
  std::uint32_t first_image = 0;
  double probability = 0.0;
};

/// Adam (Kingma and Ba, algorithm 1), as PyTorch computes it, and the exponential moving average
/// after it:
///   g = grad_scale * grad;  m = beta1 m + (1-beta1) g;  v = beta2 v + (1-beta2) g^2
///   p *= 1 - lr weight_decay                       (AdamW, Loshchilov and Hutter; 0: Adam)
///   p -= lr / (1-beta1^step) * m / (sqrt(v) / sqrt(1-beta2^step) + epsilon)
///   ema = ema_decay * ema + (1-ema_decay) * p
struct AdamUpdate {
  double learning_rate = 2e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  std::int64_t step = 1;  ///< counts from 1
  double grad_scale = 1.0;
  double ema_decay = 0.9999;
};

/// The seam to a backend: the numerical work of the whole program. Three rules hold for every
/// function.
///
/// Arguments: tensors are dense, on this backend's device, of one dtype (f32; `ref` also f64), and
/// have the shapes written beside them. `cuda` also takes activations and their gradients in bf16,
/// an op's x in another dtype than its y among them; parameters, statistics, biases and modulations
/// of an image, and what a sampler, a loss or Adam has, are f32 then. ops/ checks shapes and says
/// what is wrong; a backend may assert only.
///
/// Results: outputs come last and are overwritten. Inputs and outputs do not overlap unless a line
/// says so. A Grad is written as it says, and skipped when it is undefined.
///
/// Determinism: what image n of [N,...] gets in a forward function is bit for bit the same for
/// every N and every number of threads. Gradients of parameters (sums over images) depend on N and
/// on the order of images, never on the number of threads.
///
/// Letters: N images, H W pixels, C channels, L tokens (H*W), M rows, K inputs. See
/// docs/notation.md.
class Kernels {
 public:
  virtual ~Kernels() = default;

  // ---- moving data ----
  /// Host floats into a tensor (converted to its dtype), and back.
  virtual void upload(std::span<const float> values, Tensor& y) = 0;
  virtual void download(const Tensor& x, std::span<float> values) = 0;
  virtual void copy(const Tensor& x, Tensor& y) = 0;
  virtual void fill(double value, Tensor& y) = 0;

  // ---- convolution and matrix products ----
  /// y[n,i,j,o] = addends + sum_{u,v,c} x[n, i*stride+u-pad, j*stride+v-pad, c] * weight[o,c,u,v],
  /// the places in x divided by `upsample`.
  /// x [N,H,W,C_in], weight [C_out,C_in,kernel,kernel] (the window's two sizes), y
  /// [N,H_out,W_out,C_out]. The residual may be y itself. x is in two parts only where the window
  /// is pointwise and without a per_image_bias.
  virtual void conv2d(const ChannelParts& x, const Tensor& weight,
                      const ConvAddends<Tensor>& addends, const ConvGeometry& geometry,
                      Tensor& y) = 0;
  /// dx of conv2d: dy [N,H_out,W_out,C_out], dx [N,H,W,C_in].
  virtual void conv2d_backward_input(const Tensor& dy, const Tensor& weight,
                                     const ConvGeometry& geometry, const ChannelGrads& dx) = 0;
  /// dweight and dbias of conv2d, summed over images and pixels. Both grads may be undefined
  /// separately.
  virtual void conv2d_backward_weight(const ChannelParts& x, const Tensor& dy,
                                      const ConvGeometry& geometry, Grad dweight, Grad dbias) = 0;

  /// How the function of the problem's pass computes it.
  virtual ConvChoice conv_choice(const ConvProblem& problem) const = 0;

  /// y = x weight^T + bias: x [M,K], weight [C_out,K], bias [C_out] or undefined, y [M,C_out]. A
  /// row of y depends on its row of x alone, bit for bit.
  virtual void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) = 0;
  /// dx = dy weight; dweight = dy^T x; dbias = column sums of dy.
  virtual void linear_backward(const Tensor& x, const Tensor& weight, const Tensor& dy, Grad dx,
                               Grad dweight, Grad dbias) = 0;

  /// y = op(a) op(b), where op is nothing or the transpose: op(a) [M,K], op(b) [K,N], y [M,N]. For
  /// parameters, which are few and small: products are made in the tensors' own precision always.
  virtual void matmul(const Factor& a, const Factor& b, Grad y) = 0;

  /// Softmax attention per image and head, softmax over keys of q.k * scale, with C = num_heads *
  /// C_head, head h being channels h*C_head ..: q, k, v, y [N,L,C]; log_sum_exp [N,num_heads,L] is
  /// kept for the gradient.
  virtual void attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t num_heads,
                         double scale, Tensor& log_sum_exp, Tensor& y) = 0;
  virtual void attention_backward(const Tensor& q, const Tensor& k, const Tensor& v,
                                  const Tensor& y, const Tensor& log_sum_exp,
                                  std::int64_t num_heads, double scale, const Tensor& dy, Grad dq,
                                  Grad dk, Grad dv) = 0;

  // ---- normalisation and activation ----
  /// Group norm over (H, W, C/groups), biased variance, then gamma, beta [C], then the activation.
  /// x, y [N,H,W,C]; mean, rstd [N,groups] are kept for the gradient. A group may have channels of
  /// both parts of x.
  virtual void group_norm(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                          const GroupNormOptions& options, Tensor& mean, Tensor& rstd,
                          Tensor& y) = 0;
  virtual void group_norm_backward(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                                   const Tensor& mean, const Tensor& rstd,
                                   const GroupNormOptions& options, const Tensor& dy,
                                   const ChannelGrads& dx, Grad dgamma, Grad dbeta) = 0;
  /// y = activation(x). Any shape.
  virtual void activate(Activation activation, const Tensor& x, Tensor& y) = 0;
  virtual void activate_backward(Activation activation, const Tensor& x, const Tensor& dy,
                                 Grad dx) = 0;
  /// y[n,i,j,c] = activation(x[n,i,j,c] (1 + modulation[n,c]) + modulation[n,C+c]):
  /// x, y [N,H,W,C], modulation [N,2C].
  virtual void scale_shift(const Tensor& x, const Tensor& modulation, Activation activation,
                           Tensor& y) = 0;
  virtual void scale_shift_backward(const Tensor& x, const Tensor& modulation,
                                    Activation activation, const Tensor& dy, Grad dx,
                                    Grad dmodulation) = 0;
  /// y = x * mask / (1 - probability). x [N,...]. Its own gradient: call it with dy and dx.
  virtual void dropout(const Tensor& x, const DropoutKey& key, Grad y) = 0;

  // ---- moving activations ----
  /// y = a + b, any one shape.
  virtual void add(const Tensor& a, const Tensor& b, Tensor& y) = 0;
  /// y = x or y += x, as the slot says: the gradient of everything that copies.
  virtual void accumulate(const Tensor& x, Grad y) = 0;
  /// y[n,...] = factors[n] x[n,...]. x [N,...]. Its own gradient: call it with dy and dx.
  virtual void scale_per_image(const Tensor& x, std::span<const double> factors, Grad y) = 0;
  /// y[n,i,j,c] = x[n,i/2,j/2,c]: x [N,H,W,C], y [N,2H,2W,C].
  virtual void upsample_nearest_2x(const Tensor& x, Tensor& y) = 0;
  virtual void upsample_nearest_2x_backward(const Tensor& dy, Grad dx) = 0;
  /// y[n,i,j,c] = (x[n,2i,2j,c] + x[n,2i,2j+1,c] + x[n,2i+1,2j,c] + x[n,2i+1,2j+1,c]) / 4:
  /// x [N,2H,2W,C], y [N,H,W,C].
  virtual void downsample_mean_2x(const Tensor& x, Tensor& y) = 0;
  virtual void downsample_mean_2x_backward(const Tensor& dy, Grad dx) = 0;
  /// y[n,c] = table[rows[n],c]: table [K,C], rows [N], each below K, y [N,C].
  virtual void gather_rows(const Tensor& table, std::span<const std::int64_t> rows, Tensor& y) = 0;
  /// dtable[k,c] = sum of dy[n,c] over the n with rows[n] = k, in the order of n; 0 where there is
  /// none.
  virtual void gather_rows_backward(const Tensor& dy, std::span<const std::int64_t> rows,
                                    Grad dtable) = 0;
  /// y[n,i,j,c] = the maximum or mean of x[n, i*stride+u-padding, j*stride+v-padding, c] over the
  /// places of the window that x has: x [N,H,W,C], y [N,H_out,W_out,C]. Has no gradient: networks
  /// that are not trained here use it.
  virtual void pool(const Tensor& x, const PoolGeometry& geometry, Tensor& y) = 0;
  /// The channels of `parts` [N,H,W,C_k], one after the other, in y [N,H,W,sum of C_k].
  virtual void join_channels(std::span<const Tensor> parts, Tensor& y) = 0;
  /// y[n,c] = sum_{i,j} x[n,i,j,c]: the gradient of a per-image bias.
  virtual void sum_pixels(const Tensor& x, Grad y) = 0;

  // ---- noise, loss, sampler, optimizer ----
  /// z[n,...] = fill_normal(key, first_image + n), in memory order. z [N,...].
  virtual void normal_noise(const NoiseKey& key, std::uint32_t first_image, Tensor& z) = 0;
  /// y[n,...] = a[n] x[n,...] + b[n] z[n,...]: the forward process, eq. 4. y may be x.
  virtual void mix_per_image(std::span<const double> a, const Tensor& x, std::span<const double> b,
                             const Tensor& z, Tensor& y) = 0;
  /// sums[n] = sum over image n of (prediction - target)^2, accumulated in double in a fixed order.
  virtual void squared_error(const Tensor& prediction, const Tensor& target,
                             std::span<double> sums) = 0;
  /// dprediction = scale * 2 (prediction - target).
  virtual void squared_error_backward(const Tensor& prediction, const Tensor& target, double scale,
                                      Grad dprediction) = 0;
  /// See SamplerUpdate. z may be undefined when prev_from_noise is 0; x0_pred may be undefined. y
  /// may be x_t.
  virtual void sampler_update(const SamplerUpdate& update, const Tensor& x_t, const Tensor& output,
                              const Tensor& z, Tensor& y, Tensor& x0_pred) = 0;
  /// y = sum_k factors[k] terms[k], any one shape, 1 to 16 terms. y may be one of the terms.
  virtual void linear_combination(std::span<const double> factors, std::span<const Tensor> terms,
                                  Tensor& y) = 0;
  /// z = z * the standard deviation that LearnedVariance says of v, any one shape; in place.
  virtual void scale_by_learned_deviation(const LearnedVariance& variance, const Tensor& v,
                                          Tensor& z) = 0;
  /// quantiles[n] = the `ratio` quantile (0..1) of |x| over image n, between two neighbours in the
  /// sorted list by linear interpolation. x [N,...]; NaN when image n holds one.
  virtual void absolute_quantile(const Tensor& x, double ratio, std::span<double> quantiles) = 0;
  /// See AdamUpdate. All of one shape; ema may be undefined. Marks parameter and ema as modified.
  virtual void adam(const AdamUpdate& update, const Tensor& grad, Tensor& parameter, Tensor& m,
                    Tensor& v, Tensor& ema) = 0;
  /// Sum of squares in double, in an order that depends on the size only.
  virtual double sum_of_squares(const Tensor& x) = 0;
  /// sums[i] = sum_of_squares(x[i]); a device that is waited for is so once.
  virtual void sums_of_squares(std::span<const Tensor> x, std::span<double> sums) {
    for (std::size_t i = 0; i < x.size(); ++i) sums[i] = sum_of_squares(x[i]);
  }
  virtual bool all_finite(const Tensor& x) = 0;
  /// The same for those who can wait for the answer. A device that works while the host goes on
  /// says true, and where that was wrong Error(numeric), "NaN or infinity in `what`", comes from
  /// the next function that gives numbers to the host.
  virtual bool is_finite_so_far(const Tensor& x, std::string_view what) {
    static_cast<void>(what);
    return all_finite(x);
  }
};

}  // namespace ddim::engine
