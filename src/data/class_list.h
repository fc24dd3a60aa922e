#pragma once

#include <ddim/data_options.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace ddim::engine::data {

/// "class,number,count" and a line for each class, as CSV.
std::string class_table(const std::vector<DataClass>& classes);

/// "0 cat (12 images), 1 dog (1 image)", of the first twenty classes.
std::string name_classes(const std::vector<DataClass>& classes);

/// Whether `names` ("0", "1", ..., each where it stands; or none) are the numbers of `classes` and
/// not names of theirs: numbers beside classes that are called by words, or by the same numbers.
/// Where classes are called "1", "2", "3", the name "1" is that of the first one.
bool say_numbers_of(const std::vector<std::string>& names, const std::vector<std::string>& classes);

std::vector<std::string> class_names_of(const std::vector<DataClass>& classes);

/// Classes of these names, each with the number of images that have its label.
std::vector<DataClass> count_classes(const std::vector<std::string>& names,
                                     std::span<const std::int64_t> labels);

/// Gives the images of `dataset` the numbers that their classes have in a network, whose classes
/// are called `names`: by name. A number is the network's own number where the data set has numbers
/// alone (idx files, arrays), where say_numbers_of() holds for its folders "0", "1", ... or numbers
/// in labels.csv, or where the network's names are not known.
/// Error(user), beginning with `source`, for images of a class that the network does not have.
void number_as(const std::vector<std::string>& names, Dataset& dataset, const std::string& source);

}  // namespace ddim::engine::data
