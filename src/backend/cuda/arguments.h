// The arguments of the kernels: what the host fills in and a kernel reads. All pointers are to the
// GPU's memory. Shapes and formulas stand at the functions of tensor/kernels.h.
#pragma once

#include <cstdint>

#include "backend/cuda/library.h"
#include "tensor/bf16.h"

namespace ddim::engine::cuda {

using Index = std::int64_t;

/// How many images a kernel gets one number each for.
inline constexpr int kMaxImages = 64;
inline constexpr int kMaxTerms = 16;
inline constexpr int kMaxParts = 8;

/// Activation, as kernels know it.
enum class Curve : std::int32_t { none, silu, mish, gelu, relu };

/// Numbers that are read, as floats or as bf16; the other pointer is null, or both are: there are
/// none.
struct Values {
  const float* f32;
  const Bf16* bf16;
};
/// Where numbers go, likewise; none: nobody wants them. What goes to bf16 is rounded last.
struct Slot {
  float* f32;
  Bf16* bf16;
  std::int32_t accumulates;
};

/// Images [pixels, C] in one tensor or in two, side by side in their channels.
struct Parts {
  Values first;
  Values second;  ///< none: there is one
  std::int32_t c_first, c_second;
};
struct PartSlots {
  Slot first, second;
  std::int32_t c_first, c_second;
};

// ---- element by element ----
struct FillArguments {
  static constexpr KernelId kId = KernelId::fill;
  Slot y;
  Index size;
  float value;
};
struct AccumulateArguments {
  static constexpr KernelId kId = KernelId::accumulate;
  Values x;
  Slot y;
  Index size;
};
struct AddArguments {
  static constexpr KernelId kId = KernelId::add;
  Values a, b;
  Slot y;
  Index size;
};
struct ActivateArguments {
  static constexpr KernelId kId = KernelId::activate;
  Values x;
  Slot y;
  Index size;
  Curve curve;
};
struct ActivateBackwardArguments {
  static constexpr KernelId kId = KernelId::activate_backward;
  Values x, dy;
  Slot dx;
  Index size;
  Curve curve;
};
/// Grid (elements of an image, images).
struct ScaleShiftArguments {
  static constexpr KernelId kId = KernelId::scale_shift;
  Values x;
  const float* modulation;
  Slot y;
  Index image_size;
  std::int32_t channels;
  Curve curve;
};
struct ScaleShiftBackwardArguments {
  static constexpr KernelId kId = KernelId::scale_shift_backward;
  Values x, dy;
  const float* modulation;
  Slot dx;
  Index image_size;
  std::int32_t channels;
  Curve curve;
};
/// Grid (blocks of 32 channels, images).
struct ScaleShiftSumsArguments {
  static constexpr KernelId kId = KernelId::scale_shift_sums;
  Values x, dy;
  const float* modulation;
  Slot dmodulation;
  Index pixels;
  std::int32_t channels;
  Curve curve;
};
/// y[n] = a[n] x[n] + b[n] z[n]; there may be no z. Grid (elements of an image, images).
struct MixArguments {
  static constexpr KernelId kId = KernelId::mix;
  Values x, z;
  Slot y;
  Index image_size;
  float a[kMaxImages], b[kMaxImages];
  const float* factors;  ///< a[0], b[0], a[1], .. of more images; null: those above
};
struct CombineArguments {
  static constexpr KernelId kId = KernelId::combine;
  const float* terms[kMaxTerms];
  float factors[kMaxTerms];
  std::int32_t num_terms;
  float* y;
  Index size;
};
struct SamplerUpdateArguments {
  static constexpr KernelId kId = KernelId::sampler_update;
  const float *x, *output, *z;  ///< z may be null
  float *y, *x0_pred;           ///< x0_pred may be null
  Index size;
  float x0_from_x, x0_from_output, clip, x0_scale, eps_from_x, eps_from_output, eps_from_x0,
      prev_from_x0, prev_from_eps, prev_from_noise;
};
struct LearnedDeviationArguments {
  static constexpr KernelId kId = KernelId::learned_deviation;
  const float* v;
  float* z;
  Index size;
  float log_smallest, log_largest;
};
/// y = factor (a - b)
struct DifferenceArguments {
  static constexpr KernelId kId = KernelId::difference;
  const float *a, *b;
  Slot y;
  Index size;
  float factor;
};
struct AdamArguments {
  static constexpr KernelId kId = KernelId::adam;
  const float* grad;
  float *parameter, *m, *v, *ema;  ///< ema may be null
  Index size;
  /// AdamUpdate's, with what follows from them computed on the host.
  float grad_scale, beta1, one_minus_beta1, beta2, one_minus_beta2, kept, step_size,
      root_correction2, epsilon, one_minus_ema_decay;
};

// ---- random numbers ----
struct RandomStream {
  std::uint32_t step, first_image, stream, key0, key1;
};
/// Grid (blocks of 4 elements of an image, images).
struct DropoutArguments {
  static constexpr KernelId kId = KernelId::dropout;
  Values x;
  Slot y;
  Index image_size;
  RandomStream random;
  std::uint32_t first_kept;  ///< of the 24 random bits
  float scale;
};
/// Elements of which a GPU cannot tell which of two neighbouring floats the CPU has: log, cos and
/// sin in double differ in their last bits.
struct Doubts {
  static constexpr std::uint32_t kMost = 1022;
  std::uint32_t count;  ///< above kMost: some are missing
  std::uint32_t unused;
  Index places[kMost];
};
struct NormalNoiseArguments {
  static constexpr KernelId kId = KernelId::normal_noise;
  float* z;
  Index image_size;
  RandomStream random;
  Doubts* doubts;
};

// ---- moving ----
/// y[n,i,j,c] = factor x[n,i/2,j/2,c]: y [N,2H,2W,C]. Grid (elements of y).
struct Repeat2xArguments {
  static constexpr KernelId kId = KernelId::repeat_2x;
  Values x;
  Slot y;
  Index size;                            ///< of y
  std::int32_t height, width, channels;  ///< of x
  float factor;
};
/// y[n,i,j,c] = factor (the sum of x's square of 2x2): y [N,H,W,C].
struct Sum2x2Arguments {
  static constexpr KernelId kId = KernelId::sum_2x2;
  Values x;
  Slot y;
  Index size;                            ///< of y
  std::int32_t height, width, channels;  ///< of y
  float factor;
};
struct PoolArguments {
  static constexpr KernelId kId = KernelId::pool;
  Values x;
  Slot y;
  Index size;                                           ///< of y
  std::int32_t height, width, channels, rows, columns;  ///< of x; rows and columns are y's
  std::int32_t kernel, stride, padding, takes_mean;
};
struct JoinArguments {
  static constexpr KernelId kId = KernelId::join;
  Values parts[kMaxParts];
  std::int32_t ends[kMaxParts];  ///< the channel of y that follows each part's last
  std::int32_t num_parts, channels;
  Slot y;
  Index size;
};
struct GatherArguments {
  static constexpr KernelId kId = KernelId::gather;
  const float* table;
  float* y;
  Index num_rows;
  std::int32_t channels;
  std::int32_t rows[kMaxImages];
  const std::int32_t* more_rows;  ///< all, where there are more; null: those above
};
struct GatherBackwardArguments {
  static constexpr KernelId kId = KernelId::gather_backward;
  const float* dy;
  Slot dtable;
  Index size;  ///< of the table
  std::int32_t num_rows, channels;
  std::int32_t rows[kMaxImages];
};

// ---- sums ----
/// partial[image][split][c] = the sum of x[image][row][c] over the split's rows. Grid (blocks of 32
/// channels, splits, images).
struct ColumnSumsArguments {
  static constexpr KernelId kId = KernelId::column_sums;
  Values x;
  float* partial;
  Index rows, rows_per_split;  ///< of an image
  std::int32_t channels;
};
/// y[o][i] = the sum over s of partial[o][s][i], in the order of s. Grid (elements of y).
struct SumPartialsArguments {
  static constexpr KernelId kId = KernelId::sum_partials;
  const float* partial;
  Slot y;
  Index outer, splits, inner;
};
/// partial[image][split] = the sum of (a - b)^2 over the split's elements; b may be null. Grid
/// (splits, images).
struct SquaresArguments {
  static constexpr KernelId kId = KernelId::squares;
  const float *a, *b;
  double* partial;
  Index image_size, split_size;
};
/// finite[split] = 1 where all elements are. Grid (splits).
struct FiniteArguments {
  static constexpr KernelId kId = KernelId::finite;
  Values x;
  std::int32_t* finite;
  Index size, split_size;
};
/// found[image] = the element of |x| with `rank` others before it in sorted order, and the next;
/// NaN where there is one. Grid (images).
struct QuantileArguments {
  static constexpr KernelId kId = KernelId::quantile;
  const float* x;
  float* found;
  Index image_size, rank;
};

// ---- norms ----
/// What a block has of an image: the groups of up to `columns` channels, or one group of more. Its
/// threads are one for each column, in each of several rows of pixels.
struct GroupBlock {
  std::int32_t columns;          ///< a power of two, up to kMostColumns
  std::int32_t groups_of_block;  ///< as many as have that many channels, or one
  std::int32_t pixels, groups;   ///< of an image
};
inline constexpr int kMostColumns = 32;
/// Grid (blocks of groups, images), up to 256 threads. Where `in_shared` is set, the block's
/// elements are in shared memory meanwhile.
struct GroupNormArguments {
  static constexpr KernelId kId = KernelId::group_norm;
  GroupBlock block;
  Parts x;
  const float *gamma, *beta;
  float *mean, *rstd;
  Slot y;
  std::int32_t in_shared;
  float epsilon;
  Curve curve;
};
struct GroupNormBackwardArguments {
  static constexpr KernelId kId = KernelId::group_norm_backward;
  GroupBlock block;
  Parts x;
  const float *gamma, *beta, *mean, *rstd;
  Values dy;
  PartSlots dx;
  Curve curve;
};
/// partial[0][split][c] and partial[1][split][c]: what the split's pixels of all images give to
/// dgamma and dbeta. Grid (blocks of 32 channels, splits).
struct GroupNormSumsArguments {
  static constexpr KernelId kId = KernelId::group_norm_sums;
  Parts x;
  const float *gamma, *beta, *mean, *rstd;
  Values dy;
  float* partial;
  Index rows, rows_per_split;  ///< pixels of all images
  std::int32_t pixels, groups, splits;
  Curve curve;
};

// ---- attention ----
/// scores [rows, length] become softmax(scores), log_sum_exp [rows] is kept. A warp for each row.
struct SoftmaxArguments {
  static constexpr KernelId kId = KernelId::softmax;
  float *scores, *log_sum_exp;
  Index rows;
  std::int32_t length;
};
/// scores become P = exp(score - log_sum_exp), and dp becomes dS = P (dp - sum of P dp).
struct SoftmaxBackwardArguments {
  static constexpr KernelId kId = KernelId::softmax_backward;
  float* scores;
  const float* log_sum_exp;
  float* dp;
  Index rows;
  std::int32_t length;
};

// ---- products ----
/// A matrix for each image and head: element (i, j) is data[i row + j column].
struct Matrices {
  Values data;
  Index row, column, image, head;
};
/// y = factor a b + bias: a [M,K], b [K,N], y [M,N] whose columns lie side by side. Grid (blocks of
/// 64 rows, of 64 columns, images and heads).
struct Product {
  Matrices a, b;
  Slot y;
  Index y_row, y_image, y_head;
  const float* bias;  ///< [N], or null
  std::int32_t M, N, K, heads;
  float factor;
};
struct ProductF32Arguments {
  static constexpr KernelId kId = KernelId::product_f32;
  Product product;
};
struct ProductBf16Arguments {
  static constexpr KernelId kId = KernelId::product_bf16;
  Product product;
};
struct ProductBf16x3Arguments {
  static constexpr KernelId kId = KernelId::product_bf16x3;
  Product product;
};

/// Which pixel of the source image a pixel of the product's image sees through a tap. Forward, the
/// source is x and the product is y; for the gradient of the input, they are dy and dx, and each
/// tap counts once for every copy of a pixel that upsampling made.
struct Window {
  std::int32_t rows, columns;                ///< of the product's image
  std::int32_t source_rows, source_columns;  ///< of the source's
  std::int32_t kernel_y, kernel_x, pad_y, pad_x, stride, upsample;
  std::int32_t backward;
  std::int32_t num_taps;  ///< with copies
};
struct ConvF32Arguments {
  static constexpr KernelId kId = KernelId::conv_f32;
  Window window;
  Parts x;
  const float* weight;  ///< [tap][c][o]
  PartSlots y;
  const float *bias, *per_image_bias;
  Values residual;
  Index M;  ///< pixels of all images
};
/// Numbers as sums of `parts` bf16, each the rest of those before it: 1 part for bf16, 3 for
/// bf16x3. Tiles of 128x128.
struct ConvBf16Arguments {
  static constexpr KernelId kId = KernelId::conv_bf16;
  Window window;
  /// [pixels][parts][c], c a multiple of 32, zeros beyond the channels that there are.
  const Bf16* x;
  const Bf16* weight;  ///< [tap][o][parts][c], likewise
  std::int32_t c;
  PartSlots y;
  const float *bias, *per_image_bias;
  Values residual;
  Index M;
};
/// The same in tiles of 64x64: the same bits.
struct ConvBf16SmallArguments {
  static constexpr KernelId kId = KernelId::conv_bf16_small;
  ConvBf16Arguments conv;
};
struct ConvBf16x3Arguments {
  static constexpr KernelId kId = KernelId::conv_bf16x3;
  ConvBf16Arguments conv;
};
struct ConvBf16x3SmallArguments {
  static constexpr KernelId kId = KernelId::conv_bf16x3_small;
  ConvBf16Arguments conv;
};
/// partial[split][o][c][tap] = the sum over the split's pixels of dy[pixel][o] x[seen pixel][c].
/// Grid (tiles of 64x64 of (o, c), taps, splits).
struct WeightGradientF32Arguments {
  static constexpr KernelId kId = KernelId::weight_gradient_f32;
  Window window;
  Parts x;
  Values dy;
  float* partial;
  Index M, rows_per_split;
  std::int32_t c_out;
};
struct WeightGradientBf16Arguments {
  static constexpr KernelId kId = KernelId::weight_gradient_bf16;
  Window window;
  const Bf16 *x, *dy;  ///< [pixels][parts][cs], [pixels][parts][os]
  float* partial;
  Index M, rows_per_split;
  std::int32_t c_in, c_out, cs, os;  ///< cs, os: with the zeros that follow
};
struct WeightGradientBf16x3Arguments {
  static constexpr KernelId kId = KernelId::weight_gradient_bf16x3;
  WeightGradientBf16Arguments gradient;
};
/// y[row][part][c] = a part of x[row][c], 0 for c from C on: y [rows, parts, cs]. Grid (elements of
/// a part / 8).
struct RoundChannelsArguments {
  static constexpr KernelId kId = KernelId::round_channels;
  Parts x;
  Bf16* y;
  Index rows;
  std::int32_t cs, parts;
};
/// From weight [C_out,C_in,taps]. Grid (elements of the result).
struct PackWeight {
  const float* weight;
  std::int32_t c_out, c_in, taps;
  std::int32_t backward;  ///< the product's channels are those of the input
  std::int32_t cs;        ///< channels to sum over, with zeros (bf16)
};
struct PackWeightF32Arguments {
  static constexpr KernelId kId = KernelId::pack_weight_f32;
  PackWeight pack;
  float* y;  ///< [tap][c][o], c what is summed over
};
struct PackWeightBf16Arguments {
  static constexpr KernelId kId = KernelId::pack_weight_bf16;
  PackWeight pack;
  Bf16* y;  ///< [tap][o][parts][cs]; grid (elements of a part)
  std::int32_t parts;
};

}  // namespace ddim::engine::cuda
