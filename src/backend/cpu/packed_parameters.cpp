#include "backend/cpu/packed_parameters.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ddim::cpu {

std::shared_ptr<const dnnl::memory> PackedParameters::get(const Tensor& parameter,
                                                          const dnnl::memory::desc& format,
                                                          const dnnl::engine& engine,
                                                          const Pack& pack) {
  return get(parameter, format, engine, pack, [](Entry&, std::size_t) { return true; });
}

std::shared_ptr<const dnnl::memory> PackedParameters::get_if_room(const Tensor& parameter,
                                                                  const dnnl::memory::desc& format,
                                                                  const dnnl::engine& engine,
                                                                  const Pack& pack,
                                                                  std::size_t max_bytes) {
  return get(parameter, format, engine, pack, [&](Entry& entry, std::size_t num_bytes) {
    if (optional_bytes_.fetch_add(num_bytes) + num_bytes > max_bytes) {
      optional_bytes_ -= num_bytes;
      return false;
    }
    entry.optional_bytes += num_bytes;
    return true;
  });
}

std::shared_ptr<const dnnl::memory> PackedParameters::get(const Tensor& parameter,
                                                          const dnnl::memory::desc& format,
                                                          const dnnl::engine& engine,
                                                          const Pack& pack, const Admit& admit) {
  Entry* entry = nullptr;
  {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Entry>& place = entries_[parameter.data<float>()];
    if (place == nullptr) place = std::make_unique<Entry>();
    entry = place.get();
  }
  const std::lock_guard lock(entry->mutex);
  if (entry->storage_id != parameter.storage_id()) {
    entry->copies.clear();
    optional_bytes_ -= std::exchange(entry->optional_bytes, 0);
    entry->storage_id = parameter.storage_id();
  }
  const auto same_format = [&](const Copy& copy) { return copy.format == format; };
  auto found = std::ranges::find_if(entry->copies, same_format);
  if (found == entry->copies.end()) {
    const bool admitted = admit(*entry, format.get_size());
    auto memory = admitted ? std::make_shared<dnnl::memory>(format, engine) : nullptr;
    entry->copies.push_back({format, std::move(memory), parameter.version() - 1});
    found = std::prev(entry->copies.end());
  }
  if (found->memory == nullptr || found->version == parameter.version()) return found->memory;
  pack(*found->memory);
  ++num_packs_;
  found->version = parameter.version();
  return found->memory;
}

}  // namespace ddim::cpu
