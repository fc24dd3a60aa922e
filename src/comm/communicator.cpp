#include "comm/communicator.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "base/workers.h"

namespace ddim::engine::comm {
namespace {

class Single final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int num_threads() const override { return num_threads_of(0); }
  std::unique_ptr<UnderWay> start_exchange(std::span<const float> sent, Counts,
                                           std::span<float> received, Counts) override {
    std::ranges::copy(sent, received.begin());
    return std::make_unique<DoneAtOnce>();
  }
  void reduce_scatter(std::span<const float> sent, std::span<float> received, Counts) override {
    std::ranges::copy(sent, received.begin());
  }
  std::unique_ptr<UnderWay> start_all_gather(std::span<float>, Counts) override {
    return std::make_unique<DoneAtOnce>();
  }
  void all_gather_bytes(std::span<std::byte>, Counts) override {}
  void barrier() override {}
  void leave() override {}
  [[noreturn]] void abort(int exit_code) noexcept override { std::_Exit(exit_code); }
};

}  // namespace

std::unique_ptr<Communicator> make_single() { return std::make_unique<Single>(); }

std::vector<std::string> texts_of_all(Communicator& ranks, const std::string& text) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(ranks.size()));
  sizes[static_cast<std::size_t>(ranks.rank())] = std::ssize(text);
  all_gather_values(ranks, std::span(sizes), std::vector<std::int64_t>(sizes.size(), 1));
  std::string all(static_cast<std::size_t>(std::reduce(sizes.begin(), sizes.end())), '\0');
  const std::int64_t place = std::reduce(sizes.begin(), sizes.begin() + ranks.rank());
  std::ranges::copy(text, all.begin() + place);
  all_gather_values(ranks, std::span(all), sizes);
  std::vector<std::string> texts;
  std::size_t begin = 0;
  for (const std::int64_t size : sizes) {
    texts.push_back(all.substr(begin, static_cast<std::size_t>(size)));
    begin += static_cast<std::size_t>(size);
  }
  return texts;
}

std::optional<Difference> find_difference(Communicator& ranks, const std::string& text) {
  const std::vector<std::string> texts = texts_of_all(ranks, text);
  const auto other =
      std::ranges::find_if(texts, [&](const std::string& each) { return each != texts.front(); });
  if (other == texts.end()) return std::nullopt;
  return Difference{.rank = other - texts.begin(), .its = *other, .of_first = texts.front()};
}

std::vector<std::int64_t> counts_of_one(const Communicator& ranks, int rank, std::int64_t count) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(ranks.size()));
  counts[static_cast<std::size_t>(rank)] = count;
  return counts;
}

std::string text_of_first(Communicator& ranks, const std::string& text) {
  return texts_of_all(ranks, ranks.is_first() ? text : "").front();
}

}  // namespace ddim::engine::comm
