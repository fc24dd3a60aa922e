#pragma once

#include <memory>

#include <dnnl.hpp>

#include "backend/cpu/packed_parameters.h"
#include "backend/cpu/workspace.h"

namespace ddim::cpu {

/// What the kernels of one worker keep between calls. The oneDNN engine and the packed parameters
/// are shared with the worker that it was forked from; the rest is its own.
class Engine {
 public:
  /// Caps oneDNN and Highway at active_isa() for the whole process.
  Engine();
  /// For another worker of the same device.
  std::unique_ptr<Engine> fork() const;

  const dnnl::engine& onednn() const { return onednn_; }
  dnnl::stream& stream() { return stream_; }
  PackedParameters& packed_parameters() { return *packed_parameters_; }
  Workspace& workspace() { return workspace_; }

 private:
  Engine(const dnnl::engine& onednn, std::shared_ptr<PackedParameters> packed_parameters);

  dnnl::engine onednn_;
  std::shared_ptr<PackedParameters> packed_parameters_;
  dnnl::stream stream_;
  Workspace workspace_;
};

}  // namespace ddim::cpu
