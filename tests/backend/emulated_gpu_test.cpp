// The emulation that CUDA kernels are tested in: what it computes, and that it finds mistakes which
// are planted here.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "backend/cuda/arguments.h"
#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/emulated_library.h"
#include "backend/cuda/emulated_memory.h"
#include "backend/cuda/gpu.h"
#include "base/error.h"
#include "tensor/kernels.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::cuda {
namespace {

using emulation::Order;

constexpr Order kOrders[] = {Order::forward, Order::backward, Order::shuffled};

/// Runs kernel(arguments) on one block for each entry of `grid`.
template <class Arguments>
void launch(void (*kernel)(const Arguments&), unsigned grid, unsigned block,
            const Arguments& arguments, Order order = Order::forward,
            std::size_t shared_bytes = 0) {
  struct Call {
    void (*kernel)(const Arguments&);
    const Arguments& arguments;
  } const call{kernel, arguments};
  emulation::run(
      {.grid = {grid}, .block = {block}, .shared_bytes = shared_bytes, .order = order},
      [](const void* argument) {
        const auto& c = *static_cast<const Call*>(argument);
        c.kernel(c.arguments);
      },
      &call);
}

/// What the kernel leaves in `y`, in each order.
template <class Arguments>
std::array<std::vector<float>, 3> in_all_orders(void (*kernel)(const Arguments&), unsigned block,
                                                Arguments arguments, std::vector<float>& y) {
  std::array<std::vector<float>, 3> results;
  for (std::size_t i = 0; i < 3; ++i) {
    std::ranges::fill(y, -1.0F);
    launch(kernel, 1, block, arguments, kOrders[i]);
    results[i] = y;
  }
  return results;
}

struct Vectors {
  const float* x;
  float* y;
  int n;
};

template <bool kHasBarrier>
void reverse(const Vectors& p) {
  GPU_SHARED(float[256], values);
  const unsigned t = threadIdx.x;
  values[t] = p.x[t];
  if constexpr (kHasBarrier) __syncthreads();
  p.y[t] = values[255 - t];
}

TEST(EmulatedGpu, AMissingBarrierIsFound) {
  std::vector<float> x(256), y(256);
  std::iota(x.begin(), x.end(), 1.0F);
  const Vectors vectors{x.data(), y.data(), 256};
  const auto right = in_all_orders(reverse<true>, 256, vectors, y);
  for (const auto& result : right) EXPECT_EQ(result, std::vector<float>(x.rbegin(), x.rend()));
  const auto wrong = in_all_orders(reverse<false>, 256, vectors, y);
  EXPECT_NE(wrong[0], wrong[1]);
  EXPECT_NE(wrong[0], wrong[2]);
}

template <bool kWaits>
void copy_by_groups(const Vectors& p) {
  GPU_SHARED(float[64 * 4], tile);
  const unsigned t = threadIdx.x;
  cp_async_16(tile + 4 * t, p.x + 4 * t, t % 2 == 0);
  cp_async_commit();
  if constexpr (kWaits) cp_async_wait<0>();
  __syncthreads();
  for (unsigned e = 0; e < 4; ++e) p.y[4 * t + e] = tile[4 * (t ^ 2U) + e];
}

TEST(EmulatedGpu, AMissingWaitIsFound) {
  std::vector<float> x(256), y(256), expected(256);
  std::iota(x.begin(), x.end(), 1.0F);
  for (std::size_t i = 0; i < 256; ++i)
    expected[i] = i / 4 % 2 == 0 ? x[4 * (i / 4 ^ 2) + i % 4] : 0.0F;
  const Vectors vectors{x.data(), y.data(), 256};
  for (const auto& result : in_all_orders(copy_by_groups<true>, 64, vectors, y))
    EXPECT_EQ(result, expected);
  for (const auto& result : in_all_orders(copy_by_groups<false>, 64, vectors, y))
    EXPECT_GT(result[0], 1e38F) << "the poison of shared memory that nobody wrote";
}

/// Floats of the device, through the functions that the program calls.
class DeviceFloats {
 public:
  explicit DeviceFloats(std::size_t count) {
    GpuDescription description;
    EXPECT_EQ(library.start(&description, &stream), nullptr);
    void* data = nullptr;
    EXPECT_EQ(library.allocate(count * sizeof(float), &data), nullptr);
    data_ = static_cast<float*>(data);
  }
  ~DeviceFloats() {
    library.deallocate(stream, data_);
    library.finish(stream);
  }
  DeviceFloats(const DeviceFloats&) = delete;
  DeviceFloats& operator=(const DeviceFloats&) = delete;

  float* data() const { return data_; }
  const char* write(std::span<const float> values, std::size_t first = 0) const {
    return library.copy_to_device(stream, values.data(), data_ + first, values.size_bytes());
  }
  std::vector<float> read(std::size_t count) const {
    std::vector<float> values(count);
    EXPECT_EQ(library.copy_to_host(stream, data_, values.data(), count * sizeof(float)), nullptr);
    return values;
  }
  const char* fill(float* data, Index size, float value) const {
    const FillArguments arguments{{data, nullptr, 0}, size, value};
    return library.launch(stream, KernelId::fill, {}, &arguments, sizeof arguments);
  }

  const Library& library = emulated_library(Order::forward);
  void* stream = nullptr;

 private:
  float* data_;
};

#if defined(__SANITIZE_ADDRESS__)
void add_one(const Vectors& p) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < p.n) p.y[i] = p.x[i] + 1.0F;
}

void write_beyond_shared_array(const Vectors& p) {
  GPU_SHARED(float[64], values);
  values[threadIdx.x + static_cast<unsigned>(p.n)] = 1.0F;
  p.y[threadIdx.x] = values[threadIdx.x];
}
#endif

TEST(EmulatedGpuDeathTest, AnOverrunIsFound) {
#if defined(__SANITIZE_ADDRESS__)
  const auto x = std::make_unique<float[]>(100), y = std::make_unique<float[]>(100);
  launch(add_one, 1, 128, {x.get(), y.get(), 100});
  EXPECT_EQ(y[99], 1.0F);
  EXPECT_DEATH(launch(add_one, 1, 128, {x.get(), y.get(), 101}), "heap-buffer-overflow");
  const DeviceFloats on_device(100);
  EXPECT_EQ(on_device.fill(on_device.data(), 100, 2.0F), nullptr);
  EXPECT_EQ(on_device.read(100)[99], 2.0F);
  EXPECT_DEATH(
      {
        on_device.fill(on_device.data(), 101, 2.0F);
        on_device.read(1);
      },
      "use-after-poison");
#else
  GTEST_SKIP() << "only a build with the address sanitizer (make asan) sees overruns";
#endif
}

TEST(EmulatedGpuDeathTest, AnOverrunOfASharedArrayIsFound) {
#if defined(__SANITIZE_ADDRESS__)
  std::vector<float> y(64);
  launch(write_beyond_shared_array, 1, 64, {nullptr, y.data(), 0});
  EXPECT_EQ(y[63], 1.0F);
  EXPECT_DEATH(launch(write_beyond_shared_array, 1, 64, {nullptr, y.data(), 1}),
               "heap-buffer-overflow|index 64 out of bounds");  // the second with make asan
#else
  GTEST_SKIP() << "only a build with the address sanitizer (make asan) sees overruns";
#endif
}

TEST(EmulatedGpuDeathTest, AHostThatTouchesTheDevicesMemoryIsFound) {
  const DeviceFloats x(3);
  const float values[] = {1.0F, 2.0F, 3.0F};
  ASSERT_EQ(x.write(values), nullptr);
  EXPECT_EQ(x.read(3)[2], 3.0F);
  volatile float* element = x.data() + 1;
  float read = 0.0F;
  EXPECT_DEATH(read = *element, "emulated GPU: the host reads or writes memory of the device");
  EXPECT_DEATH(*element = read, "emulated GPU: the host reads or writes memory of the device");
}

TEST(EmulatedGpu, CopiesStayWithinABlock) {
  const DeviceFloats x(4);
  std::vector<float> host(5);
  EXPECT_NE(x.write(host), nullptr) << "too long";
  EXPECT_NE(x.library.copy_to_host(x.stream, host.data(), host.data(), 16), nullptr);
}

TEST(EmulatedGpu, BytesMayChangeAsSoonAsTheirCopyIsAskedFor) {
  constexpr std::size_t kCount = 5000;  // more than the pinned memory holds
  const DeviceFloats x(kCount);
  std::vector<float> values(kCount), expected(kCount);
  for (std::size_t first = 0; first < kCount; first += 625) {
    const std::span piece = std::span(values).subspan(first, 625);
    std::iota(piece.begin(), piece.end(), static_cast<float>(first));
    ASSERT_EQ(x.write(piece, first), nullptr);
    std::ranges::fill(piece, -1.0F);
  }
  std::iota(expected.begin(), expected.end(), 0.0F);
  EXPECT_EQ(x.read(kCount), expected);
  std::iota(values.begin(), values.end(), 7.0F);
  ASSERT_EQ(x.write(values), nullptr);
  EXPECT_EQ(x.read(kCount), values);
}

// Kernels between two copies are one graph from the second time on, whatever their arguments.
TEST(EmulatedGpu, TheSameKernelsAgainAreAGraph) {
  const DeviceFloats x(16);
  for (int time = 0; time < 5; ++time) {
    const std::size_t before = emulation::num_launches_in_graphs();
    const auto value = static_cast<float>(time);
    for (Index i = 0; i < 16; ++i)
      ASSERT_EQ(x.fill(x.data() + i, 1, i == 3 ? value : static_cast<float>(i)), nullptr);
    std::vector<float> expected(16);
    std::iota(expected.begin(), expected.end(), 0.0F);
    expected[3] = value;
    EXPECT_EQ(x.read(16), expected) << time;
    EXPECT_EQ(emulation::num_launches_in_graphs() - before, time == 0 ? 0U : 16U) << time;
  }
  for (Index i = 0; i < 15; ++i) ASSERT_EQ(x.fill(x.data() + i, 1, 5.0F), nullptr);
  EXPECT_EQ(x.read(15), std::vector<float>(15, 5.0F)) << "a shorter sequence is another one";
}

// A sampler asks after each step whether all went well, and waits for the answer once.
TEST(EmulatedGpu, WhatIsNotFiniteIsToldWithTheNextNumbers) {
  const Device device(make_cuda_backend(emulated_library(Order::forward), Precision::fp32));
  Kernels& k = device.kernels();
  Tensor x(device, {20000}), y(device, {3});
  const auto expect_numbers = [&](double of_y) {
    k.fill(of_y, y);
    EXPECT_EQ(k.sum_of_squares(y), 3 * of_y * of_y);
  };
  for (const std::size_t place : {0, 19999}) {
    for (const double bad :
         {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
      k.fill(1.0, x);
      EXPECT_TRUE(k.is_finite_so_far(x, "step 1"));
      std::vector<float> values(20000, 2.0F);
      values[place] = static_cast<float>(bad);
      k.upload(values, x);
      EXPECT_TRUE(k.is_finite_so_far(x, "step 2"));
      k.fill(3.0, x);
      EXPECT_TRUE(k.is_finite_so_far(x, "step 3"));
      test::expect_error(ErrorCode::numeric, "NaN or infinity in step 2",
                         [&] { expect_numbers(1.0); });
      expect_numbers(2.0);  // it is told once
    }
  }
  const auto steps = [&](int count) {
    for (int step = 0; step < count; ++step) {
      for (int i = 0; i < 16; ++i) k.fill(i, y);
      EXPECT_TRUE(k.is_finite_so_far(x, "a step"));
    }
  };
  const std::size_t before = emulation::num_launches_in_graphs();
  steps(3);
  EXPECT_EQ(emulation::num_launches_in_graphs() - before, 2U * 17U) << "each step is a graph";
  for (int step = 0; step < (1 << 14) + 1; ++step)  // more answers than there is room for
    EXPECT_TRUE(k.is_finite_so_far(y, "a step"));
  expect_numbers(3.0);
}

TEST(EmulatedGpu, MemoryOfFreedBlocksIsUsedAgain) {
  const std::size_t at_first = emulation::free_memory_bytes();
  void* const a = emulation::allocate_memory(1000);
  void* const b = emulation::allocate_memory(std::size_t{1} << 20);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b) % 256, 0U);
  emulation::free_memory(a);
  void* const c = emulation::allocate_memory(500);
  EXPECT_EQ(c, a);
  EXPECT_EQ(emulation::allocate_memory(emulation::kMemoryBytes), nullptr);
  emulation::free_memory(b);
  emulation::free_memory(c);
  EXPECT_EQ(emulation::free_memory_bytes(), at_first);
}

void barrier_of_some(const Vectors& p) {
  if (threadIdx.x < 40)
    __syncthreads();
  else
    while (p.y[threadIdx.x] == 0.0F) __shfl_xor_sync(~0U, 1, 1);
}

TEST(EmulatedGpuDeathTest, ABarrierThatNotAllReachIsFound) {
  std::vector<float> y(64);
  EXPECT_DEATH(launch(barrier_of_some, 1, 64, {nullptr, y.data(), 64}),
               "emulated GPU: thread .* waits at a barrier that not all threads reach");
}

void sum_of_warp(const Vectors& p) {
  float sum = p.x[threadIdx.x];
  for (int bits = 16; bits > 0; bits /= 2) sum += __shfl_xor_sync(~0U, sum, bits);
  p.y[threadIdx.x] = sum + __shfl_sync(~0U, p.x[threadIdx.x], 5);
}

TEST(EmulatedGpu, LanesExchangeValues) {
  std::vector<float> x(96), y(96);
  std::iota(x.begin(), x.end(), 0.0F);
  for (const auto& result : in_all_orders(sum_of_warp, 96, {x.data(), y.data(), 96}, y)) {
    for (unsigned i = 0; i < 96; ++i) {
      const auto first = static_cast<float>(i / 32 * 32);
      ASSERT_EQ(result[i], 32 * first + 31 * 16 + first + 5);
    }
  }
}

struct MatrixProduct {
  const Bf16 *a, *b, *b_transposed;  // [16,16], [16,16], and that transposed
  float *y, *y_from_transposed;      // [16,16]
};

void multiply_matrices(const MatrixProduct& p) {
  GPU_SHARED(Bf16[16 * 16], a);
  GPU_SHARED(Bf16[16 * 16], b);
  GPU_SHARED(Bf16[16 * 16], bt);
  const unsigned t = threadIdx.x;
  for (unsigned i = t; i < 256; i += 32) {
    a[i] = p.a[i];
    b[i] = p.b[i];
    bt[i] = p.b_transposed[i];
  }
  __syncthreads();
  unsigned fa[4], fb[4], fbt[4];
  ldmatrix_x4(fa, a + t % 16 * 16 + t / 16 * 8);
  // Matrices of b: (k 0..7, n 0..7), (k 8..15, n 0..7), then the same of n 8..15.
  ldmatrix_x4_transposed(fb, b + t % 16 * 16 + t / 16 * 8);
  ldmatrix_x4(fbt, bt + (t % 8 + t / 16 * 8) * 16 + t / 8 % 2 * 8);
  for (unsigned half = 0; half < 2; ++half) {
    float d[4] = {}, dt[4] = {};
    mma_bf16(d, fa, fb[2 * half], fb[2 * half + 1]);
    mma_bf16(dt, fa, fbt[2 * half], fbt[2 * half + 1]);
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned at = (t / 4 + i / 2 * 8) * 16 + half * 8 + t % 4 * 2 + i % 2;
      p.y[at] = d[i];
      p.y_from_transposed[at] = dt[i];
    }
  }
}

TEST(EmulatedGpu, MatricesAreMultiplied) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<Bf16> a(256), b(256), bt(256);
  for (std::size_t i = 0; i < 256; ++i) a[i] = to_bf16(normal(random));
  for (std::size_t i = 0; i < 256; ++i) bt[i % 16 * 16 + i / 16] = b[i] = to_bf16(normal(random));
  std::vector<float> y(256), yt(256);
  for (const Order order : kOrders) {
    launch(multiply_matrices, 1, 32,
           MatrixProduct{a.data(), b.data(), bt.data(), y.data(), yt.data()}, order);
    EXPECT_EQ(y, yt);
    for (std::size_t m = 0; m < 16; ++m) {
      for (std::size_t n = 0; n < 16; ++n) {
        float sum = 0.0F;
        for (std::size_t k = 0; k < 16; ++k)
          sum += to_float(a[m * 16 + k]) * to_float(b[k * 16 + n]);
        ASSERT_NEAR(y[m * 16 + n], sum, 1e-5F);
      }
    }
  }
}

TEST(EmulatedGpu, Bf16IsRoundedToEven) {
  EXPECT_EQ(to_bf16(1.0F).bits, 0x3F80);
  EXPECT_EQ(to_bf16(1.0F + 0x1p-8F).bits, 0x3F80);  // a tie: to even
  EXPECT_EQ(to_bf16(1.0F + 0x1p-8F + 0x1p-20F).bits, 0x3F81);
  EXPECT_EQ(to_bf16(1.0F + 3 * 0x1p-8F).bits, 0x3F82);  // a tie: to even
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::nanf("")))));
  EXPECT_TRUE(std::isinf(to_float(to_bf16(3.4e38F))));
}

}  // namespace
}  // namespace ddim::engine::cuda
