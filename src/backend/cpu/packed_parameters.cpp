#include "backend/cpu/packed_parameters.h"

#include <algorithm>

namespace ddim::cpu {

std::shared_ptr<const dnnl::memory> PackedParameters::get(const Tensor& parameter,
                                                          const dnnl::memory::desc& format,
                                                          const dnnl::engine& engine,
                                                          const Pack& pack) {
  Entry* entry = nullptr;
  {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Entry>& place = entries_[parameter.data<float>()];
    if (place == nullptr) place = std::make_unique<Entry>();
    entry = place.get();
  }
  const std::lock_guard lock(entry->mutex);
  if (entry->storage_id != parameter.storage_id() || entry->version != parameter.version()) {
    entry->copies.clear();
    entry->storage_id = parameter.storage_id();
    entry->version = parameter.version();
  }
  const auto same_format = [&](const Copy& copy) { return copy.format == format; };
  const auto found = std::ranges::find_if(entry->copies, same_format);
  if (found != entry->copies.end()) return found->memory;

  auto packed = std::make_shared<dnnl::memory>(format, engine);
  pack(*packed);
  entry->copies.push_back({format, packed});
  ++num_packs_;
  return packed;
}

}  // namespace ddim::cpu
