#include "train/gradient_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <limits>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>

#include "tests/support/devices.h"
#include "train/rank_exchange.h"

namespace ddim::engine::train {
namespace {

float shard_value(std::int64_t shard) {
  return 1.0F / (static_cast<float>(shard) + 3.0F) * (shard % 2 == 0 ? 1.0F : 1e4F);
}

/// The tree by its definition: the sum over shards first..last, cut at a power of two.
template <class ValueOf>
float tree_sum(std::int64_t first, std::int64_t count, std::int64_t num_shards,
               const ValueOf& value_of) {
  if (count == 1) return value_of(first);
  const std::int64_t half = count / 2;
  const float left = tree_sum(first, half, num_shards, value_of);
  if (first + half >= num_shards) return left;
  return left + tree_sum(first + half, half, num_shards, value_of);
}

/// What the tree gives when shards are handed in in this order.
float sum_in_order(const std::vector<std::int64_t>& order) {
  const Device device = make_device(DeviceKind::reference);
  const Parameter parameter{.name = "p", .value = Tensor::persistent(device, {2}), .index = 0};
  GradientTree tree(device, {&parameter}, static_cast<std::int64_t>(order.size()), 1);
  for (int step = 0; step < 2; ++step) {  // the second shows that nothing of the first is left
    tree.reset();
    for (const std::int64_t shard : order) {
      Gradients& gradients = tree.acquire();
      Grad slot = gradients.slot(0);
      device.kernels().fill(shard_value(shard), slot.tensor);
      gradients.finish();
      tree.add(shard, gradients, device.kernels());
    }
  }
  EXPECT_EQ(tree.sum()[0].values<float>()[0], tree.sum()[0].values<float>()[1]);
  return tree.sum()[0].values<float>()[0];
}

TEST(GradientTree, SumDoesNotDependOnTheOrderOfArrival) {
  bool order_could_matter = false;
  for (const std::int64_t num_shards : {1, 2, 3, 4, 5, 7, 8}) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(num_shards));
    std::iota(order.begin(), order.end(), 0);
    const float expected = tree_sum(0, 8, num_shards, shard_value);
    float in_a_row = 0.0F;
    for (const std::int64_t shard : order) in_a_row += shard_value(shard);
    order_could_matter = order_could_matter || in_a_row != expected;
    int tried = 0;
    do {
      ASSERT_EQ(sum_in_order(order), expected) << num_shards;
    } while (std::ranges::next_permutation(order).found && ++tried < 200);
    std::ranges::sort(order, std::greater<>());
    EXPECT_EQ(sum_in_order(order), expected) << num_shards;
  }
  EXPECT_TRUE(order_could_matter);
}

TEST(GradientTree, NodesOfSomeShardsHaveThemAllAndAreFew) {
  using Nodes = std::vector<TreeNode>;
  EXPECT_EQ(nodes_of({.first = 0, .count = 8}, 8), (Nodes{{3, 0}}));
  EXPECT_EQ(nodes_of({.first = 2, .count = 3}, 8), (Nodes{{1, 1}, {0, 4}}));
  EXPECT_EQ(nodes_of({.first = 1, .count = 6}, 8), (Nodes{{0, 1}, {1, 1}, {1, 2}, {0, 6}}));
  EXPECT_EQ(nodes_of({.first = 4, .count = 1}, 5), (Nodes{{2, 1}}));  // alone on its way up
  EXPECT_EQ(nodes_of({.first = 0, .count = 1}, 1), (Nodes{{0, 0}}));
}

/// Ranks that are threads of this process.
struct Threads {
  explicit Threads(int num_ranks)
      : size(num_ranks), everybody(num_ranks), buffers(static_cast<std::size_t>(num_ranks)) {}

  struct Buffer {
    const void* data = nullptr;
    std::vector<std::int64_t> places = {};
  };
  int size;
  std::barrier<> everybody;
  std::vector<Buffer> buffers;
};

class ThreadRank final : public comm::Communicator {
 public:
  ThreadRank(Threads& threads, int rank) : threads_(threads), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return threads_.size; }
  int num_threads() const override { return 1; }
  std::unique_ptr<UnderWay> start_exchange(std::span<const float> sent, Counts sent_counts,
                                           std::span<float> received,
                                           Counts received_counts) override {
    std::vector<std::int64_t> places(sent_counts.size());
    std::exclusive_scan(sent_counts.begin(), sent_counts.end(), places.begin(), std::int64_t{0});
    EXPECT_EQ(std::reduce(sent_counts.begin(), sent_counts.end()), std::ssize(sent));
    publish(sent.data(), places);
    for (std::size_t from = 0; from < received_counts.size(); ++from) {
      const Threads::Buffer& buffer = threads_.buffers[from];
      std::copy_n(
          static_cast<const float*>(buffer.data) + buffer.places[static_cast<std::size_t>(rank_)],
          received_counts[from], received.begin());
      received = received.subspan(static_cast<std::size_t>(received_counts[from]));
    }
    EXPECT_TRUE(received.empty());
    barrier();
    return std::make_unique<comm::DoneAtOnce>();
  }
  void reduce_scatter(std::span<const float> sent, std::span<float> received,
                      Counts counts) override {
    publish(sent.data(), {});
    const std::int64_t place = std::reduce(counts.begin(), counts.begin() + rank_);
    EXPECT_EQ(counts[static_cast<std::size_t>(rank_)], std::ssize(received));
    std::ranges::fill(received, 0.0F);
    for (std::size_t from = counts.size(); from-- > 0;)  // not the order of anybody else
      for (std::size_t k = 0; k < received.size(); ++k)
        received[k] += static_cast<const float*>(
            threads_.buffers[from].data)[static_cast<std::size_t>(place) + k];
    barrier();
  }
  std::unique_ptr<UnderWay> start_all_gather(std::span<float> values, Counts counts) override {
    all_gather_bytes(std::as_writable_bytes(values), counts, sizeof(float));
    return std::make_unique<comm::DoneAtOnce>();
  }
  void all_gather_bytes(std::span<std::byte> bytes, Counts counts) override {
    all_gather_bytes(bytes, counts, 1);
  }
  void barrier() override { threads_.everybody.arrive_and_wait(); }
  void leave() override {}
  [[noreturn]] void abort(int) noexcept override { std::abort(); }

 private:
  void publish(const void* data, std::vector<std::int64_t> places) {
    threads_.buffers[static_cast<std::size_t>(rank_)] = {data, std::move(places)};
    barrier();
  }
  void all_gather_bytes(std::span<std::byte> bytes, Counts counts, std::size_t size) {
    const std::vector<std::byte> own(bytes.begin(), bytes.end());
    publish(own.data(), {});
    std::size_t place = 0;
    for (std::size_t from = 0; from < counts.size(); ++from) {
      const std::size_t num_bytes = static_cast<std::size_t>(counts[from]) * size;
      std::copy_n(static_cast<const std::byte*>(threads_.buffers[from].data) + place, num_bytes,
                  bytes.begin() + static_cast<std::ptrdiff_t>(place));
      place += num_bytes;
    }
    EXPECT_EQ(place, bytes.size());
    barrier();
  }

  Threads& threads_;
  int rank_;
};

constexpr std::array<std::int64_t, 5> kSizes{3, 40, 1, 17, 8};
constexpr std::int64_t kBlock = 4;  // cuts most of them

float gradient_of(std::int64_t shard, std::size_t parameter, std::size_t element) {
  return shard_value(shard) * (1.0F + 0.37F * static_cast<float>(parameter * 50 + element));
}

std::vector<float> values_of_slice(const std::vector<float>& whole, const Slice& slice) {
  const auto first = whole.begin() + slice.begin;
  return {first, first + slice.count};
}

/// One step of a rank: the sums that it owns, handed to all in `totals`.
void add_as_rank(comm::Communicator& ranks, const Device& device, std::int64_t num_shards,
                 GradientSum how, std::int64_t values_in_part,
                 std::vector<std::vector<float>>& totals) {
  std::vector<Parameter> parameters(kSizes.size());
  std::vector<const Parameter*> pointers;
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    parameters[i].value = Tensor::persistent(device, {kSizes[i]});
    parameters[i].index = i;
    pointers.push_back(&parameters[i]);
  }
  const ShardRange own = shards_of_rank(num_shards, ranks.rank(), ranks.size());
  GradientTree tree(device, pointers, num_shards, own, 1);
  Crew crew(device, 2, 2);
  RankExchange exchange(ranks, device, pointers, num_shards, how, values_in_part, kBlock);
  std::vector<double> squares;
  for (int step = 0; step < 2; ++step) {
    tree.reset();
    for (std::int64_t shard = own.end() - 1; shard >= own.first; --shard) {
      Gradients& gradients = tree.acquire();
      for (std::size_t i = 0; i < kSizes.size(); ++i) {
        std::vector<float> values(static_cast<std::size_t>(kSizes[i]));
        for (std::size_t k = 0; k < values.size(); ++k) values[k] = gradient_of(shard, i, k);
        Tensor gradient = gradients.slot(i).tensor;
        device.kernels().upload(values, gradient);
      }
      gradients.finish();
      tree.add(shard, gradients, device.kernels());
    }
    const Gradients& sum = exchange.add(tree, crew);
    for (const Slice& slice : exchange.own_slices()) {
      Tensor value = piece(parameters[slice.parameter].value, slice);
      device.kernels().copy(piece(sum[slice.parameter], slice), value);
    }
    if (step == 0) continue;
    std::vector<double> of_blocks;
    for (const Tensor& block : exchange.own_blocks(sum))
      of_blocks.push_back(device.kernels().sum_of_squares(block));
    squares = exchange.sums_of_squares(of_blocks);
  }
  const auto value = [&](std::size_t i) -> Tensor& { return parameters[i].value; };
  exchange.from_owners_to_all(value);
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    totals.push_back(to_host(parameters[i].value));
    std::vector<double> of_blocks;
    for (std::int64_t begin = 0; begin < kSizes[i]; begin += kBlock)
      of_blocks.push_back(device.kernels().sum_of_squares(
          parameters[i].value.slice(begin, std::min(kBlock, kSizes[i] - begin))));
    EXPECT_EQ(squares.at(i), sum_by_tree(of_blocks)) << i;
  }

  // There and back: an owner has its slices alone, the first has all.
  std::vector<Tensor> moments(kSizes.size());
  for (const Slice& slice : exchange.own_slices()) {
    const std::size_t i = slice.parameter;
    moments[i] = from_host(device, {slice.count}, values_of_slice(totals[i], slice));
  }
  for (std::size_t i = 0; ranks.is_first() && i < kSizes.size(); ++i)
    device.kernels().copy(parameters[i].value, moments[i] = empty_like(parameters[i].value));
  const auto moment = [&](std::size_t i) -> Tensor& { return moments[i]; };
  exchange.from_owners_to_first(moment);
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    EXPECT_TRUE(!ranks.is_first() || to_host(moments[i]) == totals[i]) << i;
    if (moments[i].defined() && !ranks.is_first()) device.kernels().fill(-1.0, moments[i]);
  }
  exchange.from_first_to_owners(moment);
  for (const Slice& slice : exchange.own_slices())
    EXPECT_EQ(to_host(piece(moments[slice.parameter], slice)),
              values_of_slice(totals[slice.parameter], slice));
  for (std::size_t i = 0; !ranks.is_first() && i < kSizes.size(); ++i)
    device.kernels().fill(-1.0, parameters[i].value);
  exchange.from_first_to_all(value);
  for (std::size_t i = 0; i < kSizes.size(); ++i)
    EXPECT_EQ(to_host(parameters[i].value), totals[i]);
}

/// Two steps of several ranks, each a thread with a device of its own.
void check_ranks(DeviceKind kind, int num_ranks, std::int64_t num_shards,
                 std::int64_t values_in_part, GradientSum how = GradientSum::exact) {
  Threads threads(num_ranks);
  std::vector<std::vector<std::vector<float>>> totals(static_cast<std::size_t>(num_ranks));
  std::vector<std::jthread> running;
  for (int rank = 0; rank < num_ranks; ++rank)
    running.emplace_back([&, rank] {
      ThreadRank ranks(threads, rank);
      add_as_rank(ranks, test::device(kind), num_shards, how, values_in_part,
                  totals[static_cast<std::size_t>(rank)]);
    });
  running.clear();
  for (const auto& of_rank : totals)
    for (std::size_t i = 0; i < kSizes.size(); ++i)
      for (std::size_t k = 0; k < of_rank[i].size(); ++k) {
        const auto gradient = [&](std::int64_t shard) { return gradient_of(shard, i, k); };
        float magnitude = 0.0F;
        for (std::int64_t shard = 0; shard < num_shards; ++shard)
          magnitude += std::abs(gradient(shard));
        ASSERT_NEAR(of_rank[i][k], tree_sum(0, 8, num_shards, gradient),
                    how == GradientSum::exact ? 0.0F : 1e-6F * magnitude)
            << num_shards << " shards, " << num_ranks << " ranks";
        ASSERT_EQ(of_rank[i][k], totals.front()[i][k]) << "not the same everywhere";
      }
}

TEST(RankExchange, AddsAsOneProcessDoesForEveryNumberOfRanks) {
  for (const std::int64_t num_shards : {1, 3, 5, 8})
    for (int num_ranks = 1; num_ranks <= num_shards; ++num_ranks)
      for (const std::int64_t values_in_part : {std::int64_t{5}, RankExchange::kValuesInPart})
        check_ranks(DeviceKind::reference, num_ranks, num_shards, values_in_part);
}

TEST(RankExchange, AddsFastWithWhatRoundingMayChange) {
  for (const std::int64_t num_shards : {1, 3, 5, 8})
    for (int num_ranks = 1; num_ranks <= num_shards; ++num_ranks)
      for (const std::int64_t values_in_part : {std::int64_t{5}, RankExchange::kValuesInPart})
        check_ranks(DeviceKind::reference, num_ranks, num_shards, values_in_part,
                    GradientSum::fast);
}

/// docs/cluster.md has these formulas: what a rank keeps, sends and has in buffers, K being 1.
TEST(RankExchange, SlicesAreEvenAsTheyArePromisedToBe) {
  // Levels of a large network: biases, a time embedding, a convolution of 1,024 to 512 channels.
  std::vector<std::int64_t> sizes;
  for (int k = 0; k < 12; ++k)
    for (const std::int64_t size : {512 * 512 * 9, 512, 1024 * 512 * 9, 512, 512 * 2048, 3 * 512})
      sizes.push_back(size);
  const std::int64_t all = std::reduce(sizes.begin(), sizes.end());
  constexpr std::int64_t kPart = RankExchange::kValuesInPart;
  constexpr std::int64_t kMostAtOnce = std::numeric_limits<std::int32_t>::max();
  for (const int num_ranks : {1, 2, 3, 8, 32, 100, 456, 1024}) {
    const std::int64_t least_part = std::max(kPart, kBlockElements * num_ranks);
    std::vector<std::int64_t> owned(static_cast<std::size_t>(num_ranks));
    std::vector<std::int64_t> next(sizes.size());
    const auto parts = slices_of(sizes, num_ranks, kPart);
    EXPECT_LE(std::ssize(parts), all / least_part + 1);
    for (const auto& slices : parts) {
      std::vector<std::int64_t> in_part(owned.size());
      std::int64_t total = 0;
      for (std::size_t k = 0; k < slices.size(); ++k) {
        const Slice& slice = slices[k];
        EXPECT_EQ(slice.begin, std::exchange(next[slice.parameter], slice.begin + slice.count));
        EXPECT_EQ(slice.begin % kBlockElements, 0);
        EXPECT_GT(slice.count, 0);
        if (k > 0) {
          EXPECT_TRUE(slice.parameter > slices[k - 1].parameter ||
                      slice.owner > slices[k - 1].owner);
          EXPECT_GE(slice.owner, slices[k - 1].owner);
        }
        in_part[static_cast<std::size_t>(slice.owner)] += slice.count;
        total += slice.count;
      }
      const std::int64_t most = std::ranges::max(in_part);
      EXPECT_LE(std::abs(most - total / num_ranks), kBlockElements) << num_ranks;
      EXPECT_LE(total, least_part + std::ranges::max(sizes));      // sent from it
      EXPECT_LE(most * num_ranks, total + least_part);             // received into it
      EXPECT_LT(20 * most * num_ranks, kMostAtOnce) << num_ranks;  // whatever K is
      for (std::size_t rank = 0; rank < owned.size(); ++rank) owned[rank] += in_part[rank];
    }
    EXPECT_EQ(next, sizes);
    for (const std::int64_t count : owned)
      EXPECT_LE(std::abs(count - all / num_ranks), kBlockElements * std::ssize(parts));
  }
}

TEST(RankExchange, AddsWhatTheHostCannotRead) {
  if (!test::has_device(DeviceKind::cuda)) GTEST_SKIP() << "no emulation in this build";
  check_ranks(DeviceKind::cuda, 2, 3, 5);
  check_ranks(DeviceKind::cuda, 2, 3, 5, GradientSum::fast);
}

}  // namespace
}  // namespace ddim::engine::train
