#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "io/pickle_value.h"

namespace ddim::engine::io {

struct ParsedPickle {
  std::unique_ptr<const PickleTree> tree;
  std::size_t num_bytes;  ///< up to and including its STOP; what follows is for the caller to judge
};

/// Reads a Python pickle of protocol 0 to 5 as plain values and runs nothing: calls of functions
/// and types are kept as they are written, without the state that an object is given (but for
/// NumPy's arrays and types, which have it as their third item). An object that is given items is
/// the dict or the list that its type is made from; a set is a list. Error(corrupt), naming
/// `file_name`: a function that has no place in data and that attacks use (os.system, eval ...), by
/// its name; an operation on something of the wrong kind, an empty stack, a memo that was not
/// filled; lists or dictionaries as keys; text or whole numbers as keys twice; values that contain
/// themselves or nest deeper than 64; more than 500,000 values, 10,000 types and functions, or
/// 4,000,000 operations; anything cut short. Takes memory in proportion to the pickle, never for a
/// size that it merely states. `bytes` must outlive the tree.
ParsedPickle parse_pickle(std::span<const std::byte> bytes, const std::string& file_name);

}  // namespace ddim::engine::io
