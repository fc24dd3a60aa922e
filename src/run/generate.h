#pragma once

#include <ddim/sample.h>

#include <cstdint>

#include "run/network.h"

namespace ddim::engine::run {

struct Generated {
  Samples samples;  ///< without a recipe
  /// How often a step asked the system for activation memory: 0, since all is planned before.
  std::int64_t num_step_allocations = 0;
};

/// Error(user), before anything is computed, for what generate() would refuse: an empty plan,
/// counts, states, pictures or a mask that do not fit the network, and a t that it has no meaning
/// for.
void check_options(const TrainedNetwork& model, const Plan& plan, const SampleOptions& options);

/// Draws pictures along `plan` (options.plan is not looked at): sampler, workers and memory plan
/// put together, from noise, given states or pictures. Picture k is bit for bit the same for every
/// count, batch and number of threads. Throws as check_options(), Error(user) also for a class that
/// the network has no meaning for (before it is called); Error(numeric), naming image, step and
/// layer, when the network produces NaN or infinity; Error(interrupted) when a stop was requested.
/// With a sink, the pictures go there and none are returned.
Generated generate(const TrainedNetwork& model, const Plan& plan, const SampleOptions& options,
                   const PictureSink& sink = {});

}  // namespace ddim::engine::run
