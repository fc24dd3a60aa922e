#pragma once

#include <ddim/train_config.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "tensor/block_sums.h"
#include "tensor/crew.h"
#include "tensor/parameter.h"
#include "train/gradient_tree.h"

namespace ddim::engine::train {

/// The shards of a step that `rank` of `num_ranks` computes: evenly many, consecutive ones.
ShardRange shards_of_rank(std::int64_t num_shards, int rank, int num_ranks);

/// Consecutive values of a parameter, in its memory's order. Their owner adds their gradients, and
/// keeps their moments and their average.
struct Slice {
  std::size_t parameter = 0;
  std::int64_t begin = 0;  ///< a whole number of blocks
  std::int64_t count = 0;
  int owner = 0;  ///< a rank
};

/// Who owns the values of parameters of these sizes. They go in parts of consecutive whole
/// parameters, each of `values_in_part` or as many more as its last one has. In a part, slices
/// stand in the parameters' order and in that of their owners, a rank has at most one of a
/// parameter, and every rank gets as many values as blocks of `block` let it. There are parts of
/// block * num_ranks at least.
std::vector<std::vector<Slice>> slices_of(std::span<const std::int64_t> sizes, int num_ranks,
                                          std::int64_t values_in_part,
                                          std::int64_t block = kBlockElements);

/// The values of `slice` in a tensor that has those of the whole parameter or of the slice alone;
/// one axis.
Tensor piece(const Tensor& tensor, const Slice& slice);

/// What goes between the ranks of a training: sums of gradients to the owners of slices, and from
/// them weights to all. It goes in parts of about 16 MB, so the memory that it takes does not grow
/// with the network. Everything here is done by all ranks together.
class RankExchange {
 public:
  /// Tensor of parameter `index`: its value, its moment, its average, of which piece() are the
  /// values of a slice.
  using TensorOf = std::function<Tensor&(std::size_t index)>;

  static constexpr std::int64_t kValuesInPart = std::int64_t{1} << 22;

  /// `ranks` must outlive this.
  RankExchange(comm::Communicator& ranks, const Device& device,
               const std::vector<const Parameter*>& parameters, std::int64_t num_shards,
               GradientSum how = GradientSum::exact, std::int64_t values_in_part = kValuesInPart,
               std::int64_t block = kBlockElements);

  /// Those that this rank owns, in the order of parameters.
  const std::vector<Slice>& own_slices() const { return own_slices_; }

  /// The gradients of the whole step, of the slices that this rank owns, from the partial sums of
  /// all ranks, added as GradientSum says (exact: as one process adds them). They stand in a buffer
  /// of `tree`.
  const Gradients& add(const GradientTree& tree, Crew& crew);

  /// Every rank gets the tensors of all from their owners.
  void from_owners_to_all(const TensorOf& tensor);
  /// The first rank gets the tensors of all from their owners, or gives them to these.
  void from_owners_to_first(const TensorOf& tensor);
  void from_first_to_owners(const TensorOf& tensor);
  void from_first_to_all(const TensorOf& tensor);
  /// The blocks of the slices that this rank owns.
  std::vector<Tensor> own_blocks(const Gradients& gradients) const;
  /// The sum of squares of each parameter, in the order of Kernels::sum_of_squares() on `cpu`, from
  /// that of each of own_blocks().
  std::vector<double> sums_of_squares(std::span<const double> of_own_blocks);

 private:
  using Counts = std::vector<std::int64_t>;
  /// Slices that go together, and how many values of them each rank owns.
  struct Part {
    std::vector<Slice> slices;
    Counts num_values = {};
    std::int64_t total() const;
    std::span<const Slice> owned_by(int rank) const;
  };

  std::int64_t num_blocks(const Slice& slice) const;
  /// The floats of the slices of `part` that `rank` owns, copied to or from `buffer`.
  std::span<float> pack(const Part& part, int rank, const TensorOf& tensor,
                        std::span<float> buffer) const;
  std::span<const float> unpack(const Part& part, int rank, const TensorOf& tensor,
                                std::span<const float> buffer) const;
  /// The sum of `node` over the views of one slice in received_, added in place.
  Tensor sum_of(const TreeNode& node, const std::map<TreeNode, Tensor>& views,
                Kernels& kernels) const;
  /// The partial sums of `part`, as they are sent.
  std::span<float> pack_sums(const Part& part, const GradientTree& tree, std::span<float> buffer);
  /// Sends `packed` and adds what comes; calls meanwhile() while it is on its way.
  void add_part(const Part& part, std::span<const float> packed, Crew& crew, Gradients& sum,
                const std::function<void()>& meanwhile);
  /// The half of packed_ for part p: while one is on its way, the next is packed.
  std::span<float> half(std::size_t p);
  /// The same by MPI's sum, of gradients that this rank has added.
  void add_part_fast(const Part& part, Gradients& sum);

  comm::Communicator& ranks_;
  std::vector<const Parameter*> parameters_;
  std::int64_t num_shards_;
  GradientSum how_;
  std::int64_t block_;
  std::vector<std::vector<TreeNode>> nodes_;  ///< of each rank
  std::vector<Part> parts_;
  std::vector<Slice> own_slices_;
  std::vector<float> packed_;
  Tensor received_;
};

}  // namespace ddim::engine::train
