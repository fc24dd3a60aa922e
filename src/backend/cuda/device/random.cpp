// Philox4x32-10 as base/philox.cpp computes it: the same integers, and Box-Muller in double by the
// same steps. Where the last bits of these could decide a float, the host is asked.
#include "backend/cuda/device/elements.h"
#include "backend/cuda/device/kernel_table.h"

namespace ddim::engine::cuda {
namespace {

struct Words {
  unsigned w[4];
};

__device__ Words random_block(const RandomStream& random, unsigned image, unsigned block) {
  unsigned c0 = block, c1 = random.step, c2 = random.first_image + image, c3 = random.stream;
  unsigned key0 = random.key0, key1 = random.key1;
  GPU_UNROLL for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xD2511F53U, c0), low0 = 0xD2511F53U * c0;
    const unsigned high1 = __umulhi(0xCD9E8D57U, c2), low1 = 0xCD9E8D57U * c2;
    c0 = high1 ^ c1 ^ key0;
    c1 = low1;
    c2 = high0 ^ c3 ^ key1;
    c3 = low0;
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return {{c0, c1, c2, c3}};
}

__global__ void dropout(DropoutArguments p) {
  const Index i = first_of_four(), image = static_cast<Index>(blockIdx.y) * p.image_size;
  if (i >= p.image_size) return;
  const Words words = random_block(p.random, blockIdx.y, static_cast<unsigned>(i / 4));
  Four x = load_four(p.x, image + i, image + p.image_size);
  GPU_UNROLL for (int e = 0; e < 4; ++e) x.v[e] =
      words.w[e] >> 8 >= p.first_kept ? x.v[e] * p.scale : 0.0F;
  put_four(p.y, image + i, image + p.image_size, x);
}

/// The float nearest to `value`, and whether another value as close to the truth has another one.
/// The functions of both sides are off by a few units in the last place, 2^-52; allowed are 32.
__device__ float round_and_doubt(double value, bool& is_in_doubt) {
  constexpr double kError = 0x1p-47;
  is_in_doubt =
      static_cast<float>(value * (1.0 - kError)) != static_cast<float>(value * (1.0 + kError));
  return static_cast<float>(value);
}

__global__ void normal_noise(NormalNoiseArguments p) {
  const Index i = first_of_four(), image = static_cast<Index>(blockIdx.y) * p.image_size;
  if (i >= p.image_size) return;
  const Words words = random_block(p.random, blockIdx.y, static_cast<unsigned>(i / 4));
  Four z;
  GPU_UNROLL for (int pair = 0; pair < 2; ++pair) {
    const double u = (words.w[2 * pair] + 0.5) * 0x1p-32;
    const double angle = 2.0 * 3.14159265358979323846 * (words.w[2 * pair + 1] * 0x1p-32);
    const double radius = sqrt(-2.0 * double_log(u));
    const double values[2] = {radius * double_cos(angle), radius * double_sin(angle)};
    GPU_UNROLL for (int e = 0; e < 2; ++e) {
      bool is_in_doubt;
      z.v[2 * pair + e] = round_and_doubt(values[e], is_in_doubt);
      if (is_in_doubt && i + 2 * pair + e < p.image_size) {
        const unsigned place = atomicAdd(&p.doubts->count, 1U);
        if (place < Doubts::kMost) p.doubts->places[place] = image + i + 2 * pair + e;
      }
    }
  }
  store_four(p.z + image, i, p.image_size, z);
}

}  // namespace

void add_random_kernels(KernelTable& table) {
  table.put(entry_of(dropout));
  table.put(entry_of(normal_noise));
}

}  // namespace ddim::engine::cuda
