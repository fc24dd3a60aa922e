#include "backend/cpu/winograd.h"

#include <algorithm>
#include <type_traits>

#include "backend/cpu/engine.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/winograd_simd.h"
#include "base/thread_team.h"

namespace ddim::cpu {
namespace {

using winograd::Direction;
using winograd::kLanes;
using winograd::kPanel;
using winograd::Problem;
using winograd::Tile;
using winograd::Tiles;

/// Images below this are left to direct convolution: transformed weights are four times as large,
/// and with so few tiles reading them costs more than the products save.
constexpr std::int64_t kMinPixels = 64;

/// The same for bf16, whose weights are half as large.
constexpr std::int64_t kMinPixelsBf16 = 16;

/// Between narrower layers the forward convolution takes the smaller tile; see winograd_applies().
constexpr std::int64_t kMinLargeTileChannels = 128;

Tile forward_tile(std::int64_t c_in, std::int64_t c_out) {
  return std::min(c_in, c_out) >= kMinLargeTileChannels ? Tile::f4x4 : Tile::f2x2;
}

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
constexpr std::int64_t kGradientTiles = 256;

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

const float* optional_data(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<float>() : nullptr;
}

Problem problem_of(const Tensor& x, std::int64_t c_out, Tile tile) {
  return {.num_images = x.dim(0),
          .height = x.dim(1),
          .width = x.dim(2),
          .c_in = x.dim(3),
          .c_out = c_out,
          .tile = tile};
}

/// [panel][point][C_in][kPanel] of the type that products are made of. Turned weights have an axis
/// more: the two packings of one weight with as many inputs as outputs must not be taken for each
/// other.
template <class Element>
dnnl::memory::desc packed_format(const Problem& problem, Direction direction) {
  using dnnl::memory;
  constexpr auto kType =
      std::is_same_v<Element, Bf16> ? memory::data_type::bf16 : memory::data_type::f32;
  const memory::dims dims{problem.num_panels(), problem.num_points(), problem.c_in, kPanel};
  if (direction == Direction::forward) {
    return {dims, kType, memory::format_tag::abcd};
  }
  return {{1, dims[0], dims[1], dims[2], dims[3]}, kType, memory::format_tag::abcde};
}

/// Element: what products are made of, float or Bf16.
template <class Element>
void convolve_with(Engine& engine, const Problem& problem, Direction direction, const float* x,
                   const Tensor& weight, const winograd::Addends& addends, float* y) {
  ThreadTeam& team = engine.team();
  const auto packed_weight = engine.packed_parameters().get(
      weight, packed_format<Element>(problem, direction), engine.onednn(),
      [&](dnnl::memory& memory) {
        auto* const to = static_cast<Element*>(memory.get_data_handle());
        parallel_for(team, problem.num_panels(), [&](std::int64_t panel) {
          winograd::pack_weights(problem, direction, weight.data<float>(), panel, to);
        });
      });
  const auto* const packed = static_cast<const Element*>(packed_weight->get_data_handle());

  const std::int64_t num_tiles = problem.num_tiles();
  const std::int64_t block = tiles_per_block<Element>(problem);
  const std::int64_t num_blocks = (num_tiles + block - 1) / block;
  const bool by_blocks = num_blocks >= team.size();
  const std::int64_t tiles_at_once = by_blocks ? std::min(block, num_tiles) : num_tiles;

  Pieces pieces;
  const std::int64_t zeros = pieces.add(problem.c_in);
  const std::int64_t v_size = problem.num_points() * tiles_at_once * problem.c_in;
  const std::int64_t m_size = problem.num_points() * tiles_at_once * kPanel;
  const std::int64_t v = pieces.add(by_blocks ? team.size() * v_size : v_size);
  const std::int64_t m = pieces.add(team.size() * m_size);
  float* const workspace = pieces.get(engine.workspace());
  std::fill_n(workspace + zeros, problem.c_in, 0.0F);

  if (by_blocks) {  // each thread takes whole blocks of tiles
    team.for_each(num_blocks, [&](int thread, std::int64_t item) {
      auto* const thread_v = reinterpret_cast<Element*>(workspace + v + thread * v_size);
      const Tiles tiles{.first = item * block, .count = std::min(block, num_tiles - item * block)};
      winograd::transform_input(problem, x, tiles, workspace + zeros, thread_v);
      for (std::int64_t panel = 0; panel < problem.num_panels(); ++panel) {
        winograd::multiply_and_write(problem, thread_v, tiles, packed, panel, addends,
                                     workspace + m + thread * m_size, y);
      }
    });
  } else {  // few tiles: the threads share their transforms, each takes some output channels
    const Tiles tiles{.first = 0, .count = num_tiles};
    auto* const shared_v = reinterpret_cast<Element*>(workspace + v);
    winograd::transform_input(problem, x, tiles, workspace + zeros, shared_v);
    team.for_each(problem.num_panels(), [&](int thread, std::int64_t panel) {
      winograd::multiply_and_write(problem, shared_v, tiles, packed, panel, addends,
                                   workspace + m + thread * m_size, y);
    });
  }
}

void convolve(Engine& engine, const Problem& problem, Direction direction, const float* x,
              const Tensor& weight, const winograd::Addends& addends, float* y) {
  if (engine.precision() == Precision::bf16) {
    Problem small_tiles = problem;
    small_tiles.tile = Tile::f2x2;
    convolve_with<Bf16>(engine, small_tiles, direction, x, weight, addends, y);
  } else {
    convolve_with<float>(engine, problem, direction, x, weight, addends, y);
  }
}

}  // namespace

bool winograd_applies(Precision precision, const ConvGeometry& geometry, std::int64_t height,
                      std::int64_t width, std::int64_t c_in, std::int64_t c_out) {
  return geometry.kernel == 3 && geometry.stride == 1 && geometry.pad_begin == 1 &&
         geometry.pad_end == 1 && c_in % kPanel == 0 && c_out % kPanel == 0 &&
         height * width >= (precision == Precision::bf16 ? kMinPixelsBf16 : kMinPixels);
}

void winograd_conv2d(Engine& engine, const Tensor& x, const Tensor& weight,
                     const ConvAddends& addends, Tensor& y) {
  convolve(engine, problem_of(x, y.dim(3), forward_tile(x.dim(3), y.dim(3))), Direction::forward,
           x.data<float>(), weight,
           {.bias = optional_data(addends.bias),
            .per_image_bias = optional_data(addends.per_image_bias),
            .residual = optional_data(addends.residual)},
           y.data<float>());
}

void winograd_backward_input(Engine& engine, const Tensor& dy, const Tensor& weight, Grad dx) {
  float* const to = dx.tensor.data<float>();
  convolve(engine, problem_of(dy, dx.tensor.dim(3), Tile::f4x4), Direction::backward_input,
           dy.data<float>(), weight, {.residual = dx.write == Write::accumulate ? to : nullptr},
           to);
}

void winograd_backward_weight(Engine& engine, const Tensor& x, const Tensor& dy, Grad dweight) {
  ThreadTeam& team = engine.team();
  const Problem problem = problem_of(x, dy.dim(3), Tile::f4x4);
  const std::int64_t most_tiles = std::min(problem.num_tiles(), kGradientTiles);
  const std::int64_t u_size = problem.num_points() * kLanes * kPanel;
  Pieces pieces;
  const std::int64_t zeros = pieces.add(problem.c_in);
  const std::int64_t v = pieces.add(problem.num_points() * most_tiles * problem.c_in);
  const std::int64_t m = pieces.add(problem.num_points() * most_tiles * problem.c_out);
  const std::int64_t u = pieces.add(team.size() * u_size);
  float* const workspace = pieces.get(engine.workspace());
  std::fill_n(workspace + zeros, problem.c_in, 0.0F);

  for (std::int64_t first = 0; first < problem.num_tiles(); first += kGradientTiles) {
    const Tiles tiles{.first = first,
                      .count = std::min(kGradientTiles, problem.num_tiles() - first)};
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

}  // namespace ddim::cpu
