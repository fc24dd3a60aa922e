#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace ddim::engine::comm {

/// This process and those that a launcher (mpirun, srun) started with it: `size()` ranks, of which
/// rank 0 is the first. But for abort(), everything here is done by all ranks together, in the same
/// order, and begins when the last of them has come. A rank that is dead or does not run ends the
/// processes of all ranks, see join_ranks().
class Communicator {
 public:
  /// A number for each rank.
  using Counts = std::span<const std::int64_t>;

  virtual ~Communicator() = default;
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  bool is_first() const { return rank() == 0; }
  /// The processors that this rank may use, without those that other ranks are to use.
  virtual int num_threads() const = 0;
  /// What to change in how the launcher was called, for the first rank to print; empty where all is
  /// well.
  virtual std::string advice() const { return ""; }

  /// What has begun. The caller may do other work, and begins nothing else before wait(); the
  /// values stay as they are until then.
  class UnderWay {
   public:
    UnderWay() = default;
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    virtual ~UnderWay() = default;
    virtual void wait() = 0;
  };

  /// Sends counts[r] values to each rank r and receives the same way; the parts stand one after the
  /// other, those of rank 0 first.
  virtual std::unique_ptr<UnderWay> start_exchange(std::span<const float> sent, Counts sent_counts,
                                                   std::span<float> received,
                                                   Counts received_counts) = 0;
  void exchange(std::span<const float> sent, Counts sent_counts, std::span<float> received,
                Counts received_counts) {
    start_exchange(sent, sent_counts, received, received_counts)->wait();
  }
  /// Adds the ranks' `sent` and gives each rank r its part of counts[r] sums; the parts stand one
  /// after the other. In which order ranks are added is not said.
  virtual void reduce_scatter(std::span<const float> sent, std::span<float> received,
                              Counts counts) = 0;
  /// `values` has a part for each rank, one after the other; this rank has filled in its own, and
  /// gets the others'.
  virtual std::unique_ptr<UnderWay> start_all_gather(std::span<float> values, Counts counts) = 0;
  void all_gather(std::span<float> values, Counts counts) {
    start_all_gather(values, counts)->wait();
  }
  virtual void all_gather_bytes(std::span<std::byte> bytes, Counts counts) = 0;
  virtual void barrier() = 0;
  /// What every rank does at the end, when all is well.
  virtual void leave() = 0;
  /// Ends the processes of all ranks, also those that do not answer.
  [[noreturn]] virtual void abort(int exit_code) noexcept = 0;
};

/// What was done when it began.
class DoneAtOnce final : public Communicator::UnderWay {
 public:
  void wait() override {}
};

/// A process by itself.
std::unique_ptr<Communicator> make_single();

/// all_gather_bytes() of values that are copied as bytes: a part for each rank.
template <class Value>
void all_gather_values(Communicator& ranks, std::span<Value> values, Communicator::Counts counts) {
  static_assert(std::is_trivially_copyable_v<Value>);
  std::vector<std::int64_t> num_bytes;
  for (const std::int64_t count : counts)
    num_bytes.push_back(count * static_cast<std::int64_t>(sizeof(Value)));
  ranks.all_gather_bytes(std::as_writable_bytes(values), num_bytes);
}

/// The texts of all ranks.
std::vector<std::string> texts_of_all(Communicator& ranks, const std::string& text);

/// What must be the same for all ranks, and is not.
struct Difference {
  std::ptrdiff_t rank;  ///< the lowest that differs from rank 0
  std::string its, of_first;
};
/// Nothing where all ranks have the same text.
std::optional<Difference> find_difference(Communicator& ranks, const std::string& text);

/// Counts of which only that of `rank` is not 0.
std::vector<std::int64_t> counts_of_one(const Communicator& ranks, int rank, std::int64_t count);

/// What the first rank has in `values`.
template <class Value>
void take_from_first(Communicator& ranks, std::span<Value> values) {
  const std::vector<std::int64_t> counts = counts_of_one(ranks, 0, std::ssize(values));
  if constexpr (std::is_same_v<Value, float>) {
    ranks.all_gather(values, counts);
  } else {
    all_gather_values(ranks, values, counts);
  }
}
std::string text_of_first(Communicator& ranks, const std::string& text);

}  // namespace ddim::engine::comm
