#include "backend/cuda/emulated_library.h"

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "backend/cuda/device/kernel_table.h"
#include "backend/cuda/emulated_memory.h"
#include "backend/cuda/launch_queue.h"
#include "backend/cuda/staging.h"

namespace ddim::engine::cuda {
namespace {

constexpr int kMaxSharedBytes = 227 << 10;  // of an H100
constexpr int kNumMultiprocessors = 2;      // so that small problems have the large problems' tiles
constexpr std::size_t kHalfBytes = 4096;    // so that halves take turns

const KernelTable& table() {
  static const KernelTable kernels = all_kernels();
  return kernels;
}

std::array<std::atomic<std::size_t>, static_cast<std::size_t>(KernelId::count)> launches_of_kernel;
std::atomic<std::size_t> launches_in_graphs;

/// What was asked for and is not done yet.
using Pending = std::vector<std::function<void()>>;

void run_now(const Launched& launched, emulation::Order order) {
  struct Call {
    const KernelEntry& entry;
    const void* arguments;
  } const call{table()[launched.kernel], launched.arguments.data()};
  const LaunchShape& shape = launched.shape;
  ++launches_of_kernel[static_cast<std::size_t>(launched.kernel)];
  emulation::run(
      {.grid = {shape.grid[0], shape.grid[1], shape.grid[2]},
       .block = {shape.threads},
       .shared_bytes = shape.shared_bytes,
       .order = order},
      [](const void* argument) {
        const auto& c = *static_cast<const Call*>(argument);
        c.entry.call(c.entry.kernel, c.arguments);
      },
      &call);
}

class Executor {
 public:
  Executor(Pending& pending, emulation::Order order) : pending_(&pending), order_(order) {}

  struct Graph {
    std::vector<Launched> nodes;
  };

  const char* launch(const Launched& launched) {
    pending_->push_back([launched, order = order_] { run_now(launched, order); });
    return nullptr;
  }
  static std::unique_ptr<Graph> make_graph(const std::vector<Launched>& all) {
    return std::make_unique<Graph>(all);
  }
  static bool change(Graph& graph, std::size_t place, const Launched& launched) {
    graph.nodes[place].arguments = launched.arguments;
    return true;
  }
  const char* launch(const Graph& graph) {
    launches_in_graphs += graph.nodes.size();
    for (const Launched& node : graph.nodes) launch(node);
    return nullptr;
  }

 private:
  Pending* pending_;
  emulation::Order order_;
};

void finish_pending(Pending& pending) {
  if (pending.empty()) return;
  const emulation::MemoryAccess access;
  for (const std::function<void()>& operation : pending) operation();
  pending.clear();
}

class Copier {
 public:
  Copier(Pending& pending, std::vector<std::byte>& pinned) : pending_(&pending), pinned_(&pinned) {}

  std::byte* half(int which) {
    return pinned_->data() + static_cast<std::size_t>(which) * kHalfBytes;
  }
  const char* begin(const std::byte* from, std::byte* to, std::size_t num_bytes) {
    pending_->push_back([=] { std::memcpy(to, from, num_bytes); });
    return nullptr;
  }
  static const char* mark(int) { return nullptr; }
  const char* wait(int) {
    finish_pending(*pending_);
    return nullptr;
  }

 private:
  Pending* pending_;
  std::vector<std::byte>* pinned_;
};

struct Stream {
  explicit Stream(emulation::Order order)
      : pinned(2 * kHalfBytes),
        launches(Executor(pending, order)),
        staging(Copier(pending, pinned), kHalfBytes) {}

  const char* finish_all() {
    if (const char* error = launches.flush()) return error;
    finish_pending(pending);
    return nullptr;
  }

  std::mutex mutex;
  Pending pending;
  std::vector<std::byte> pinned;
  LaunchQueue<Executor> launches;
  Staging<Copier> staging;
};
Stream& stream_of(void* stream) { return *static_cast<Stream*>(stream); }

template <emulation::Order kOrder>
const char* start(GpuDescription* description, void** stream) {
  *description = {.name = "emulation",
                  .total_bytes = emulation::kMemoryBytes,
                  .free_bytes = emulation::free_memory_bytes(),
                  .max_shared_bytes = kMaxSharedBytes,
                  .num_multiprocessors = kNumMultiprocessors};
  *stream = new Stream(kOrder);
  return nullptr;
}
void finish(void* stream) {
  stream_of(stream).finish_all();
  delete &stream_of(stream);
}
const char* allocate(std::size_t num_bytes, void** data) {
  *data = emulation::allocate_memory(num_bytes);
  return nullptr;
}
void deallocate(void* stream, void* data) {
  Stream& s = stream_of(stream);
  const std::lock_guard lock(s.mutex);
  s.finish_all();
  emulation::free_memory(data);
}
const char* copy_to_device(void* stream, const void* from, void* to, std::size_t num_bytes) {
  if (!emulation::is_device_memory(to, num_bytes)) return "invalid argument";
  Stream& s = stream_of(stream);
  const std::lock_guard lock(s.mutex);
  if (const char* error = s.launches.flush()) return error;
  return s.staging.copy(from, to, num_bytes);
}
const char* copy_to_host(void* stream, const void* from, void* to, std::size_t num_bytes) {
  if (!emulation::is_device_memory(from, num_bytes)) return "invalid argument";
  Stream& s = stream_of(stream);
  const std::lock_guard lock(s.mutex);
  if (const char* error = s.finish_all()) return error;
  const emulation::MemoryAccess access;
  std::memcpy(to, from, num_bytes);
  return nullptr;
}
const char* synchronize(void* stream) {
  Stream& s = stream_of(stream);
  const std::lock_guard lock(s.mutex);
  return s.finish_all();
}
const char* begin(void* stream) {
  Stream& s = stream_of(stream);
  const std::lock_guard lock(s.mutex);
  return s.launches.flush();
}

const char* launch(void* stream, KernelId kernel, const LaunchShape& shape, const void* arguments,
                   std::size_t argument_bytes) {
  if (table()[kernel].argument_bytes != argument_bytes) return "the arguments are another kernel's";
  if (shape.threads == 0 || shape.threads > 1024 || shape.shared_bytes > kMaxSharedBytes ||
      shape.grid[1] > kMaxGridDepth || shape.grid[2] > kMaxGridDepth)
    return "invalid configuration argument";
  Stream& s = stream_of(stream);
  const std::lock_guard lock(s.mutex);
  return s.launches.add(kernel, shape, arguments, argument_bytes);
}

template <emulation::Order kOrder>
constexpr Library kLibrary{.version = kLibraryVersion,
                           .start = start<kOrder>,
                           .finish = finish,
                           .allocate = allocate,
                           .deallocate = deallocate,
                           .free_bytes = emulation::free_memory_bytes,
                           .copy_to_device = copy_to_device,
                           .copy_to_host = copy_to_host,
                           .synchronize = synchronize,
                           .begin = begin,
                           .launch = launch};

}  // namespace

const Library& emulated_library(emulation::Order order) {
  switch (order) {
    case emulation::Order::forward:
      return kLibrary<emulation::Order::forward>;
    case emulation::Order::backward:
      return kLibrary<emulation::Order::backward>;
    case emulation::Order::shuffled:
      return kLibrary<emulation::Order::shuffled>;
  }
  return kLibrary<emulation::Order::forward>;
}

std::size_t emulation::num_launches(KernelId kernel) {
  return launches_of_kernel[static_cast<std::size_t>(kernel)];
}
std::size_t emulation::num_launches_in_graphs() { return launches_in_graphs; }

}  // namespace ddim::engine::cuda
