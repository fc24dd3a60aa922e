// libddim_cuda.so: the one file that calls CUDA. Compiled by nvcc.
#include <cuda_runtime.h>

#include <mutex>

#include "backend/cuda/device/kernel_table.h"
#include "backend/cuda/launch_queue.h"
#include "backend/cuda/staging.h"

namespace ddim::engine::cuda {
namespace {

const char* message_of(cudaError_t error) {
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}
const KernelTable& table() {
  static const KernelTable kernels = all_kernels();
  return kernels;
}

/// Makes the GPU that this library uses the calling thread's, until its end: a program may have
/// chosen another one for itself.
class OurGpu {
 public:
  OurGpu() {
    if (cudaGetDevice(&before_) == cudaSuccess && before_ != kGpu) cudaSetDevice(kGpu);
  }
  ~OurGpu() {
    if (before_ != kGpu) cudaSetDevice(before_);
  }
  OurGpu(const OurGpu&) = delete;
  OurGpu& operator=(const OurGpu&) = delete;

 private:
  static constexpr int kGpu = 0;
  int before_ = kGpu;
};

/// More than 48 KiB of shared memory is for those who ask.
cudaError_t allow_shared_memory(int max_bytes) {
  for (const KernelEntry& entry : table().entries) {
    cudaFuncAttributes attributes;
    if (const cudaError_t error = cudaFuncGetAttributes(&attributes, entry.kernel)) return error;
    const int bytes = max_bytes - static_cast<int>(attributes.sharedSizeBytes);
    if (const cudaError_t error =
            cudaFuncSetAttribute(entry.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes))
      return error;
  }
  return cudaSuccess;
}

/// Begins kernels in a stream.
class Executor {
 public:
  explicit Executor(cudaStream_t stream) : stream_(stream) {}

  struct Graph {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t ready = nullptr;
    std::vector<cudaGraphNode_t> nodes;  // each after the one before it
    Graph() = default;
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;
    ~Graph() {
      if (ready != nullptr) cudaGraphExecDestroy(ready);
      if (graph != nullptr) cudaGraphDestroy(graph);
    }
  };

  const char* launch(const Launched& launched) {
    Call call(launched);
    const cudaKernelNodeParams& p = call.parameters;
    return message_of(
        cudaLaunchKernel(p.func, p.gridDim, p.blockDim, p.kernelParams, p.sharedMemBytes, stream_));
  }
  std::unique_ptr<Graph> make_graph(const std::vector<Launched>& all) {
    auto made = std::make_unique<Graph>();
    if (!succeeds(cudaGraphCreate(&made->graph, 0))) return nullptr;
    for (const Launched& launched : all) {
      Call call(launched);
      const bool is_first = made->nodes.empty();
      const cudaGraphNode_t* before = is_first ? nullptr : &made->nodes.back();
      cudaGraphNode_t node;
      if (!succeeds(cudaGraphAddKernelNode(&node, made->graph, before, is_first ? 0 : 1,
                                           &call.parameters)))
        return nullptr;
      made->nodes.push_back(node);
    }
    if (!succeeds(cudaGraphInstantiate(&made->ready, made->graph, 0))) return nullptr;
    return made;
  }
  bool change(Graph& graph, std::size_t place, const Launched& launched) {
    Call call(launched);
    return succeeds(
        cudaGraphExecKernelNodeSetParams(graph.ready, graph.nodes[place], &call.parameters));
  }
  const char* launch(Graph& graph) { return message_of(cudaGraphLaunch(graph.ready, stream_)); }

 private:
  struct Call {
    explicit Call(const Launched& launched)
        : argument(const_cast<std::byte*>(launched.arguments.data())) {
      const LaunchShape& shape = launched.shape;
      parameters.func = const_cast<void*>(table()[launched.kernel].kernel);
      parameters.gridDim = dim3(shape.grid[0], shape.grid[1], shape.grid[2]);
      parameters.blockDim = dim3(shape.threads);
      parameters.sharedMemBytes = shape.shared_bytes;
      parameters.kernelParams = &argument;
    }
    void* argument;
    cudaKernelNodeParams parameters = {};
  };
  static bool succeeds(cudaError_t error) {
    if (error != cudaSuccess) cudaGetLastError();  // nobody else is to find it
    return error == cudaSuccess;
  }

  cudaStream_t stream_;
};

/// Pinned memory, whose copies are begun in a stream.
class Copier {
 public:
  static constexpr std::size_t kHalfBytes = std::size_t{4} << 20;

  explicit Copier(cudaStream_t stream) : stream_(stream) {}
  const char* prepare() {
    void* data = nullptr;
    if (const cudaError_t error = cudaMallocHost(&data, 2 * kHalfBytes)) return message_of(error);
    pinned_ = static_cast<std::byte*>(data);
    for (cudaEvent_t& event : done_)
      if (const cudaError_t error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming))
        return message_of(error);
    return nullptr;
  }
  void release() {
    for (cudaEvent_t event : done_) cudaEventDestroy(event);
    cudaFreeHost(pinned_);
  }

  std::byte* half(int which) const { return pinned_ + which * kHalfBytes; }
  const char* begin(const std::byte* from, std::byte* to, std::size_t num_bytes) {
    return message_of(cudaMemcpyAsync(to, from, num_bytes, cudaMemcpyHostToDevice, stream_));
  }
  const char* mark(int which) { return message_of(cudaEventRecord(done_[which], stream_)); }
  const char* wait(int which) { return message_of(cudaEventSynchronize(done_[which])); }

 private:
  cudaStream_t stream_;
  std::byte* pinned_ = nullptr;
  cudaEvent_t done_[2] = {};
};

/// What functions are given as `stream`. Several threads may use it.
struct Stream {
  Stream(cudaStream_t made, const Copier& copier)
      : stream(made),
        pinned(copier),
        launches(Executor(made)),
        staging(copier, Copier::kHalfBytes) {}

  const char* prepare() {
    for (cudaEvent_t& event : begun)
      if (const cudaError_t error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming))
        return message_of(error);
    return nullptr;
  }
  /// Waits until what was begun kMostBegun calls before is done.
  const char* limit_work_ahead() {
    cudaEvent_t& event = begun[num_begun++ % kMostBegun];
    if (const cudaError_t error = cudaEventSynchronize(event)) return message_of(error);
    return message_of(cudaEventRecord(event, stream));
  }

  static constexpr std::size_t kMostBegun = 4;
  std::mutex mutex;
  cudaStream_t stream;
  Copier pinned;
  LaunchQueue<Executor> launches;
  Staging<Copier> staging;
  cudaEvent_t begun[kMostBegun] = {};
  std::size_t num_begun = 0;
};
Stream& stream_of(void* stream) { return *static_cast<Stream*>(stream); }

/// The use of a stream by one thread.
class Use {
 public:
  explicit Use(void* stream) : lock_(stream_of(stream).mutex) {}

 private:
  OurGpu gpu_;
  std::lock_guard<std::mutex> lock_;
};

const char* start(GpuDescription* description, void** stream) {
  int driver = 0, num_gpus = 0;
  cudaDriverGetVersion(&driver);
  if (driver == 0) return "there is no NVIDIA driver (nvidia-smi shows whether one works)";
  if (driver < CUDART_VERSION / 1000 * 1000)
    return "the NVIDIA driver is too old: CUDA 13 needs version 580 or newer (see nvidia-smi)";
  if (const cudaError_t error = cudaGetDeviceCount(&num_gpus)) return message_of(error);
  if (num_gpus == 0) return "there is no GPU";
  cudaDeviceProp properties;
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, 0)) return message_of(error);
  if (properties.major < 8) return "the GPU is older than compute capability 8.0 (Ampere)";
  const OurGpu gpu;
  const int max_shared_bytes = static_cast<int>(properties.sharedMemPerBlockOptin);
  if (const cudaError_t error = allow_shared_memory(max_shared_bytes)) return message_of(error);
  cudaStream_t made;
  if (const cudaError_t error = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking))
    return message_of(error);
  Copier copier(made);
  if (const char* error = copier.prepare()) return error;
  auto* const all = new Stream(made, copier);
  if (const char* error = all->prepare()) return error;
  *stream = all;
  *description = {};
  for (int i = 0; i < 127 && properties.name[i] != 0; ++i)
    description->name[i] = properties.name[i];
  description->max_shared_bytes = max_shared_bytes;
  description->num_multiprocessors = properties.multiProcessorCount;
  return message_of(cudaMemGetInfo(&description->free_bytes, &description->total_bytes));
}

const char* flush_and_wait(Stream& s) {
  if (const char* error = s.launches.flush()) return error;
  return message_of(cudaStreamSynchronize(s.stream));
}

void finish(void* stream) {
  const OurGpu gpu;
  Stream* const s = &stream_of(stream);
  flush_and_wait(*s);
  const cudaStream_t made = s->stream;
  Copier pinned = s->pinned;
  for (cudaEvent_t event : s->begun) cudaEventDestroy(event);
  delete s;  // its graphs before the stream
  pinned.release();
  cudaStreamDestroy(made);
}

const char* allocate(std::size_t num_bytes, void** data) {
  const OurGpu gpu;
  *data = nullptr;
  const cudaError_t error = cudaMalloc(data, num_bytes);
  if (error == cudaErrorMemoryAllocation) cudaGetLastError();  // nobody else is to find it
  return error == cudaErrorMemoryAllocation ? nullptr : message_of(error);
}
void deallocate(void* stream, void* data) {
  Stream& s = stream_of(stream);
  const Use use(stream);
  flush_and_wait(s);  // what went wrong is said by the next function that can
  cudaFree(data);
}
std::size_t free_bytes() {
  const OurGpu gpu;
  std::size_t available = 0, total = 0;
  cudaMemGetInfo(&available, &total);
  return available;
}

const char* synchronize(void* stream) {
  Stream& s = stream_of(stream);
  const Use use(stream);
  return flush_and_wait(s);
}
const char* copy_to_device(void* stream, const void* from, void* to, std::size_t num_bytes) {
  Stream& s = stream_of(stream);
  const Use use(stream);
  if (const char* error = s.launches.flush()) return error;
  return s.staging.copy(from, to, num_bytes);
}
const char* copy_to_host(void* stream, const void* from, void* to, std::size_t num_bytes) {
  Stream& s = stream_of(stream);
  const Use use(stream);
  if (const char* error = s.launches.flush()) return error;
  if (const cudaError_t error =
          cudaMemcpyAsync(to, from, num_bytes, cudaMemcpyDeviceToHost, s.stream))
    return message_of(error);
  return message_of(cudaStreamSynchronize(s.stream));
}

const char* begin(void* stream) {
  Stream& s = stream_of(stream);
  const Use use(stream);
  if (const char* error = s.launches.flush()) return error;
  return s.limit_work_ahead();
}

const char* launch(void* stream, KernelId kernel, const LaunchShape& shape, const void* arguments,
                   std::size_t argument_bytes) {
  if (table()[kernel].argument_bytes != argument_bytes) return "the arguments are another kernel's";
  Stream& s = stream_of(stream);
  const Use use(stream);
  return s.launches.add(kernel, shape, arguments, argument_bytes);
}

constexpr Library kLibrary{.version = kLibraryVersion,
                           .start = start,
                           .finish = finish,
                           .allocate = allocate,
                           .deallocate = deallocate,
                           .free_bytes = free_bytes,
                           .copy_to_device = copy_to_device,
                           .copy_to_host = copy_to_host,
                           .synchronize = synchronize,
                           .begin = begin,
                           .launch = launch};

}  // namespace
}  // namespace ddim::engine::cuda

extern "C" __attribute__((visibility("default"))) const ddim::engine::cuda::Library*
ddim_cuda_library() {
  return &ddim::engine::cuda::kLibrary;
}
