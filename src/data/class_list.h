#pragma once

#include <ddim/data_options.h>

#include <string>
#include <vector>

namespace ddim::engine::data {

/// "class,number,count" and a line for each class, as CSV.
std::string class_table(const std::vector<DataClass>& classes);

/// "0 cat (12 images), 1 dog (1 image)", of the first twenty classes.
std::string name_classes(const std::vector<DataClass>& classes);

}  // namespace ddim::engine::data
