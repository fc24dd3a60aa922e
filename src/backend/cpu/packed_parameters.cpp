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
  if (entry->storage_id != parameter.storage_id()) {
    entry->copies.clear();
    entry->storage_id = parameter.storage_id();
  }
  const auto same_format = [&](const Copy& copy) { return copy.format == format; };
  auto copy = std::ranges::find_if(entry->copies, same_format);
  if (copy != entry->copies.end() && copy->version == parameter.version()) return copy->memory;

  if (copy == entry->copies.end()) copy = entry->copies.insert(copy, {.format = format});
  if (copy->memory == nullptr || copy->memory.use_count() > 1) {
    copy->memory = std::make_shared<dnnl::memory>(format, engine);
  }
  pack(*copy->memory);
  copy->version = parameter.version();
  ++num_packs_;
  return copy->memory;
}

}  // namespace ddim::cpu
