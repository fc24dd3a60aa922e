#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "tensor/kernels.h"

namespace ddim::engine {

/// What was spent in one kind of op on one shape.
struct ProfileEntry {
  std::string op;        ///< "conv2d 3x3 128->256 @16x16"
  ConvChoice conv = {};  ///< of a convolution: how it was computed
  std::int64_t calls = 0;
  double seconds = 0.0;  ///< summed over workers: with W workers busy, W seconds pass in one
  double flop = 0.0;  ///< multiplications and additions of the direct algorithm; 0 where memory is
                      ///< what counts
};

/// Collects the time that the ops of a device and its workers take. Thread-safe.
class Profile {
 public:
  void add(const ProfileEntry& entry);
  void clear();
  /// The entries, the most expensive first.
  std::vector<ProfileEntry> entries() const;

 private:
  mutable std::mutex mutex_;
  /// By the op, and how it was computed.
  std::map<std::tuple<std::string, ConvChoice>, ProfileEntry> entries_;
};

/// `inner` with every call timed into `profile`, which must outlive the device.
std::unique_ptr<Device::Backend> make_profiling_backend(std::unique_ptr<Device::Backend> inner,
                                                        Profile& profile);

}  // namespace ddim::engine
