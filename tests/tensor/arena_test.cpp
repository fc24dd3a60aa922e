#include "tensor/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <set>

#include "base/workers.h"

namespace ddim::engine {
namespace {

/// A fixed sequence of requests and releases of random sizes.
class RandomTraffic {
 public:
  explicit RandomTraffic(std::uint32_t seed) : random_(seed) {}

  /// Calls on_allocate(storage) and on_release(storage) around each change; releases all at the
  /// end.
  template <class OnAllocate, class OnRelease>
  void run(Arena& arena, int num_changes, OnAllocate on_allocate, OnRelease on_release) {
    std::vector<Storage*> live;
    const auto release = [&](std::size_t i) {
      on_release(live[i]);
      arena.release(live[i]);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
    };
    for (int i = 0; i < num_changes; ++i) {
      if (!live.empty() && random_() % 5 < 2) {
        release(random_() % live.size());
      } else if (live.size() < 60) {
        live.push_back(arena.allocate(std::size_t{1} << (random_() % 18)));
        on_allocate(live.back());
      }
    }
    while (!live.empty()) release(live.size() - 1);
  }

 private:
  std::mt19937 random_;
};

constexpr auto kIgnore = [](Storage*) {};

TEST(Arena, HandsOutAlignedBlocksThatNeverOverlap) {
  Arena arena(make_host_memory());
  std::map<std::byte*, Storage*> live;
  int mark = 0;
  std::map<Storage*, int> marks;
  RandomTraffic(1).run(
      arena, 20'000,
      [&](Storage* storage) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(storage->data) % Arena::kAlignment, 0U);
        const auto [place, is_new] = live.emplace(storage->data, storage);
        ASSERT_TRUE(is_new);
        if (place != live.begin()) {
          const Storage* before = std::prev(place)->second;
          ASSERT_LE(before->data + before->num_bytes, storage->data);
        }
        if (std::next(place) != live.end()) {
          ASSERT_LE(storage->data + storage->num_bytes, std::next(place)->first);
        }
        // The memory is there, and nobody else writes it.
        marks[storage] = ++mark % 251;
        std::memset(storage->data, marks[storage], storage->num_bytes);
      },
      [&](Storage* storage) {
        EXPECT_EQ(std::to_integer<int>(storage->data[0]), marks[storage]);
        EXPECT_EQ(std::to_integer<int>(storage->data[storage->num_bytes - 1]), marks[storage]);
        live.erase(storage->data);
      });
  EXPECT_EQ(arena.bytes_in_use(), 0U);
}

TEST(Arena, TheSameRequestsGiveTheSamePlaces) {
  std::vector<std::ptrdiff_t> places[2];
  for (auto& of_this_run : places) {
    Arena arena(make_host_memory());
    arena.reserve(std::size_t{1} << 24);
    std::byte* start = nullptr;
    RandomTraffic(2).run(
        arena, 2000,
        [&](Storage* storage) {
          if (start == nullptr) start = storage->data;
          of_this_run.push_back(storage->data - start);
        },
        kIgnore);
  }
  EXPECT_EQ(places[0], places[1]);
}

TEST(Arena, ADryRunTellsExactlyWhatToReserve) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    Arena dry(make_no_memory());
    RandomTraffic(seed).run(dry, 1000, kIgnore, kIgnore);
    Arena real(make_host_memory());
    real.reserve(dry.peak_bytes());
    const std::int64_t before = real.num_system_allocations();
    RandomTraffic(seed).run(real, 1000, kIgnore, kIgnore);
    EXPECT_EQ(real.num_system_allocations(), before) << "seed " << seed;
    EXPECT_EQ(real.peak_bytes(), dry.peak_bytes()) << "seed " << seed;
  }
}

TEST(Arena, ReservingOnceIsEnough) {
  Arena arena(make_host_memory());
  arena.reserve(4 << 20);
  arena.reserve(4 << 20);
  EXPECT_EQ(arena.num_system_allocations(), 1);
  Storage* all = arena.allocate(4 << 20);
  EXPECT_EQ(arena.num_system_allocations(), 1);
  Storage* more = arena.allocate(1);
  EXPECT_EQ(arena.num_system_allocations(), 2);
  arena.release(all);
  arena.release(more);
}

TEST(Arena, NeighboursMergeInEveryOrderOfRelease) {
  constexpr std::size_t kThird = std::size_t{1} << 20;
  for (const auto& order : {std::array{0, 1, 2}, std::array{0, 2, 1}, std::array{1, 0, 2},
                            std::array{1, 2, 0}, std::array{2, 0, 1}, std::array{2, 1, 0}}) {
    Arena arena(make_host_memory());
    arena.reserve(3 * kThird);
    std::array<Storage*, 3> thirds{};
    for (Storage*& third : thirds) third = arena.allocate(kThird);
    for (const int i : order) arena.release(thirds[static_cast<std::size_t>(i)]);
    Storage* whole = arena.allocate(3 * kThird);
    EXPECT_EQ(arena.num_system_allocations(), 1);
    arena.release(whole);
  }
}

TEST(Arena, CountsWhatIsInUseAndThePeak) {
  Arena arena(make_host_memory());
  Storage* a = arena.allocate(1000);
  EXPECT_EQ(arena.bytes_in_use(), 1024U);  // in units of the alignment
  Storage* b = arena.allocate(64);
  arena.release(b);
  EXPECT_EQ(arena.bytes_in_use(), 1024U);
  EXPECT_EQ(arena.peak_bytes(), 1024U + 64U);
  arena.reset_peak();
  EXPECT_EQ(arena.peak_bytes(), 1024U);
  arena.release(a);
  arena.reset_peak();
  EXPECT_EQ(arena.peak_bytes(), 0U);
}

TEST(Arena, AStorageHasAnIdThatIsNeverUsedAgain) {
  Arena one(make_host_memory());
  Arena two(make_host_memory());
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 100; ++i) {
    for (Arena* arena : {&one, &two}) {
      Storage* storage = arena->allocate(64);
      EXPECT_TRUE(ids.insert(storage->id).second);
      EXPECT_EQ(storage->version, 0U);
      ++storage->version;
      arena->release(storage);
    }
  }
}

TEST(Arena, ManyThreadsMayShareIt) {
  Arena arena(make_host_memory());
  run_workers(4, 40, [&](std::int64_t item) {
    RandomTraffic(static_cast<std::uint32_t>(item)).run(arena, 200, kIgnore, kIgnore);
  });
  EXPECT_EQ(arena.bytes_in_use(), 0U);
}

}  // namespace
}  // namespace ddim::engine
