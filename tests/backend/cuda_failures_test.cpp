// What a GPU refuses or breaks, told by libraries that fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/emulated_library.h"
#include "backend/cuda/launch_queue.h"
#include "backend/profiling.h"
#include "tensor/kernels.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::cuda {
namespace {

using testing::HasSubstr;
using testing::Not;

Library working_library() { return emulated_library(emulation::Order::forward); }

/// Counts what it is asked for, and fails where it is told to.
struct CountingExecutor {
  struct Graph {};
  struct Counts {
    int launches = 0, graphs_made = 0, graph_launches = 0;
    bool launch_fails = false, graph_fails = false;
  };
  std::shared_ptr<Counts> counts = std::make_shared<Counts>();

  const char* launch(const Launched&) const {
    ++counts->launches;
    return counts->launch_fails ? "invalid configuration" : nullptr;
  }
  std::unique_ptr<Graph> make_graph(const std::vector<Launched>&) const {
    ++counts->graphs_made;
    return std::make_unique<Graph>();
  }
  static bool change(Graph&, std::size_t, const Launched&) { return true; }
  const char* launch(Graph&) const {
    ++counts->graph_launches;
    return counts->graph_fails ? "no memory for the graph" : nullptr;
  }
};

class Launches : public testing::Test {
 protected:
  /// `count` kernels on grids of this size, and the answer to their beginning.
  std::string begin(std::uint32_t grid, int count = 10) {
    for (int i = 0; i < count; ++i) queue.add(KernelId::fill, {.grid = {grid, 1, 1}}, &grid, 4);
    const char* error = queue.flush();
    return error == nullptr ? "" : error;
  }

  CountingExecutor executor;
  CountingExecutor::Counts& counts = *executor.counts;
  LaunchQueue<CountingExecutor> queue{executor};
};

TEST_F(Launches, AFailureIsSaidAgainAndNothingIsLaunchedAfterIt) {
  EXPECT_EQ(begin(1, 3), "");
  counts.launch_fails = true;
  const std::string first = begin(7, 3);
  EXPECT_THAT(first, HasSubstr("on a grid of 7x1x1: invalid configuration"));
  EXPECT_EQ(counts.launches, 4);
  counts.launch_fails = false;
  EXPECT_EQ(begin(8, 3), first);
  EXPECT_STREQ(queue.flush(), first.c_str());
  EXPECT_EQ(counts.launches, 4);
}

TEST_F(Launches, AFailedGraphIsAFailureToo) {
  EXPECT_EQ(begin(1), "");
  counts.graph_fails = true;
  EXPECT_EQ(begin(1), "no memory for the graph");
  counts.graph_fails = false;
  EXPECT_EQ(begin(1), "no memory for the graph");
  EXPECT_EQ(counts.graph_launches, 1);
}

// Forty sequences that come once, and between them one that comes again and again.
TEST_F(Launches, AGraphThatIsUsedIsKept) {
  begin(1);
  for (std::uint32_t other = 2; other < 42; ++other) {
    begin(1);
    begin(other);
  }
  EXPECT_EQ(counts.graphs_made, 1);
  EXPECT_EQ(counts.graph_launches, 40);
}

TEST(GpuFailures, OnlyALackOfMemoryIsToldAsOne) {
  Library library = working_library();
  library.allocate = [](std::size_t, void**) -> const char* { return "an illegal memory access"; };
  const Device broken(make_cuda_backend(library));
  test::expect_error(ErrorCode::user,
                     testing::AllOf(HasSubstr("cuda: taking memory: an illegal memory access"),
                                    Not(HasSubstr("batch"))),
                     [&] { Tensor(broken, {4}); });
  library.allocate = [](std::size_t, void** data) -> const char* {
    *data = nullptr;
    return nullptr;
  };
  const Device full(make_cuda_backend(library));
  test::expect_error(ErrorCode::user, {"MiB more are needed", "use a smaller batch"},
                     [&] { Tensor(full, {4}); });
}

// It comes where the time of an op is taken, which is in a destructor.
TEST(GpuFailures, AnErrorOfWorkThatIsTimedIsAnError) {
  Library library = working_library();
  library.synchronize = [](void*) -> const char* { return "an illegal instruction"; };
  Profile profile;
  const Device device(make_profiling_backend(make_cuda_backend(library), profile));
  Tensor x(device, {4});
  test::expect_error(ErrorCode::user, "an illegal instruction",
                     [&] { device.kernels().fill(1.0, x); });
}

}  // namespace
}  // namespace ddim::engine::cuda
