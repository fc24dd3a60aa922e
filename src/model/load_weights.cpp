#include "model/load_weights.h"

#include <set>

#include "base/error.h"
#include "tensor/kernels.h"

namespace ddim::model {
namespace {

constexpr std::size_t kMaxNamesShown = 5;

/// "3 missing (a, b, c)"
std::string listed(const std::vector<std::string>& names, const char* what) {
  std::string text = concat(names.size(), " ", what, " (");
  for (std::size_t i = 0; i < names.size() && i < kMaxNamesShown; ++i)
    text += concat(i == 0 ? "" : ", ", names[i]);
  return concat(text, names.size() > kMaxNamesShown ? ", ...)" : ")");
}

void check_names(const std::string& file_name,
                 const std::map<std::string, const io::TensorEntry*>& entries,
                 const std::vector<WeightSlot>& slots) {
  std::vector<std::string> missing;
  std::set<std::string> expected;
  for (const WeightSlot& slot : slots) {
    expected.insert(slot.name);
    if (!entries.contains(slot.name)) missing.push_back(slot.name);
  }
  std::vector<std::string> unexpected;
  for (const auto& [name, entry] : entries) {
    if (!expected.contains(name)) unexpected.push_back(name);
  }
  if (missing.empty() && unexpected.empty()) return;
  std::string what = missing.empty() ? "" : listed(missing, "missing");
  if (!unexpected.empty()) {
    if (!what.empty()) what += ", ";
    what += listed(unexpected, "unexpected");
  }
  fail(ErrorCode::corrupt, file_name, ": the tensors do not match the configuration: ", what);
}

void check_tensor(const std::string& file_name, const io::TensorEntry& entry,
                  const WeightSlot& slot) {
  using io::StoredType;
  const auto text = [](const std::vector<std::int64_t>& shape) {
    std::string result = "[";
    for (const std::int64_t dim : shape) result += concat(result.size() > 1 ? "," : "", dim);
    return concat(result, "]");
  };
  if (entry.shape != slot.shape)
    fail(ErrorCode::corrupt, file_name, ": tensor ", entry.name, " is ", text(entry.shape),
         ", expected ", text(slot.shape));
  const StoredType type = entry.type;
  if (type != StoredType::f64 && type != StoredType::f32 && type != StoredType::f16 &&
      type != StoredType::bf16)
    fail(ErrorCode::corrupt, file_name, ": tensor ", entry.name, " holds ", io::to_string(type),
         ", expected F32, F16 or BF16");
}

}  // namespace

void read_weights(const io::SafetensorsFile& file,
                  const std::map<std::string, const io::TensorEntry*>& entries,
                  const std::vector<WeightSlot>& slots) {
  const std::string file_name = file.path().string();
  check_names(file_name, entries, slots);
  for (const WeightSlot& slot : slots) check_tensor(file_name, *entries.at(slot.name), slot);

  std::vector<float> values;
  for (const WeightSlot& slot : slots) {
    Tensor& parameter = slot.parameter->value;
    values.resize(static_cast<std::size_t>(parameter.size()));
    file.read_f32(*entries.at(slot.name), values);
    parameter.device().kernels().upload(values, parameter);
    parameter.mark_modified();
  }
}

}  // namespace ddim::model
