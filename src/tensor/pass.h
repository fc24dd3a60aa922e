#pragma once

namespace ddim::engine {

/// What the products of a layer are for: its output, the gradient of its input, or that of its
/// weights.
enum class Pass { forward, backward_input, backward_weight };

}  // namespace ddim::engine
