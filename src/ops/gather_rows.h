#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tape.h"

namespace ddim::engine {

/// Row rows[n] of a table for each image n (an embedding), on `device`, which is where the network
/// runs: table [K,C], N rows -> [N,C].
/// Throws Error(user) for a row that the table does not have.
Var gather_rows(Tape& tape, const Device& device, const Var& table, std::vector<std::int64_t> rows);

}  // namespace ddim::engine
