#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ddim::engine::io {

/// The kind of a value in a pickle. Nothing in a pickle is ever run: a `call` is only a record of a
/// function and its arguments, a `persistent` only a reference to an object outside the pickle.
enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,
  big_integer,  ///< beyond 64 bits: its little-endian bytes as text()
  real,
  text,
  bytes,
  list,
  tuple,
  dict,        ///< an OrderedDict too
  global,      ///< a function or type: "module name" as text()
  call,        ///< what one would return. Items: the global, the tuple of arguments; of an array of
               ///< NumPy, its state
  persistent,  ///< item: what identifies it
};

class PickleValue;

/// The values of one pickle. Texts point into the pickle's bytes where they are literal there.
/// Shared values appear once.
class PickleTree {
 public:
  PickleTree() = default;
  PickleTree(const PickleTree&) = delete;
  PickleTree& operator=(const PickleTree&) = delete;

  PickleValue root() const;
  std::uint32_t num_values() const { return static_cast<std::uint32_t>(nodes_.size()); }
  PickleValue value(std::uint32_t id) const;

  /// Why this tree cannot be walked: a value that contains itself, nesting deeper than 64, a
  /// dictionary with a repeated key.
  std::optional<std::string> problem() const;

 private:
  std::optional<std::string> circle_or_depth() const;
  std::optional<std::string> equal_keys() const;

  friend class PickleValue;
  friend class PickleReader;
  using Id = std::uint32_t;
  struct Node {
    PickleKind kind;
    std::uint32_t index;  ///< in texts or containers
    union {
      std::int64_t integer;
      double real;
    };
  };
  std::vector<Node> nodes_;
  std::vector<std::string_view> texts_;
  std::vector<std::vector<Id>> containers_;  ///< of a dict: key, value, key, value ...
  std::deque<std::string> owned_texts_;      ///< those that were written with escapes
  Id root_ = 0;
};

/// A handle to a value, valid as long as its tree. Using the accessor of another kind is a mistake
/// of the caller (assert).
class PickleValue {
 public:
  PickleKind kind() const { return node().kind; }
  bool is(PickleKind kind) const { return node().kind == kind; }

  std::int64_t integer() const;   ///< of an integer or boolean
  double real() const;            ///< of a real
  std::string_view text() const;  ///< of text, bytes, big_integer, global
  /// Items of a list, tuple, call or persistent; pairs of a dict; else 0.
  std::size_t size() const;
  PickleValue operator[](std::size_t i) const;
  std::pair<PickleValue, PickleValue> pair(std::size_t i) const;  ///< of a dict
  /// The value behind a text key of a dict; nullopt also where this is no dict.
  std::optional<PickleValue> find(std::string_view key) const;
  /// What identifies this value in its tree.
  std::uint32_t id() const { return id_; }

  /// "a list of 5", "text", "torch FloatStorage": for messages.
  std::string describe() const;

 private:
  friend class PickleTree;
  PickleValue(const PickleTree& tree, PickleTree::Id id) : tree_(&tree), id_(id) {}
  const PickleTree::Node& node() const { return tree_->nodes_[id_]; }
  const std::vector<PickleTree::Id>& items() const { return tree_->containers_[node().index]; }
  bool is_container() const { return PickleKind::list <= kind() && kind() != PickleKind::global; }

  const PickleTree* tree_;
  PickleTree::Id id_;
};

}  // namespace ddim::engine::io
