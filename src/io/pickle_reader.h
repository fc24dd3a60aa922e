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

/// Which functions and types a pickle may name.
enum class PickleGlobals {
  weights,  ///< what a checkpoint of PyTorch needs: OrderedDict, the rebuilding of tensors,
            ///< storages
  arrays,   ///< NumPy's arrays instead: a call and, as its third item, the state that it is given
};

/// Reads a Python pickle of protocol 0 to 5 as plain values and runs nothing: of functions and
/// types it may name those that `globals` says, and calls of them are kept as they are written.
/// Error(corrupt), naming `file_name`: any other global by its name; an operation on something of
/// the wrong kind, an empty stack, a memo that was not filled; keys of a dictionary that are not
/// text or whole numbers, or are there twice; values that contain themselves or nest deeper than
/// 64; more than 500,000 values or 4,000,000 operations; anything cut short. Takes memory in
/// proportion to the pickle, never for a size that it merely states. `bytes` must outlive the tree.
ParsedPickle parse_pickle(std::span<const std::byte> bytes, const std::string& file_name,
                          PickleGlobals globals = PickleGlobals::weights);

}  // namespace ddim::engine::io
