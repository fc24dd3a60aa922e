#include "io/pickle_value.h"

#include <algorithm>
#include <cassert>

#include "base/error.h"
#include "io/tensor_table.h"

namespace ddim::engine::io {

PickleValue PickleTree::root() const { return {*this, root_}; }
PickleValue PickleTree::value(std::uint32_t id) const { return {*this, id}; }

std::optional<std::string> PickleTree::problem() const {
  if (auto found = circle_or_depth()) return found;
  return equal_keys();
}

/// Walks from the root without recursion; the height of a value is 1 more than of its items.
std::optional<std::string> PickleTree::circle_or_depth() const {
  constexpr int kMaxDepth = 64;
  constexpr std::uint8_t kUnseen = 0, kOpen = 255;
  struct Open {
    Id id;
    std::size_t next;
  };
  std::vector<std::uint8_t> height(nodes_.size(), kUnseen);
  std::vector<Open> path;
  const auto open = [&](Id id) {  // false for a value that is open already
    if (height[id] == kOpen) return false;
    if (height[id] != kUnseen) return true;
    const bool is_container = value(id).is_container();
    height[id] = is_container ? kOpen : 1;
    if (is_container) path.push_back({id, 0});
    return true;
  };
  open(root_);
  while (!path.empty()) {
    const Id id = path.back().id;
    const std::vector<Id>& items = value(id).items();
    if (path.back().next < items.size()) {
      if (!open(items[path.back().next++])) return "a value contains itself";
      continue;
    }
    int highest = 0;
    for (const Id item : items) highest = std::max(highest, int{height[item]});
    if (highest >= kMaxDepth) return concat("it nests deeper than ", kMaxDepth);
    height[id] = static_cast<std::uint8_t>(highest + 1);
    path.pop_back();
  }
  return std::nullopt;
}

std::optional<std::string> PickleTree::equal_keys() const {
  std::vector<std::string_view> texts;
  std::vector<std::int64_t> integers;
  for (Id id = 0; id < nodes_.size(); ++id) {
    if (nodes_[id].kind != PickleKind::dict) continue;
    texts.clear();
    integers.clear();
    const PickleValue dict = value(id);
    for (std::size_t i = 0; i < dict.size(); ++i) {
      const PickleValue key = dict.pair(i).first;
      if (key.is(PickleKind::text)) texts.push_back(key.text());
      if (key.is(PickleKind::integer)) integers.push_back(key.integer());
    }
    std::ranges::sort(texts);
    std::ranges::sort(integers);
    if (const auto twin = std::ranges::adjacent_find(texts); twin != texts.end())
      return concat("a dictionary has the key ", display_name(*twin), " twice");
    if (const auto twin = std::ranges::adjacent_find(integers); twin != integers.end())
      return concat("a dictionary has the key ", *twin, " twice");
  }
  return std::nullopt;
}

std::int64_t PickleValue::integer() const {
  assert(is(PickleKind::integer) || is(PickleKind::boolean));
  return node().integer;
}

double PickleValue::real() const {
  assert(is(PickleKind::real));
  return node().real;
}

std::string_view PickleValue::text() const {
  assert(is(PickleKind::text) || is(PickleKind::bytes) || is(PickleKind::big_integer) ||
         is(PickleKind::global));
  return tree_->texts_[node().index];
}

std::size_t PickleValue::size() const {
  if (!is_container()) return 0;
  return is(PickleKind::dict) ? items().size() / 2 : items().size();
}

PickleValue PickleValue::operator[](std::size_t i) const {
  assert(is_container() && !is(PickleKind::dict) && i < items().size());
  return {*tree_, items()[i]};
}

std::pair<PickleValue, PickleValue> PickleValue::pair(std::size_t i) const {
  assert(is(PickleKind::dict) && 2 * i + 1 < items().size());
  return {PickleValue(*tree_, items()[2 * i]), PickleValue(*tree_, items()[2 * i + 1])};
}

std::optional<PickleValue> PickleValue::find(std::string_view key) const {
  if (!is(PickleKind::dict)) return std::nullopt;
  for (std::size_t i = 0; i < size(); ++i) {
    const auto [found, value] = pair(i);
    if (found.is(PickleKind::text) && found.text() == key) return value;
  }
  return std::nullopt;
}

std::string PickleValue::describe() const {
  switch (kind()) {
    case PickleKind::none:
      return "None";
    case PickleKind::boolean:
      return integer() != 0 ? "True" : "False";
    case PickleKind::integer:
      return concat("the number ", integer());
    case PickleKind::big_integer:
      return "a number beyond 64 bits";
    case PickleKind::real:
      return concat("the number ", real());
    case PickleKind::text:
      return concat("the text ", display_name(text()));
    case PickleKind::bytes:
      return concat(text().size(), " bytes");
    case PickleKind::list:
      return concat("a list of ", size());
    case PickleKind::tuple:
      return concat("a tuple of ", size());
    case PickleKind::dict:
      return concat("a dictionary of ", size());
    case PickleKind::global:
      return std::string(text());
    case PickleKind::call: {
      std::string type((*this)[0].text());
      std::ranges::replace(type, ' ', '.');
      return "an object of " + type;
    }
    case PickleKind::persistent:
      return "a reference";
  }
  return {};
}

}  // namespace ddim::engine::io
