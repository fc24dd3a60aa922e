#include "train/rank_exchange.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "tensor/host_values.h"

namespace ddim::engine::train {
namespace {

std::size_t as_size(std::int64_t count) { return static_cast<std::size_t>(count); }

}  // namespace

ShardRange shards_of_rank(std::int64_t num_shards, int rank, int num_ranks) {
  const std::int64_t first = num_shards * rank / num_ranks;
  return {.first = first, .count = num_shards * (rank + 1) / num_ranks - first};
}

std::vector<std::vector<Slice>> slices_of(std::span<const std::int64_t> sizes, int num_ranks,
                                          std::int64_t values_in_part, std::int64_t block) {
  values_in_part = std::max(values_in_part, block * num_ranks);
  std::vector<std::vector<Slice>> parts;
  for (std::size_t first = 0, end = 0; first < sizes.size(); first = end) {
    std::int64_t total = 0;
    while (end < sizes.size() && total < values_in_part) total += sizes[end++];
    std::vector<Slice>& slices = parts.emplace_back();
    std::int64_t place = 0;  // of the parameter in the part
    for (std::size_t parameter = first; parameter < end; place += sizes[parameter++])
      for (std::int64_t begin = 0; begin < sizes[parameter]; begin += block) {
        const std::int64_t count = std::min(block, sizes[parameter] - begin);
        // The rank that has the block's middle, were the part cut into equal pieces.
        const std::int64_t twice_middle = 2 * (place + begin) + count;
        const int owner = static_cast<int>(twice_middle * num_ranks / (2 * total));
        if (begin > 0 && slices.back().owner == owner) {
          slices.back().count += count;
        } else {
          slices.push_back(
              {.parameter = parameter, .begin = begin, .count = count, .owner = owner});
        }
      }
  }
  return parts;
}

Tensor piece(const Tensor& tensor, const Slice& slice) {
  const Tensor flat = tensor.view({tensor.size()});
  return flat.size() == slice.count ? flat : flat.slice(slice.begin, slice.count);
}

std::int64_t RankExchange::Part::total() const {
  return std::reduce(num_values.begin(), num_values.end());
}

std::span<const Slice> RankExchange::Part::owned_by(int rank) const {
  return std::ranges::equal_range(slices, rank, {}, &Slice::owner);
}

RankExchange::RankExchange(comm::Communicator& ranks, const Device& device,
                           const std::vector<const Parameter*>& parameters, std::int64_t num_shards,
                           GradientSum how, std::int64_t values_in_part, std::int64_t block)
    : ranks_(ranks), parameters_(parameters), num_shards_(num_shards), how_(how), block_(block) {
  for (int rank = 0; rank < ranks.size(); ++rank)
    nodes_.push_back(nodes_of(shards_of_rank(num_shards, rank, ranks.size()), num_shards));
  std::vector<std::int64_t> sizes;
  for (const Parameter* parameter : parameters) sizes.push_back(parameter->value.size());
  for (std::vector<Slice>& slices : slices_of(sizes, ranks.size(), values_in_part, block)) {
    Part& part = parts_.emplace_back();
    part.slices = std::move(slices);
    part.num_values.resize(as_size(ranks.size()));
    for (const Slice& slice : part.slices) part.num_values[as_size(slice.owner)] += slice.count;
    const auto own = part.owned_by(ranks.rank());
    own_slices_.insert(own_slices_.end(), own.begin(), own.end());
  }
  std::int64_t num_sent = 1, num_received = 1;  // sums of each value
  if (how == GradientSum::exact) {
    num_sent = std::ssize(nodes_[as_size(ranks.rank())]);
    num_received = 0;
    for (const auto& nodes : nodes_) num_received += std::ssize(nodes);
  }
  std::int64_t most_packed = 0, most_received = 0;
  for (const Part& part : parts_) {
    most_packed = std::max(most_packed, part.total() * num_sent);
    most_received = std::max(most_received, part.num_values[as_size(ranks.rank())] * num_received);
  }
  packed_.resize(2 * as_size(most_packed));
  received_ = Tensor::persistent(device, {std::max<std::int64_t>(most_received, 1)});
}

std::int64_t RankExchange::num_blocks(const Slice& slice) const {
  return (slice.count + block_ - 1) / block_;
}

std::span<float> RankExchange::pack(const Part& part, int rank, const TensorOf& tensor,
                                    std::span<float> buffer) const {
  for (const Slice& slice : part.owned_by(rank)) {
    const Tensor source = piece(tensor(slice.parameter), slice);
    source.device().kernels().download(source, buffer.first(as_size(slice.count)));
    buffer = buffer.subspan(as_size(slice.count));
  }
  return buffer;
}

std::span<const float> RankExchange::unpack(const Part& part, int rank, const TensorOf& tensor,
                                            std::span<const float> buffer) const {
  for (const Slice& slice : part.owned_by(rank)) {
    Tensor target = piece(tensor(slice.parameter), slice);
    target.device().kernels().upload(buffer.first(as_size(slice.count)), target);
    target.mark_modified();
    buffer = buffer.subspan(as_size(slice.count));
  }
  return buffer;
}

Tensor RankExchange::sum_of(const TreeNode& node, const std::map<TreeNode, Tensor>& views,
                            Kernels& kernels) const {
  if (const auto found = views.find(node); found != views.end()) return found->second;
  const TreeNode left{.level = node.level - 1, .index = node.index * 2};
  const TreeNode right{.level = left.level, .index = left.index + 1};
  Tensor sum = sum_of(left, views, kernels);
  if ((right.index << right.level) < num_shards_)
    kernels.accumulate(sum_of(right, views, kernels), {sum, Write::accumulate});
  return sum;
}

std::span<float> RankExchange::half(std::size_t p) {
  const std::size_t size = packed_.size() / 2;
  return std::span(packed_).subspan(p % 2 * size, size);
}

std::span<float> RankExchange::pack_sums(const Part& part, const GradientTree& tree,
                                         std::span<float> buffer) {
  std::span<float> rest = buffer;
  for (int rank = 0; rank < ranks_.size(); ++rank)
    for (const TreeNode& node : nodes_[as_size(ranks_.rank())]) {
      Gradients& gradients = *tree.partial_sums().at(node);
      rest = pack(
          part, rank, [&](std::size_t i) -> Tensor& { return gradients[i]; }, rest);
    }
  return buffer.first(buffer.size() - rest.size());
}

void RankExchange::add_part(const Part& part, std::span<const float> packed, Crew& crew,
                            Gradients& sum, const std::function<void()>& meanwhile) {
  const int own = ranks_.rank();
  Counts sent(nodes_.size()), received(nodes_.size());
  for (int rank = 0; rank < ranks_.size(); ++rank) {
    sent[as_size(rank)] = part.num_values[as_size(rank)] * std::ssize(nodes_[as_size(own)]);
    received[as_size(rank)] = part.num_values[as_size(own)] * std::ssize(nodes_[as_size(rank)]);
  }
  write_on_host(received_, [&](std::span<float> values) {
    const auto under_way = ranks_.start_exchange(
        packed, sent, values.first(as_size(std::reduce(received.begin(), received.end()))),
        received);
    meanwhile();
    under_way->wait();
  });

  const std::span<const Slice> owned = part.owned_by(own);
  Counts places(owned.size());  // of the slices among the owned ones of the part
  for (std::size_t k = 1; k < owned.size(); ++k) places[k] = places[k - 1] + owned[k - 1].count;
  int level = 0;
  while ((std::int64_t{1} << level) < num_shards_) ++level;
  crew.run(std::ssize(owned), [&](const Device& worker, std::int64_t k) {
    const Slice& slice = owned[as_size(k)];
    std::map<TreeNode, Tensor> views;
    std::int64_t place = places[as_size(k)];
    for (const auto& nodes : nodes_)
      for (const TreeNode& node : nodes) {
        views[node] = received_.slice(place, slice.count);
        place += part.num_values[as_size(own)];
      }
    Kernels& kernels = worker.kernels();
    Tensor total = piece(sum[slice.parameter], slice);
    kernels.copy(sum_of({.level = level, .index = 0}, views, kernels), total);
  });
}

void RankExchange::add_part_fast(const Part& part, Gradients& sum) {
  const auto tensor = [&](std::size_t i) -> Tensor& { return sum[i]; };
  std::span<float> rest = packed_;
  for (int rank = 0; rank < ranks_.size(); ++rank) rest = pack(part, rank, tensor, rest);
  write_on_host(received_, [&](std::span<float> values) {
    const auto own = values.first(as_size(part.num_values[as_size(ranks_.rank())]));
    ranks_.reduce_scatter(std::span<const float>(packed_).first(packed_.size() - rest.size()), own,
                          part.num_values);
    unpack(part, ranks_.rank(), tensor, own);
  });
}

const Gradients& RankExchange::add(const GradientTree& tree, Crew& crew) {
  // A part is overwritten after it has been sent.
  Gradients& sum = *tree.partial_sums().begin()->second;
  if (how_ == GradientSum::exact) {
    std::span<const float> packed = pack_sums(parts_.front(), tree, half(0));
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      std::span<const float> next;
      add_part(parts_[p], packed, crew, sum, [&] {
        if (p + 1 < parts_.size()) next = pack_sums(parts_[p + 1], tree, half(p + 1));
      });
      packed = next;
    }
    return sum;
  }
  crew.run(std::ssize(parameters_), [&](const Device& worker, std::int64_t parameter) {
    const std::size_t i = as_size(parameter);
    for (const auto& [node, gradients] : tree.partial_sums())
      if (gradients != &sum)
        worker.kernels().accumulate((*gradients)[i], {sum[i], Write::accumulate});
  });
  for (const Part& part : parts_) add_part_fast(part, sum);
  return sum;
}

void RankExchange::from_owners_to_all(const TensorOf& tensor) {
  const int own = ranks_.rank();
  const auto all_of = [&](std::size_t p) { return half(p).first(as_size(parts_[p].total())); };
  const auto pack_own = [&](std::size_t p) {
    const Counts& counts = parts_[p].num_values;
    const std::int64_t place = std::reduce(counts.begin(), counts.begin() + own);
    pack(parts_[p], own, tensor, all_of(p).subspan(as_size(place)));
  };
  const auto unpack_others = [&](std::size_t p) {
    std::span<const float> rest = all_of(p);
    for (int rank = 0; rank < ranks_.size(); ++rank) {
      if (rank == own) {
        rest = rest.subspan(as_size(parts_[p].num_values[as_size(rank)]));
      } else {
        rest = unpack(parts_[p], rank, tensor, rest);
      }
    }
  };
  // While a part is on its way, the one before it is unpacked, and then the next one packed.
  pack_own(0);
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const auto under_way = ranks_.start_all_gather(all_of(p), parts_[p].num_values);
    if (p > 0) unpack_others(p - 1);
    if (p + 1 < parts_.size()) pack_own(p + 1);
    under_way->wait();
  }
  unpack_others(parts_.size() - 1);
}

void RankExchange::from_owners_to_first(const TensorOf& tensor) {
  const int own = ranks_.rank();
  std::vector<float> arrived;
  for (const Part& part : parts_) {
    const std::int64_t sent = part.num_values[as_size(own)];
    pack(part, own, tensor, packed_);
    arrived.resize(ranks_.is_first() ? as_size(part.total()) : 0);
    ranks_.exchange(std::span<const float>(packed_).first(as_size(sent)),
                    comm::counts_of_one(ranks_, 0, sent), arrived,
                    ranks_.is_first() ? part.num_values : Counts(nodes_.size()));
    std::span<const float> rest = arrived;
    for (int rank = 0; !rest.empty(); ++rank) rest = unpack(part, rank, tensor, rest);
  }
}

void RankExchange::from_first_to_owners(const TensorOf& tensor) {
  const int own = ranks_.rank();
  std::vector<float> arrived;
  for (const Part& part : parts_) {
    std::span<float> rest = packed_;
    for (int rank = 0; ranks_.is_first() && rank < ranks_.size(); ++rank)
      rest = pack(part, rank, tensor, rest);
    const std::int64_t count = part.num_values[as_size(own)];
    arrived.resize(as_size(count));
    ranks_.exchange(std::span<const float>(packed_).first(packed_.size() - rest.size()),
                    ranks_.is_first() ? part.num_values : Counts(nodes_.size()), arrived,
                    comm::counts_of_one(ranks_, 0, count));
    unpack(part, own, tensor, arrived);
  }
}

void RankExchange::from_first_to_all(const TensorOf& tensor) {
  for (const Part& part : parts_) {
    const std::span<float> all = std::span(packed_).first(as_size(part.total()));
    std::span<float> unpacked = all;
    for (int rank = 0; ranks_.is_first() && rank < ranks_.size(); ++rank)
      unpacked = pack(part, rank, tensor, unpacked);
    comm::take_from_first(ranks_, all);
    std::span<const float> rest = all;
    for (int rank = 0; !ranks_.is_first() && rank < ranks_.size(); ++rank)
      rest = unpack(part, rank, tensor, rest);
  }
}

std::vector<Tensor> RankExchange::own_blocks(const Gradients& gradients) const {
  std::vector<Tensor> blocks;
  for (const Slice& slice : own_slices_) {
    const Tensor whole = piece(gradients[slice.parameter], slice);
    for (std::int64_t begin = 0; begin < slice.count; begin += block_)
      blocks.push_back(whole.slice(begin, std::min(block_, slice.count - begin)));
  }
  return blocks;
}

std::vector<double> RankExchange::sums_of_squares(std::span<const double> of_own_blocks) {
  Counts counts(nodes_.size());
  for (const Part& part : parts_)
    for (const Slice& slice : part.slices) counts[as_size(slice.owner)] += num_blocks(slice);
  Counts places(counts.size());
  std::exclusive_scan(counts.begin(), counts.end(), places.begin(), std::int64_t{0});
  std::vector<double> by_owner(as_size(places.back() + counts.back()));
  std::ranges::copy(of_own_blocks, by_owner.begin() + places[as_size(ranks_.rank())]);
  comm::all_gather_values(ranks_, std::span(by_owner), counts);
  std::vector<std::vector<double>> of_blocks(parameters_.size());
  for (const Part& part : parts_)
    for (const Slice& slice : part.slices) {
      std::int64_t& place = places[as_size(slice.owner)];
      const auto first = by_owner.begin() + place;
      place += num_blocks(slice);
      std::vector<double>& of_parameter = of_blocks[slice.parameter];
      of_parameter.insert(of_parameter.end(), first, by_owner.begin() + place);
    }
  std::vector<double> sums;
  for (const std::vector<double>& blocks : of_blocks) sums.push_back(sum_by_tree(blocks));
  return sums;
}

}  // namespace ddim::engine::train
