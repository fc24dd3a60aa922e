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
  const auto found = std::ranges::find_if(entry->copies, same_format);
  if (found != entry->copies.end() && found->version == parameter.version()) return found->memory;

  const auto memory =
      found != entry->copies.end() ? found->memory : std::make_shared<dnnl::memory>(format, engine);
  pack(*memory);
  ++num_packs_;
  if (found != entry->copies.end()) {
    found->version = parameter.version();
  } else {
    entry->copies.push_back({format, memory, parameter.version()});
  }
  return memory;
}

}  // namespace ddim::cpu
