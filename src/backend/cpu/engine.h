#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <dnnl.hpp>

#include <ddim/memory_use.h>
#include <ddim/precision.h>
#include "backend/cpu/conv_algorithm.h"
#include "backend/cpu/conv_primitives.h"
#include "backend/cpu/workspace.h"
#include "base/thread_team.h"

namespace ddim::engine::cpu {

/// Numbers for the weight formats that oneDNN chooses, which tell packed weights apart.
/// Thread-safe.
class FormatNumbers {
 public:
  int of(const dnnl::memory::desc& format);

 private:
  std::mutex mutex_;
  std::vector<dnnl::memory::desc> formats_;
};

/// What the kernels of one worker keep between calls, and how they are to compute. The oneDNN
/// engine and the numbers of its formats are shared with the worker that it was forked from;
/// primitives and scratch are its own.
class Engine {
 public:
  /// Caps Highway, and oneDNN where it can be, at active_isa() for the whole process. Reads
  /// DDIM_CONV.
  Engine(std::shared_ptr<ThreadTeam> team, Precision precision, MemoryUse memory_use);
  /// For another worker of the same device.
  std::unique_ptr<Engine> fork(std::shared_ptr<ThreadTeam> team) const;

  /// The threads that share out this worker's loops.
  ThreadTeam& team() { return *team_; }
  Precision precision() const { return precision_; }
  /// Whether products are of tiles of bf16 (AMX), fifteen times as fast as in fp32. The factors of
  /// weight gradients are rounded only then: they are what Adam adds up over thousands of steps.
  bool multiplies_tiles() const;
  /// Rows of the tiles that products are computed in: pieces of work have whole ones.
  std::int64_t tile_rows() const { return multiplies_tiles() ? 16 : 12; }
  MemoryUse memory_use() const { return memory_use_; }
  /// Which algorithms convolutions may be computed by.
  ConvAlgorithm conv_algorithm() const { return conv_algorithm_; }
  const dnnl::engine& onednn() const { return onednn_; }
  /// The stream of one of this worker's threads, 0..team().size()-1.
  dnnl::stream& stream(int thread) { return streams_[static_cast<std::size_t>(thread)]; }
  FormatNumbers& format_numbers() { return *format_numbers_; }
  Workspace& workspace() { return workspace_; }
  /// What a convolution makes of its input first: repeated pixels, or windows side by side.
  Workspace& rearranged() { return rearranged_; }

  // Primitives, made at the first call with a shape.
  ConvForward& conv_forward(const ConvForwardKey& key);
  ConvBackward& conv_backward_input(const ConvShape& shape);
  ConvBackward& conv_backward_weight(const ConvShape& shape);

 private:
  /// Shares what workers share.
  Engine(const Engine& other, std::shared_ptr<ThreadTeam> team);
  void make_streams();

  std::shared_ptr<ThreadTeam> team_;
  Precision precision_;
  MemoryUse memory_use_;
  ConvAlgorithm conv_algorithm_;
  dnnl::engine onednn_;
  std::shared_ptr<FormatNumbers> format_numbers_;
  std::vector<dnnl::stream> streams_;
  Workspace workspace_;
  Workspace rearranged_;
  std::map<ConvForwardKey, ConvForward> conv_forward_;
  std::map<ConvShape, ConvBackward> conv_backward_input_;
  std::map<ConvShape, ConvBackward> conv_backward_weight_;
};

}  // namespace ddim::engine::cpu
