#pragma once

#include <map>
#include <memory>
#include <vector>

#include <dnnl.hpp>

#include <ddim/memory_use.h>
#include <ddim/precision.h>
#include "backend/cpu/conv_primitives.h"
#include "backend/cpu/packed_parameters.h"
#include "backend/cpu/workspace.h"
#include "base/thread_team.h"

namespace ddim::cpu {

/// What the kernels of one worker keep between calls. The oneDNN engine and the packed parameters
/// are shared with the worker that it was forked from; the rest is its own.
class Engine {
 public:
  /// Caps Highway, and oneDNN where it can be, at active_isa() for the whole process.
  Engine(int num_threads, Precision precision, MemoryUse memory_use);
  /// For another worker of the same device.
  std::unique_ptr<Engine> fork(int num_threads) const;

  /// The threads that share out this worker's loops.
  ThreadTeam& team() { return team_; }
  const ThreadTeam& team() const { return team_; }
  Precision precision() const { return precision_; }
  MemoryUse memory_use() const { return memory_use_; }
  const dnnl::engine& onednn() const { return onednn_; }
  /// The stream of one of this worker's threads, 0..num_threads-1.
  dnnl::stream& stream(int thread) { return streams_[static_cast<std::size_t>(thread)]; }
  PackedParameters& packed_parameters() { return *packed_parameters_; }
  Workspace& workspace() { return workspace_; }
  /// What a convolution makes of its input first: repeated pixels, or windows side by side.
  Workspace& rearranged() { return rearranged_; }

  // Primitives, made at the first call with a shape.
  ConvForward& conv_forward(const ConvForwardKey& key);
  ConvBackward& conv_backward_input(const ConvShape& shape);
  ConvBackward& conv_backward_weight(const ConvShape& shape);

 private:
  Engine(const dnnl::engine& onednn, std::shared_ptr<PackedParameters> packed_parameters,
         int num_threads, Precision precision, MemoryUse memory_use);

  ThreadTeam team_;
  Precision precision_;
  MemoryUse memory_use_;
  dnnl::engine onednn_;
  std::shared_ptr<PackedParameters> packed_parameters_;
  std::vector<dnnl::stream> streams_;
  Workspace workspace_;
  Workspace rearranged_;
  std::map<ConvForwardKey, ConvForward> conv_forward_;
  std::map<ConvShape, ConvBackward> conv_backward_input_;
  std::map<ConvShape, ConvBackward> conv_backward_weight_;
};

}  // namespace ddim::cpu
