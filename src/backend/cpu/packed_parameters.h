#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <dnnl.hpp>

#include "tensor/tensor.h"

namespace ddim::cpu {

/// Copies of parameters in the formats that oneDNN's primitives and our own kernels want, shared by
/// a device and its workers. A copy is made when it is first asked for, and made again, in the same
/// memory, when the parameter's version has risen: nobody may be computing with a parameter while
/// it is changed. Thread-safe: the first worker to ask packs, others that want the same copy wait.
class PackedParameters {
 public:
  /// Fills `packed` from the parameter's elements.
  using Pack = std::function<void(dnnl::memory& packed)>;

  /// The copy of `parameter` in `format`, made by `pack` if there is none of its present version.
  std::shared_ptr<const dnnl::memory> get(const Tensor& parameter, const dnnl::memory::desc& format,
                                          const dnnl::engine& engine, const Pack& pack);

  /// The same of a copy that one can do without: none is made, and null returned, when such copies
  /// would come to more than `max_bytes` with it. The answer for a parameter and format stays.
  std::shared_ptr<const dnnl::memory> get_if_room(const Tensor& parameter,
                                                  const dnnl::memory::desc& format,
                                                  const dnnl::engine& engine, const Pack& pack,
                                                  std::size_t max_bytes);

  /// How often a parameter was packed.
  std::int64_t num_packs() const { return num_packs_; }

 private:
  struct Copy {
    dnnl::memory::desc format;
    std::shared_ptr<dnnl::memory> memory;  // null: there was no room
    std::uint64_t version;
  };
  /// What is packed of the elements at one address. The storage's id tells whether they are still
  /// the same tensor's: memory that was freed and given to another has another id, so entries of
  /// dead tensors are replaced rather than collected.
  struct Entry {
    std::mutex mutex;
    std::uint64_t storage_id = 0;
    std::vector<Copy> copies;
    std::size_t optional_bytes = 0;
  };
  /// Whether a copy of so many bytes may be made; takes them then.
  using Admit = std::function<bool(Entry& entry, std::size_t num_bytes)>;
  std::shared_ptr<const dnnl::memory> get(const Tensor& parameter, const dnnl::memory::desc& format,
                                          const dnnl::engine& engine, const Pack& pack,
                                          const Admit& admit);

  std::mutex mutex_;
  std::map<const float*, std::unique_ptr<Entry>> entries_;
  std::atomic<std::int64_t> num_packs_ = 0;
  std::atomic<std::size_t> optional_bytes_ = 0;
};

}  // namespace ddim::cpu
