#pragma once

#include "base/shape.h"
#include "base/thread_team.h"
#include "tensor/kernels.h"

namespace ddim::engine::cpu {

class Engine;

/// large[n,i,j,c] = or += factor * small[n,i/2,j/2,c]: small [N,H,W,C], large [N,2H,2W,C].
void spread_2x(ThreadTeam& team, const Shape& small_shape, const float* small, float factor,
               Write mode, float* large);

/// small[n,i,j,c] = or += factor * (sum of large over the square of 2x2 pixels).
void gather_2x(ThreadTeam& team, const Shape& small_shape, const float* large, float factor,
               Write mode, float* small);

/// [N,upsample*H,upsample*W,C]
Shape upsampled(const Shape& x, std::int64_t upsample);

/// The images that a convolution's window slides over, for algorithms that need them in memory: x,
/// or a copy in Engine::rearranged() with its pixels repeated.
const float* upsampled_images(Engine& engine, const Tensor& x, const ConvGeometry& geometry);

}  // namespace ddim::engine::cpu
