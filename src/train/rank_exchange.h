#pragma once

#include <ddim/train_config.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "tensor/parameter.h"
#include "train/gradient_tree.h"

namespace ddim::engine::train {

/// The shards of a step that `rank` of `num_ranks` computes: evenly many, consecutive ones.
ShardRange shards_of_rank(std::int64_t num_shards, int rank, int num_ranks);

/// The rank that owns each parameter: adds its gradients, and keeps its moments and its average.
/// Every rank gets about as many values.
std::vector<int> owners_of(const std::vector<const Parameter*>& parameters, int num_ranks);

/// What goes between the ranks of a training: sums of gradients to the owners of parameters, and
/// from them weights to all. It goes in parts of about 16 MB, so the memory that it takes does not
/// grow with the network. Everything here is done by all ranks together.
class RankExchange {
 public:
  /// Tensor of parameter `index`: its value, its moment, its average.
  using TensorOf = std::function<Tensor&(std::size_t index)>;

  static constexpr std::int64_t kValuesInPart = std::int64_t{1} << 22;

  /// `ranks` must outlive this.
  RankExchange(comm::Communicator& ranks, const Device& device,
               const std::vector<const Parameter*>& parameters, std::int64_t num_shards,
               GradientSum how = GradientSum::exact, std::int64_t values_in_part = kValuesInPart);

  bool is_own(std::size_t parameter) const { return owners_[parameter] == ranks_.rank(); }

  /// The gradients of the whole step, of the parameters that this rank owns, from the partial sums
  /// of all ranks, added as GradientSum says (exact: as one process adds them). They stand in a
  /// buffer of `tree`.
  const Gradients& add(const GradientTree& tree, std::span<const Device> workers);

  /// Every rank gets the tensors of all from their owners.
  void from_owners_to_all(const TensorOf& tensor);
  /// The first rank gets the tensors of all from their owners, or gives them to these.
  void from_owners_to_first(const TensorOf& tensor);
  void from_first_to_owners(const TensorOf& tensor);
  void from_first_to_all(const TensorOf& tensor);
  /// One number for each parameter; those of other owners are filled in.
  void from_owners_to_all(std::span<double> numbers);

 private:
  using Counts = std::vector<std::int64_t>;
  /// Consecutive parameters that go together, and how many values of them each rank owns.
  struct Part {
    std::size_t first = 0;
    std::size_t end = 0;
    Counts num_values = {};
    std::int64_t total() const;
  };

  /// Calls visit(index) for the parameters of `part` that `rank` owns.
  template <class Visit>
  void each_owned(const Part& part, int rank, const Visit& visit) const;
  /// The floats of the parameters of `part` that `rank` owns, copied to or from `buffer`.
  std::span<float> pack(const Part& part, int rank, const TensorOf& tensor,
                        std::span<float> buffer) const;
  std::span<const float> unpack(const Part& part, int rank, const TensorOf& tensor,
                                std::span<const float> buffer) const;
  /// The sum of `node` over the views of one parameter in received_, added in place.
  Tensor sum_of(const TreeNode& node, const std::map<TreeNode, Tensor>& views,
                Kernels& kernels) const;
  void add_part(const Part& part, const GradientTree& tree, std::span<const Device> workers,
                Gradients& sum);
  /// The same by MPI's sum, of gradients that this rank has added.
  void add_part_fast(const Part& part, Gradients& sum);

  comm::Communicator& ranks_;
  std::vector<const Parameter*> parameters_;
  std::int64_t num_shards_;
  GradientSum how_;
  std::vector<int> owners_;
  std::vector<std::vector<TreeNode>> nodes_;  ///< of each rank
  std::vector<Part> parts_;
  std::vector<float> packed_;
  Tensor received_;
};

}  // namespace ddim::engine::train
