#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/images.h"

namespace ddim::engine::data {

inline constexpr std::int64_t kCifar10RecordsPerFile = 10000;

struct Cifar10 {
  Images images;
  std::vector<std::int64_t> labels;  ///< 0..9
};

/// Reads a file of CIFAR-10's binary version: `num_records` records of a label (0..9) and 32x32
/// red, then green, then blue bytes. Throws Error(corrupt) with `name` for anything else.
Cifar10 parse_cifar10(std::span<const std::uint8_t> bytes, std::string_view name,
                      std::int64_t num_records = kCifar10RecordsPerFile);

/// Reads a file of CIFAR-10's Python version: the pickle of a dictionary with an array "data"
/// [N,3072] of bytes and a list "labels". Nothing in it is run. Throws Error(corrupt) with `name`
/// for anything else.
Cifar10 parse_cifar10_pickle(std::span<const std::uint8_t> bytes, const std::string& name);

/// The names of the ten classes, in order: of the binary version's batches.meta.txt, a line for
/// each, or the Python version's batches.meta, the pickle of a dictionary with a list
/// "label_names". Empty for a file that says something else.
std::vector<std::string> parse_cifar10_names(std::string_view text);
std::vector<std::string> parse_cifar10_names_pickle(std::span<const std::uint8_t> bytes,
                                                    const std::string& name);

}  // namespace ddim::engine::data
