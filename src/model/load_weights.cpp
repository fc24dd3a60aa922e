#include "model/load_weights.h"

#include <map>
#include <ranges>
#include <set>

#include "backend/make_device.h"
#include "base/error.h"
#include "model/diffusers_names.h"
#include "model/official_names.h"
#include "tensor/kernels.h"

namespace ddim::engine::model {
namespace {

using EntriesByName = std::map<std::string, const io::TensorEntry*>;

/// A parameter, and what it is called and which shape it has in a file.
struct Slot {
  const Parameter* parameter;
  std::string stored_name;
  std::vector<std::int64_t> stored_shape;
};

std::vector<std::int64_t> dims_of(const Shape& shape) {
  return {shape.dims().begin(), shape.dims().end()};
}

std::vector<Slot> slots_of(const UNet& unet, Naming naming) {
  std::vector<Slot> slots;
  for (const Parameter* parameter : unet.parameters()) {
    const std::string& name = parameter->name;
    const Shape& shape = parameter->value.shape();
    if (naming == Naming::official) {
      slots.push_back({parameter, official_name(name, unet.config().num_levels()),
                       official_shape(name, shape)});
    } else {
      slots.push_back({parameter, name, dims_of(shape)});
    }
  }
  return slots;
}

EntriesByName entries_by_name(const io::TensorTable& table, Naming naming) {
  if (naming == Naming::diffusers) return entries_by_current_name(table);
  EntriesByName entries;
  for (const io::TensorEntry& entry : table.entries()) entries.emplace(entry.name, &entry);
  return entries;
}

/// "3 missing (a, b, c)"
std::string listed(const std::vector<std::string>& names, const char* what) {
  constexpr std::size_t kMaxNamesShown = 5;
  return concat(names.size(), " ", what, " (", join(names | std::views::take(kMaxNamesShown), ", "),
                names.size() > kMaxNamesShown ? ", ...)" : ")");
}

void check_names(const std::string& file_name, const EntriesByName& entries,
                 const std::vector<Slot>& slots) {
  std::vector<std::string> missing;
  std::set<std::string> expected;
  for (const Slot& slot : slots) {
    expected.insert(slot.stored_name);
    if (!entries.contains(slot.stored_name)) missing.push_back(slot.stored_name);
  }
  std::vector<std::string> unexpected;
  for (const auto& [name, entry] : entries) {
    if (!expected.contains(name)) unexpected.push_back(name);
  }
  if (missing.empty() && unexpected.empty()) return;
  std::vector<std::string> problems;
  if (!missing.empty()) problems.push_back(listed(missing, "missing"));
  if (!unexpected.empty()) problems.push_back(listed(unexpected, "unexpected"));
  fail(ErrorCode::corrupt, file_name,
       ": the tensors do not match the configuration: ", join(problems, ", "));
}

void check_tensor(const std::string& file_name, const io::TensorEntry& entry, const Slot& slot) {
  const auto text = [](const std::vector<std::int64_t>& shape) {
    return concat("[", join(shape, ","), "]");
  };
  if (entry.shape != slot.stored_shape)
    fail(ErrorCode::corrupt, file_name, ": tensor ", entry.name, " is ", text(entry.shape),
         ", expected ", text(slot.stored_shape));
  if (!io::is_float(entry.type))
    fail(ErrorCode::corrupt, file_name, ": tensor ", entry.name, " holds ",
         io::to_string(entry.type), ", expected F32, F16, BF16, F64, F8_E4M3 or F8_E5M2");
}

/// The entry under the parameter's own name and shape: unit axes at the end may be missing there.
io::TensorEntry renamed(const io::TensorEntry& entry, const Parameter& parameter) {
  io::TensorEntry result = entry;
  result.name = parameter.name;
  result.shape = dims_of(parameter.value.shape());
  if (!result.strides.empty()) result.strides.resize(result.shape.size());
  return result;
}

}  // namespace

StoredWeights match_weights(const io::TensorTable& table, Naming naming, const UNetConfig& config) {
  const UNet unet(make_dry_device(), config);  // for the list of parameters; has no values
  const std::string file_name = table.path().string();
  const std::vector<Slot> slots = slots_of(unet, naming);
  const EntriesByName entries = entries_by_name(table, naming);
  check_names(file_name, entries, slots);
  StoredWeights weights;
  for (const Slot& slot : slots) {
    const io::TensorEntry& entry = *entries.at(slot.stored_name);
    check_tensor(file_name, entry, slot);
    weights.push_back(renamed(entry, *slot.parameter));
  }
  return weights;
}

void read_tensors(const StoredWeights& weights, std::span<Tensor> tensors) {
  ensure(weights.size() == tensors.size(), "read_tensors: ", weights.size(), " stored weights for ",
         tensors.size(), " tensors");
  std::vector<float> values;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    std::span<const float> floats = io::floats_in_place(weights[i]);
    if (floats.empty()) {
      values.resize(static_cast<std::size_t>(weights[i].num_elements()));
      io::read_f32(weights[i], values);
      floats = values;
    }
    tensors[i].device().kernels().upload(floats, tensors[i]);
    tensors[i].mark_modified();
    if (weights[i].is_mapped) io::release_pages(weights[i].bytes);
  }
}

void read_weights(const StoredWeights& weights, UNet& unet) {
  std::vector<Tensor> tensors;
  for (const Parameter* parameter : unet.mutable_parameters()) tensors.push_back(parameter->value);
  read_tensors(weights, tensors);
}

}  // namespace ddim::engine::model
