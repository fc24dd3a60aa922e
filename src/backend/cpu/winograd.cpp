#include "backend/cpu/winograd.h"

#include <algorithm>
#include <type_traits>

#include "backend/cpu/engine.h"
#include "backend/cpu/packed_weight.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/winograd_simd.h"
#include "base/thread_team.h"

namespace ddim::engine::cpu {
namespace {

using winograd::kLanes;
using winograd::kPanel;
using winograd::Problem;
using winograd::Tile;
using winograd::Tiles;

/// Images below this are left to direct convolution: transformed weights are larger than the
/// weights, and with so few tiles reading them costs more than the products save.
constexpr std::int64_t kMinPixels = 16;

/// Images below this are small: the smaller tile is taken, whose transformed weights are less than
/// half as large.
constexpr std::int64_t kMinPixelsOfLarge = 64;

/// Layers below this, on either side, are narrow.
constexpr std::int64_t kMinChannelsOfBroad = 128;

/// Layers that read this many channels are wide.
constexpr std::int64_t kMinChannelsOfWide = 256;

/// Panels that are multiplied at a time: in bf16, two fill the registers best.
template <class Element>
constexpr std::int64_t kMostPanelsAtOnce = std::is_same_v<Element, Bf16> ? 2 : 1;

/// Tiles that are transformed at once, so that they and their products stay in the second-level
/// cache: whole slices of the kernel's twelve rows.
template <class Element>
std::int64_t tiles_per_block(const Problem& problem) {
  constexpr std::int64_t kSlice = 12;
  constexpr std::int64_t kCacheBytes = 36 * 256 * kSlice * std::int64_t{sizeof(float)};
  const std::int64_t slice_bytes =
      problem.num_points() * problem.c_in * kSlice * std::int64_t{sizeof(Element)};
  const std::int64_t slices = kCacheBytes / slice_bytes;
  return kSlice * std::clamp<std::int64_t>(slices, 1, problem.tile == Tile::f4x4 ? 2 : 8);
}

/// Tiles whose transforms the weight gradient keeps at once: enough to pay for writing the sums of
/// a block of channels, few enough to stay in the last-level cache.
std::int64_t gradient_tiles(const Problem& problem) { return 256 * 36 / problem.num_points(); }

/// Pieces of one workspace, each aligned; offsets are in floats.
class Pieces {
 public:
  std::int64_t add(std::int64_t num_floats) {
    const std::int64_t offset = total_;
    total_ += (num_floats + 15) / 16 * 16;
    return offset;
  }
  float* get(Workspace& workspace) const {
    return reinterpret_cast<float*>(
        workspace.get(static_cast<std::size_t>(total_) * sizeof(float)));
  }

 private:
  std::int64_t total_ = 0;
};

/// Of the convolution that makes y of x, or one gradient of the other.
Problem problem_of(const Tensor& x, const Tensor& y, Tile tile) {
  return {.num_images = y.dim(0),
          .height = y.dim(1),
          .width = y.dim(2),
          .c_in = x.dim(3),
          .c_out = y.dim(3),
          .tile = tile};
}

/// The convolution that is run, and the weights [C_out,C_in,3,3] of the forward one.
struct Convolution {
  Problem problem;
  Pass pass = Pass::forward;
  const float* x = nullptr;
  const Tensor& weight;
  Precision products = Precision::fp32;
  winograd::Addends addends;
  float* y = nullptr;

  std::int64_t panel_taps() const { return problem.c_in * winograd::kTaps * kPanel; }
  /// Elements of a panel's transformed weights.
  std::int64_t panel_size() const { return problem.num_points() * problem.u_stride(problem.c_in); }
};

/// Transforms a panel's weights; `scratch` has room for its taps.
template <class Element>
void transform_panel(const Convolution& conv, std::int64_t panel, float* scratch, Element* u) {
  const winograd::Channels all{.count = conv.problem.c_in};
  winograd::gather_taps(conv.problem, conv.pass, conv.weight.data<float>(), panel, all, scratch);
  winograd::transform_weights(conv.problem, scratch, all.count, u + panel * conv.panel_size());
}

/// What transformed weights may come to that are larger than the weights: enough for the networks
/// of 32x32 and 64x64 images, half of what the one of 256x256 has.
constexpr std::size_t kMaxTransformBytes = std::size_t{640} << 20;

/// [panel][point][C_in][kPanel], kept as long as the weights do not change. Null when they are not
/// to be kept: with MemoryUse::low, or because there are too many. Those of bf16 are smaller than
/// the weights, and those of gradients are few beside the activations of training.
template <class Element>
std::shared_ptr<const PackedWeight> kept_transforms(Engine& engine, const Convolution& conv) {
  constexpr bool kIsSmall = std::is_same_v<Element, Bf16>;
  if (!kIsSmall && engine.memory_use() == MemoryUse::low) return nullptr;
  const DerivedKey key{.purpose = "winograd",
                       .pass = conv.pass,
                       .element = element_of<Element>(),
                       .layout = static_cast<int>(conv.problem.tile)};
  const std::int64_t num_elements = conv.problem.num_panels() * conv.panel_size();
  const auto pack = [&](Element* to) {
    Pieces pieces;
    const std::int64_t taps = pieces.add(engine.team().size() * conv.panel_taps());
    float* const workspace = pieces.get(engine.workspace());
    engine.team().for_each(conv.problem.num_panels(), [&](int thread, std::int64_t panel) {
      transform_panel(conv, panel, workspace + taps + thread * conv.panel_taps(), to);
    });
  };
  if (kIsSmall || conv.pass == Pass::backward_input)
    return packed_weight<Element>(conv.weight, key, num_elements, pack);
  return packed_weight_if_room<Element>(conv.weight, key, num_elements, kMaxTransformBytes, pack);
}

/// v = the transforms of all tiles, which the threads share out.
template <class Element>
void transform_all_tiles(Engine& engine, const Convolution& conv, const float* zeros, Element* v) {
  constexpr std::int64_t kTilesAtOnce = 4;
  const Tiles tiles{.first = 0, .count = conv.problem.num_tiles()};
  parallel_blocks(engine.team(), tiles.count, kTilesAtOnce,
                  [&](std::int64_t first, std::int64_t count) {
                    winograd::transform_input(conv.problem, conv.x, tiles,
                                              {.first = first, .count = count}, zeros, v);
                  });
}

/// Few tiles, and no transformed weights kept: each thread transforms the weights of some input
/// channels of its panel when it needs them, into its second-level cache.
void convolve_few_tiles(Engine& engine, const Convolution& conv) {
  constexpr std::int64_t kChannels = 64;
  const Problem& problem = conv.problem;
  ThreadTeam& team = engine.team();
  const Tiles tiles{.first = 0, .count = problem.num_tiles()};

  Pieces pieces;
  const std::int64_t u_size = problem.num_points() * problem.u_stride(kChannels);
  const std::int64_t m_size = problem.num_points() * problem.m_stride(tiles.count);
  const std::int64_t taps_size = kChannels * winograd::kTaps * kPanel;
  const std::int64_t zeros = pieces.add(problem.c_in);
  const std::int64_t v = pieces.add(problem.num_points() * problem.v_stride(tiles.count));
  const std::int64_t u = pieces.add(team.size() * u_size);
  const std::int64_t m = pieces.add(team.size() * m_size);
  const std::int64_t taps = pieces.add(team.size() * taps_size);
  float* const workspace = pieces.get(engine.workspace());
  std::fill_n(workspace + zeros, problem.c_in, 0.0F);

  transform_all_tiles(engine, conv, workspace + zeros, workspace + v);
  team.for_each(problem.num_panels(), [&](int thread, std::int64_t panel) {
    float* const thread_u = workspace + u + thread * u_size;
    float* const thread_m = workspace + m + thread * m_size;
    float* const thread_taps = workspace + taps + thread * taps_size;
    for (std::int64_t c = 0; c < problem.c_in; c += kChannels) {
      const winograd::Channels channels{.first = c, .count = std::min(kChannels, problem.c_in - c)};
      winograd::gather_taps(problem, conv.pass, conv.weight.data<float>(), panel, channels,
                            thread_taps);
      winograd::transform_weights(problem, thread_taps, channels.count, thread_u);
      winograd::multiply(problem, workspace + v, tiles.count, thread_u, channels,
                         /*num_panels=*/1, thread_m);
    }
    winograd::write_outputs(problem, thread_m, tiles, panel, conv.addends, conv.y);
  });
}

/// How many tiles a thread takes at a time: as many as its cache holds, fewer where that shares
/// them out evenly.
template <class Element>
std::int64_t even_block(const Problem& problem, int num_threads) {
  constexpr std::int64_t kRounds = 4;  // of blocks for each thread, beyond which the rest is small
  constexpr std::int64_t kSmallSlice = 4;
  const std::int64_t block = tiles_per_block<Element>(problem);
  const std::int64_t num_tiles = problem.num_tiles();
  const std::int64_t num_blocks = (num_tiles + block - 1) / block;
  if (num_blocks < num_threads || num_blocks > kRounds * num_threads) return block;
  const std::int64_t even = (num_blocks + num_threads - 1) / num_threads * num_threads;
  const std::int64_t even_tiles = (num_tiles + even - 1) / even;
  return (even_tiles + kSmallSlice - 1) / kSmallSlice * kSmallSlice;
}

/// Element: what products are made of, float or Bf16. `kept`: transformed weights, or null.
template <class Element>
void convolve_many_tiles(Engine& engine, const Convolution& conv, const PackedWeight* kept) {
  const Problem& problem = conv.problem;
  ThreadTeam& team = engine.team();
  const bool keep = kept != nullptr;
  const std::int64_t num_tiles = problem.num_tiles();
  const std::int64_t block = even_block<Element>(problem, team.size());
  const std::int64_t num_blocks = (num_tiles + block - 1) / block;
  const bool by_blocks = num_blocks >= team.size();
  const std::int64_t tiles_at_once = by_blocks ? std::min(block, num_tiles) : num_tiles;
  constexpr std::int64_t kMost = kMostPanelsAtOnce<Element>;
  const bool few_panels = !by_blocks && problem.num_panels() < kMost * team.size();
  const std::int64_t panels_at_once = few_panels ? 1 : kMost;

  Pieces pieces;
  const std::int64_t zeros = pieces.add(problem.c_in);
  const std::int64_t v_size = problem.num_points() * problem.v_stride(tiles_at_once);
  const std::int64_t panel_m_size = problem.num_points() * problem.m_stride(tiles_at_once);
  const std::int64_t m_size = panels_at_once * panel_m_size;
  const std::int64_t v = pieces.add(by_blocks ? team.size() * v_size : v_size);
  const std::int64_t m = pieces.add(team.size() * m_size);
  const std::int64_t u = pieces.add(keep ? 0 : problem.num_panels() * conv.panel_size());
  const std::int64_t taps = pieces.add(keep ? 0 : team.size() * conv.panel_taps());
  float* const workspace = pieces.get(engine.workspace());
  std::fill_n(workspace + zeros, problem.c_in, 0.0F);

  auto* const made = reinterpret_cast<Element*>(workspace + u);
  if (!keep) {
    team.for_each(problem.num_panels(), [&](int thread, std::int64_t panel) {
      transform_panel(conv, panel, workspace + taps + thread * conv.panel_taps(), made);
    });
  }
  const auto* const weights = keep ? kept->elements<Element>() : made;
  /// The outputs of some tiles in a group of panels, from their transforms.
  const auto multiply_and_write = [&](int thread, const Tiles& tiles, const Element* tiles_v,
                                      std::int64_t group) {
    float* const thread_m = workspace + m + thread * m_size;
    const std::int64_t first = group * panels_at_once;
    const std::int64_t count = std::min(panels_at_once, problem.num_panels() - first);
    winograd::multiply(problem, tiles_v, tiles.count, weights + first * conv.panel_size(),
                       {.count = problem.c_in}, count, thread_m);
    for (std::int64_t i = 0; i < count; ++i) {
      const float* const panel_m =
          thread_m + i * problem.num_points() * problem.m_stride(tiles.count);
      winograd::write_outputs(problem, panel_m, tiles, first + i, conv.addends, conv.y);
    }
  };
  const std::int64_t num_groups = (problem.num_panels() + panels_at_once - 1) / panels_at_once;

  if (by_blocks) {  // each thread takes whole blocks of tiles
    team.for_each(num_blocks, [&](int thread, std::int64_t item) {
      auto* const thread_v = reinterpret_cast<Element*>(workspace + v + thread * v_size);
      const Tiles tiles{.first = item * block, .count = std::min(block, num_tiles - item * block)};
      winograd::transform_input(problem, conv.x, tiles, {.count = tiles.count}, workspace + zeros,
                                thread_v);
      for (std::int64_t group = 0; group < num_groups; ++group)
        multiply_and_write(thread, tiles, thread_v, group);
    });
  } else {  // the threads share the tiles' transforms, each takes some output channels
    auto* const shared_v = reinterpret_cast<Element*>(workspace + v);
    transform_all_tiles(engine, conv, workspace + zeros, shared_v);
    team.for_each(num_groups, [&](int thread, std::int64_t group) {
      multiply_and_write(thread, {.first = 0, .count = num_tiles}, shared_v, group);
    });
  }
}

/// Which way is taken decides the time, never the bits.
void convolve(Engine& engine, const Convolution& conv) {
  constexpr std::int64_t kFewTiles = 32;
  if (conv.products == Precision::bf16) {
    return convolve_many_tiles<Bf16>(engine, conv, kept_transforms<Bf16>(engine, conv).get());
  }
  const auto kept = kept_transforms<float>(engine, conv);
  if (kept != nullptr || conv.problem.num_tiles() > kFewTiles) {
    convolve_many_tiles<float>(engine, conv, kept.get());
  } else {
    convolve_few_tiles(engine, conv);
  }
}

template <Tile kTile>
void convolve(Engine& engine, Precision products, const ConvForwardArguments& conv) {
  convolve(engine, {.problem = problem_of(conv.x.first, conv.y, kTile),
                    .pass = Pass::forward,
                    .x = conv.x.first.data<float>(),
                    .weight = conv.weight,
                    .products = products,
                    .addends = {.bias = conv.addends.bias.data_or_null<float>(),
                                .per_image_bias = conv.addends.per_image_bias.data_or_null<float>(),
                                .residual = conv.addends.residual.data_or_null<float>()},
                    .y = conv.y.data<float>()});
}

template <Tile kTile>
void convolve(Engine& engine, Precision products, const ConvBackwardInputArguments& conv) {
  Grad dx = conv.dx.first;
  float* const to = dx.tensor.data<float>();
  convolve(engine, {.problem = problem_of(conv.dy, dx.tensor, kTile),
                    .pass = Pass::backward_input,
                    .x = conv.dy.data<float>(),
                    .weight = conv.weight,
                    .products = products,
                    .addends = {.residual = dx.write == Write::accumulate ? to : nullptr},
                    .y = to});
}

template <Tile kTile>
void weight_gradient(Engine& engine, const ConvBackwardWeightArguments& conv) {
  const Tensor& x = conv.x.first;
  const Tensor& dy = conv.dy;
  Grad dweight = conv.dweight;
  ThreadTeam& team = engine.team();
  const Problem problem = problem_of(x, dy, kTile);
  const std::int64_t tiles_at_once = std::min(problem.num_tiles(), gradient_tiles(problem));
  const std::int64_t u_size = problem.num_points() * problem.u_stride(kLanes);
  Pieces pieces;
  const std::int64_t zeros = pieces.add(problem.c_in);
  const std::int64_t v = pieces.add(problem.c_in / kLanes * problem.num_points() *
                                    problem.block_stride(tiles_at_once));
  const std::int64_t m =
      pieces.add(problem.num_panels() * problem.num_points() * problem.m_stride(tiles_at_once));
  const std::int64_t u = pieces.add(team.size() * u_size);
  float* const workspace = pieces.get(engine.workspace());
  std::fill_n(workspace + zeros, problem.c_in, 0.0F);

  for (std::int64_t first = 0; first < problem.num_tiles(); first += tiles_at_once) {
    const Tiles tiles{.first = first,
                      .count = std::min(tiles_at_once, problem.num_tiles() - first)};
    winograd::transform_input_by_channel(problem, x.data<float>(), tiles, workspace + zeros,
                                         workspace + v);
    winograd::transform_gradient(problem, dy.data<float>(), tiles, workspace + m);
    const Write write = first == 0 ? dweight.write : Write::accumulate;
    const std::int64_t num_blocks = problem.c_in / kLanes;
    team.for_each(num_blocks * problem.num_panels(), [&](int thread, std::int64_t item) {
      winograd::weight_gradient(problem, tiles.count, workspace + v, workspace + m,
                                item % num_blocks, item / num_blocks, write,
                                workspace + u + thread * u_size, dweight.tensor.data<float>());
    });
  }
}

bool is_small(const ConvProblem& problem) {
  return problem.height * problem.width < kMinPixelsOfLarge;
}

}  // namespace

bool winograd_applies(const ConvProblem& problem, const Engine& engine) {
  const ConvGeometry& geometry = problem.geometry;
  if (engine.conv_algorithm() == ConvAlgorithm::direct) return false;
  if (!geometry.is_square() || geometry.kernel != 3 || geometry.stride != 1) return false;
  if (geometry.pad_begin != 1 || geometry.pad_end != 1) return false;
  if (problem.c_in % kPanel != 0 || problem.c_out % kPanel != 0) return false;
  return geometry.upsample == 2 || problem.height * problem.width >= kMinPixels;
}

bool winograd_upsample_applies(const ConvProblem& problem, const Engine& engine) {
  return winograd_applies(problem, engine) && problem.geometry.upsample == 2;
}

bool winograd_of_small_applies(const ConvProblem& problem, const Engine& engine) {
  return winograd_applies(problem, engine) && is_small(problem);
}

bool winograd_of_large_applies(const ConvProblem& problem, const Engine& engine) {
  return winograd_applies(problem, engine) && !is_small(problem);
}

bool winograd_of_wide_applies(const ConvProblem& problem, const Engine& engine) {
  const std::int64_t read = problem.pass == Pass::forward ? problem.c_in : problem.c_out;
  return winograd_applies(problem, engine) && engine.precision() == Precision::bf16 &&
         read >= kMinChannelsOfWide;
}

bool winograd_of_narrow_applies(const ConvProblem& problem, const Engine& engine) {
  const bool wants_accuracy =
      problem.pass == Pass::forward || engine.precision() == Precision::bf16;
  return winograd_applies(problem, engine) && wants_accuracy &&
         std::min(problem.c_in, problem.c_out) < kMinChannelsOfBroad;
}

void winograd_upsample(Engine& engine, const ConvForwardArguments& arguments) {
  convolve<Tile::upsample>(engine, engine.precision(), arguments);
}
void winograd_f2x2(Engine& engine, const ConvForwardArguments& arguments) {
  convolve<Tile::f2x2>(engine, engine.precision(), arguments);
}
void winograd_f2x4(Engine& engine, const ConvForwardArguments& arguments) {
  convolve<Tile::f2x4>(engine, engine.precision(), arguments);
}
void winograd_f4x4(Engine& engine, const ConvForwardArguments& arguments) {
  convolve<Tile::f4x4>(engine, Precision::fp32, arguments);
}

void winograd_upsample(Engine& engine, const ConvBackwardInputArguments& arguments) {
  convolve<Tile::upsample_gradient>(engine, engine.precision(), arguments);
}
void winograd_f2x2(Engine& engine, const ConvBackwardInputArguments& arguments) {
  convolve<Tile::f2x2>(engine, engine.precision(), arguments);
}
void winograd_f2x4(Engine& engine, const ConvBackwardInputArguments& arguments) {
  convolve<Tile::f2x4>(engine, engine.precision(), arguments);
}
void winograd_f4x4(Engine& engine, const ConvBackwardInputArguments& arguments) {
  convolve<Tile::f4x4>(engine, Precision::fp32, arguments);
}

void winograd_upsample(Engine& engine, const ConvBackwardWeightArguments& arguments) {
  weight_gradient<Tile::upsample>(engine, arguments);
}
void winograd_f4x4(Engine& engine, const ConvBackwardWeightArguments& arguments) {
  weight_gradient<Tile::f4x4>(engine, arguments);
}

}  // namespace ddim::engine::cpu
