#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "tensor/parameter.h"

namespace ddim::model {

/// What a parameter is called in a file, and the shape that it has there.
struct WeightSlot {
  Parameter* parameter;
  std::string name;
  std::vector<std::int64_t> shape;
};

/// Fills every slot from the entry of its name, converted to fp32. `entries` are those of `file`,
/// under the names that the slots use. Throws Error(corrupt), naming the file: missing and
/// unexpected names (the first five of each and how many there are), a tensor of another shape
/// (both shapes) or of a type that is not a float. Nothing is filled then.
void read_weights(const io::SafetensorsFile& file,
                  const std::map<std::string, const io::TensorEntry*>& entries,
                  const std::vector<WeightSlot>& slots);

}  // namespace ddim::model
