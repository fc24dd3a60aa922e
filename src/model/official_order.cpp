#include "model/official_order.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/error.h"

namespace ddim::engine::model {
namespace {

/// The parts of a name, each as its place among its siblings.
using Rank = std::vector<int>;

/// Names that stand beside one another, in their order.
constexpr std::array<std::string_view, 29> kSiblings = {
    // of the network
    "temb", "conv_in", "down", "mid", "up", "norm_out", "conv_out",
    // of temb
    "dense",
    // of a level
    "block", "attn", "downsample", "upsample",
    // of the middle
    "block_1", "attn_1", "block_2",
    // of a block
    "norm1", "conv1", "temb_proj", "norm2", "conv2", "nin_shortcut",
    // of an attention
    "norm", "q", "k", "v", "proj_out",
    // of downsample and upsample
    "conv",
    // of a layer
    "weight", "bias"};

int rank_of(std::string_view part, std::string_view name) {
  int number = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
  if (error == std::errc() && end == part.data() + part.size()) return number;
  const auto* const found = std::ranges::find(kSiblings, part);
  ensure(found != kSiblings.end(), "official_order: ", name, " is not a parameter's name");
  return static_cast<int>(found - kSiblings.begin());
}

Rank rank_of(std::string_view name) {
  Rank rank;
  for (std::string_view rest = name; !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    rank.push_back(rank_of(part, name));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  return rank;
}

}  // namespace

std::vector<std::size_t> official_order(const std::vector<std::string>& official_names) {
  std::vector<std::pair<Rank, std::size_t>> ranks;
  for (std::size_t i = 0; i < official_names.size(); ++i)
    ranks.emplace_back(rank_of(official_names[i]), i);
  std::ranges::sort(ranks);
  std::vector<std::size_t> order;
  for (const auto& [rank, place] : ranks) order.push_back(place);
  return order;
}

}  // namespace ddim::engine::model
