#include "train/rank_exchange.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "base/workers.h"
#include "tensor/host_values.h"

namespace ddim::engine::train {
namespace {

std::size_t as_size(std::int64_t count) { return static_cast<std::size_t>(count); }

}  // namespace

ShardRange shards_of_rank(std::int64_t num_shards, int rank, int num_ranks) {
  const std::int64_t first = num_shards * rank / num_ranks;
  return {.first = first, .count = num_shards * (rank + 1) / num_ranks - first};
}

std::vector<int> owners_of(const std::vector<const Parameter*>& parameters, int num_ranks) {
  std::vector<std::size_t> largest_first(parameters.size());
  std::iota(largest_first.begin(), largest_first.end(), 0);
  std::ranges::stable_sort(largest_first, std::greater{},
                           [&](std::size_t i) { return parameters[i]->value.size(); });
  std::vector<std::int64_t> loads(as_size(num_ranks));
  std::vector<int> owners(parameters.size());
  for (const std::size_t i : largest_first) {
    const auto least = std::ranges::min_element(loads);
    owners[i] = static_cast<int>(least - loads.begin());
    *least += parameters[i]->value.size();
  }
  return owners;
}

std::int64_t RankExchange::Part::total() const {
  return std::reduce(num_values.begin(), num_values.end());
}

RankExchange::RankExchange(comm::Communicator& ranks, const Device& device,
                           const std::vector<const Parameter*>& parameters, std::int64_t num_shards,
                           GradientSum how, std::int64_t values_in_part)
    : ranks_(ranks),
      parameters_(parameters),
      num_shards_(num_shards),
      how_(how),
      owners_(owners_of(parameters, ranks.size())) {
  for (int rank = 0; rank < ranks.size(); ++rank)
    nodes_.push_back(nodes_of(shards_of_rank(num_shards, rank, ranks.size()), num_shards));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parts_.empty() || parts_.back().total() >= values_in_part)
      parts_.push_back({.first = i, .end = i, .num_values = Counts(as_size(ranks.size()))});
    Part& part = parts_.back();
    part.end = i + 1;
    part.num_values[as_size(owners_[i])] += parameters[i]->value.size();
  }
  std::int64_t num_nodes = 0, most_packed = 0, most_received = 0;
  for (const auto& nodes : nodes_) num_nodes += std::ssize(nodes);
  for (const Part& part : parts_) {
    most_packed = std::max(most_packed, part.total() * std::ssize(nodes_[as_size(ranks.rank())]));
    most_received = std::max(most_received, part.num_values[as_size(ranks.rank())] * num_nodes);
  }
  packed_.resize(as_size(most_packed));
  received_ = Tensor::persistent(device, {std::max<std::int64_t>(most_received, 1)});
}

template <class Visit>
void RankExchange::each_owned(const Part& part, int rank, const Visit& visit) const {
  for (std::size_t i = part.first; i < part.end; ++i)
    if (owners_[i] == rank) visit(i);
}

std::span<float> RankExchange::pack(const Part& part, int rank, const TensorOf& tensor,
                                    std::span<float> buffer) const {
  each_owned(part, rank, [&](std::size_t i) {
    const Tensor& source = tensor(i);
    const auto size = as_size(source.size());
    source.device().kernels().download(source, buffer.first(size));
    buffer = buffer.subspan(size);
  });
  return buffer;
}

std::span<const float> RankExchange::unpack(const Part& part, int rank, const TensorOf& tensor,
                                            std::span<const float> buffer) const {
  each_owned(part, rank, [&](std::size_t i) {
    Tensor& target = tensor(i);
    const auto size = as_size(target.size());
    target.device().kernels().upload(buffer.first(size), target);
    target.mark_modified();
    buffer = buffer.subspan(size);
  });
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

void RankExchange::add_part(const Part& part, const GradientTree& tree,
                            std::span<const Device> workers, Gradients& sum) {
  const int own = ranks_.rank();
  Counts sent(nodes_.size()), received(nodes_.size());
  std::span<float> rest = packed_;
  for (int rank = 0; rank < ranks_.size(); ++rank) {
    for (const TreeNode& node : nodes_[as_size(own)]) {
      Gradients& gradients = *tree.partial_sums().at(node);
      rest = pack(
          part, rank, [&](std::size_t i) -> Tensor& { return gradients[i]; }, rest);
    }
    sent[as_size(rank)] = part.num_values[as_size(rank)] * std::ssize(nodes_[as_size(own)]);
    received[as_size(rank)] = part.num_values[as_size(own)] * std::ssize(nodes_[as_size(rank)]);
  }
  write_on_host(received_, [&](std::span<float> values) {
    ranks_.exchange(std::span<const float>(packed_).first(packed_.size() - rest.size()), sent,
                    values.first(as_size(std::reduce(received.begin(), received.end()))), received);
  });

  // Where a parameter begins among the owned ones of the part.
  std::vector<std::pair<std::size_t, std::int64_t>> owned;
  std::int64_t place = 0;
  each_owned(part, own, [&](std::size_t i) {
    owned.emplace_back(i, place);
    place += parameters_[i]->value.size();
  });
  int level = 0;
  while ((std::int64_t{1} << level) < num_shards_) ++level;
  run_workers(static_cast<int>(workers.size()), std::ssize(owned), [&](int worker, std::int64_t k) {
    const auto [parameter, begin] = owned[as_size(k)];
    std::map<TreeNode, Tensor> views;
    std::int64_t block = 0;
    for (const auto& nodes : nodes_)
      for (const TreeNode& node : nodes) {
        views[node] = received_.slice(block + begin, parameters_[parameter]->value.size());
        block += part.num_values[as_size(own)];
      }
    Kernels& kernels = workers[as_size(worker)].kernels();
    const Tensor total = sum_of({.level = level, .index = 0}, views, kernels);
    Tensor whole = sum[parameter].view(total.shape());
    kernels.copy(total, whole);
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

const Gradients& RankExchange::add(const GradientTree& tree, std::span<const Device> workers) {
  // A part is overwritten after it has been sent.
  Gradients& sum = *tree.partial_sums().begin()->second;
  if (how_ == GradientSum::exact) {
    for (const Part& part : parts_) add_part(part, tree, workers, sum);
    return sum;
  }
  run_workers(static_cast<int>(workers.size()), std::ssize(parameters_),
              [&](int worker, std::int64_t parameter) {
                const std::size_t i = as_size(parameter);
                for (const auto& [node, gradients] : tree.partial_sums())
                  if (gradients != &sum)
                    workers[as_size(worker)].kernels().accumulate((*gradients)[i],
                                                                  {sum[i], Write::accumulate});
              });
  for (const Part& part : parts_) add_part_fast(part, sum);
  return sum;
}

void RankExchange::from_owners_to_all(const TensorOf& tensor) {
  const int own = ranks_.rank();
  for (const Part& part : parts_) {
    const std::span<float> all = std::span(packed_).first(as_size(part.total()));
    const std::int64_t place = std::reduce(part.num_values.begin(), part.num_values.begin() + own);
    pack(part, own, tensor, all.subspan(as_size(place)));
    ranks_.all_gather(all, part.num_values);
    std::span<const float> rest = all;
    for (int rank = 0; rank < ranks_.size(); ++rank) {
      if (rank == own) {
        rest = rest.subspan(as_size(part.num_values[as_size(rank)]));
      } else {
        rest = unpack(part, rank, tensor, rest);
      }
    }
  }
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

void RankExchange::from_owners_to_all(std::span<double> numbers) {
  Counts counts(nodes_.size());
  for (const int owner : owners_) ++counts[as_size(owner)];
  std::vector<double> by_owner(numbers.size());
  std::vector<std::size_t> order;  // of parameters in by_owner
  for (int rank = 0; rank < ranks_.size(); ++rank)
    for (std::size_t i = 0; i < owners_.size(); ++i)
      if (owners_[i] == rank) order.push_back(i);
  for (std::size_t k = 0; k < order.size(); ++k) by_owner[k] = numbers[order[k]];
  comm::all_gather_values(ranks_, std::span(by_owner), counts);
  for (std::size_t k = 0; k < order.size(); ++k) numbers[order[k]] = by_owner[k];
}

}  // namespace ddim::engine::train
