#pragma once

#include <cstddef>
#include <initializer_list>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>

#include "backend/cpu/single_threaded_onednn.h"

namespace ddim::engine::cpu {

/// A oneDNN primitive and, for each thread that may run it, the memory objects of its arguments.
/// These are made once; a run only points them at data.
class Primitive {
 public:
  struct Argument {
    int id;  ///< DNNL_ARG_...
    dnnl::memory::desc format;
  };
  struct Data {
    int id;
    const void* data;  ///< written to where the argument is an output
  };

  /// Takes a scratchpad of `scratchpad_bytes` beside `arguments`.
  template <class Description>
  Primitive(dnnl::primitive primitive, const Description& description,
            std::initializer_list<Argument> arguments, const dnnl::engine& engine, int num_threads)
      : primitive_(std::move(primitive)),
        scratchpad_bytes_(description.scratchpad_desc().get_size()),
        memories_(static_cast<std::size_t>(num_threads)) {
    for (auto& memories : memories_) {
      memories.emplace(DNNL_ARG_SCRATCHPAD,
                       dnnl::memory(description.scratchpad_desc(), engine, nullptr));
      for (const Argument& argument : arguments) {
        memories.emplace(argument.id, dnnl::memory(argument.format, engine, nullptr));
      }
    }
  }

  std::size_t scratchpad_bytes() const { return scratchpad_bytes_; }

  /// Lets `thread` use `memory`, which keeps its own data, for an argument.
  void set(int thread, int id, const dnnl::memory& memory) {
    memories_[static_cast<std::size_t>(thread)].insert_or_assign(id, memory);
  }

  /// Runs on the calling thread, by `thread`'s stream, with the other arguments at `data` and the
  /// scratchpad at `scratchpad`. Threads may run it at the same time.
  void run(int thread, dnnl::stream& stream, std::initializer_list<Data> data,
           std::byte* scratchpad) {
    auto& memories = memories_[static_cast<std::size_t>(thread)];
    for (const Data& argument : data) {
      memories.at(argument.id).set_data_handle(const_cast<void*>(argument.data));
    }
    memories.at(DNNL_ARG_SCRATCHPAD).set_data_handle(scratchpad);
    const SingleThreadedOneDnn single_threaded;
    primitive_.execute(stream, memories);
  }

 private:
  dnnl::primitive primitive_;
  std::size_t scratchpad_bytes_;
  std::vector<std::unordered_map<int, dnnl::memory>> memories_;
};

}  // namespace ddim::engine::cpu
