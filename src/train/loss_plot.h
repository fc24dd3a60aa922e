#pragma once

#include <span>
#include <string>

#include "train/metrics.h"

namespace ddim::engine::train {

/// The curves of a run as an SVG picture, one below the other over its steps: the loss and the loss
/// on data.validation on a logarithmic axis, the norm of the gradient on another, and the learning
/// rate. `lines` must hold one; beyond 800, neighbours are averaged.
std::string loss_plot(const std::string& title, std::span<const MetricsLine> lines);

}  // namespace ddim::engine::train
