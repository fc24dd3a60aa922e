#include "tensor/crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "backend/make_device.h"
#include "backend/ref/ref_backend.h"

namespace ddim::engine {
namespace {

using Teams = std::vector<std::shared_ptr<ThreadTeam>>;

/// Keeps the teams that its workers are given, in their order, for items that run loops themselves.
class BackendWithTeams final : public Device::Backend {
 public:
  explicit BackendWithTeams(Teams& teams) : teams_(teams) {}

  Kernels& kernels() override { return ref_->kernels(); }
  std::unique_ptr<Device::Backend> fork(std::shared_ptr<ThreadTeam> team) override {
    teams_.push_back(std::move(team));
    return std::make_unique<BackendWithTeams>(teams_);
  }
  bool shares_out_loops() const override { return true; }
  std::unique_ptr<MemorySource> memory() override { return ref_->memory(); }
  std::string describe() const override { return "of a test"; }

 private:
  Teams& teams_;
  std::unique_ptr<Device::Backend> ref_ = make_ref_backend();
};

class CrewTest : public testing::Test {
 protected:
  static std::size_t index_of(const Crew& crew, const Device& worker) {
    return static_cast<std::size_t>(&worker - crew.workers().data());
  }
  ThreadTeam& team_of(const Crew& crew, const Device& worker) const {
    return *teams_.at(index_of(crew, worker));
  }

  /// Runs a loop on `team` that ends only when two threads are in it. False if none came for a
  /// minute.
  static bool is_helped(ThreadTeam& team) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (team.num_present() < 2) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    std::atomic<int> num_there = 0;
    team.for_each(2, [&](int, std::int64_t) {
      ++num_there;
      while (num_there < 2) std::this_thread::yield();
    });
    return true;
  }

  Teams teams_;
  Device device_{std::make_unique<BackendWithTeams>(teams_)};
};

TEST_F(CrewTest, EveryItemOnceByAWorker) {
  for (const auto& [num_workers, num_threads] :
       {std::pair{1, 1}, {1, 3}, {2, 2}, {2, 5}, {4, 4}, {4, 2}, {3, 16}}) {
    Crew crew(device_, num_workers, num_threads);
    ASSERT_EQ(crew.workers().size(), std::min(num_workers, num_threads));
    EXPECT_EQ(crew.num_threads(), num_threads);
    std::vector<std::atomic<int>> inside(crew.workers().size());
    for (const std::int64_t num_items : {0, 1, 2, 3, 7, 100, 0, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(num_items));
      crew.run(num_items, [&](const Device& worker, std::int64_t item) {
        std::atomic<int>& mine = inside.at(index_of(crew, worker));
        EXPECT_EQ(++mine, 1);
        ++calls.at(static_cast<std::size_t>(item));
        --mine;
      });
      for (const std::atomic<int>& count : calls) ASSERT_EQ(count, 1) << num_items << " items";
    }
  }
}

TEST_F(CrewTest, ItemsThatRunLoopsWhileOthersComeAndGo) {
  for (const auto& [num_workers, num_threads] : {std::pair{1, 4}, {2, 2}, {3, 3}, {3, 7}}) {
    teams_.clear();
    Crew crew(device_, num_workers, num_threads);
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::atomic<std::int64_t> sum = 0;
      crew.run(9, [&](const Device& worker, std::int64_t item) {
        std::vector<std::int64_t> values(40, 0);
        for (std::int64_t loop = 0; loop < 10 * item; ++loop) {
          team_of(crew, worker).for_each(40, [&](int, std::int64_t i) {
            values[static_cast<std::size_t>(i)] += loop;
          });
        }
        for (const std::int64_t value : values) sum += value;
      });
      std::int64_t expected = 0;
      for (std::int64_t n = 0; n < 90; n += 10) expected += 40 * (n * (n - 1) / 2);
      ASSERT_EQ(sum, expected) << num_workers << " workers, " << num_threads << " threads";
    }
  }
}

TEST_F(CrewTest, AThreadWithoutADeviceHelps) {
  Crew crew(device_, 1, 2);
  for (int run = 0; run < 3; ++run)
    crew.run(2, [&](const Device&, std::int64_t) { EXPECT_TRUE(is_helped(*teams_[0])); });
}

/// Whoever has item 0 is done soon, whether it is the caller or the other.
TEST_F(CrewTest, WhoFindsNoItemLeftHelps) {
  Crew crew(device_, 2, 2);
  for (int run = 0; run < 20; ++run) {
    std::atomic<bool> has_begun = false;
    crew.run(2, [&](const Device& worker, std::int64_t item) {
      if (item == 1) {
        has_begun = true;
        EXPECT_TRUE(is_helped(team_of(crew, worker)));
      } else {
        while (!has_begun) std::this_thread::yield();  // so that the other has item 1
      }
    });
  }
}

TEST_F(CrewTest, ThrowsTheFirstExceptionAndGoesOn) {
  for (const int num_threads : {1, 2, 5}) {
    Crew crew(device_, 2, num_threads);
    std::atomic<int> num_calls = 0;
    try {
      crew.run(1'000'000, [&](const Device&, std::int64_t item) {
        ++num_calls;
        if (item == 3) throw std::runtime_error("item 3");
      });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "item 3");
    }
    EXPECT_LT(num_calls, 1'000'000);
    num_calls = 0;
    crew.run(10, [&](const Device&, std::int64_t) { ++num_calls; });
    EXPECT_EQ(num_calls, 10);
  }
}

TEST_F(CrewTest, WhatAHelperThrowsReachesTheCaller) {
  Crew crew(device_, 1, 2);
  EXPECT_THROW(crew.run(1,
                        [&](const Device&, std::int64_t) {
                          ASSERT_TRUE(is_helped(*teams_[0]));
                          const auto caller = std::this_thread::get_id();
                          std::atomic<int> num_there = 0;
                          teams_[0]->for_each(2, [&](int, std::int64_t) {
                            ++num_there;
                            while (num_there < 2) std::this_thread::yield();
                            if (std::this_thread::get_id() != caller) throw std::bad_alloc();
                          });
                        }),
               std::bad_alloc);
  crew.run(1, [&](const Device&, std::int64_t) { EXPECT_TRUE(is_helped(*teams_[0])); });
}

TEST_F(CrewTest, HasRoomForTwiceAWorkersShare) {
  const auto sizes_of = [&](int num_workers, int num_threads) {
    teams_.clear();
    const Crew crew(device_, num_workers, num_threads);
    std::vector<int> sizes;
    for (const auto& team : teams_) sizes.push_back(team->size());
    return sizes;
  };
  EXPECT_EQ(sizes_of(1, 1), std::vector<int>({1}));
  EXPECT_EQ(sizes_of(1, 8), std::vector<int>({8}));
  EXPECT_EQ(sizes_of(2, 2), std::vector<int>({2, 2}));
  EXPECT_EQ(sizes_of(3, 4), std::vector<int>({4, 4, 4}));
  EXPECT_EQ(sizes_of(4, 16), std::vector<int>({8, 8, 8, 8}));
}

TEST(Crew, OfADeviceWithoutTeamsHasNoMoreThreadsThanWorkers) {
  const Device device = make_device(DeviceKind::reference, 1);
  EXPECT_EQ(Crew(device, 2, 8).num_threads(), 2);
  EXPECT_EQ(Crew(make_device(DeviceKind::cpu, 1), 2, 8).num_threads(), 8);
}

}  // namespace
}  // namespace ddim::engine
