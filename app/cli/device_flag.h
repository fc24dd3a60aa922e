#pragma once

#include <ddim/model.h>

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace ddim::cli {

/// --device cpu|reference
class DeviceFlag {
 public:
  explicit DeviceFlag(CLI::App& command) {
    command
        .add_option("--device", kind_,
                    "cpu, or reference: plain loops to compare with, hundreds of times slower")
        ->envname("DDIM_DEVICE")
        ->transform(CLI::CheckedTransformer(kinds()).description(""))
        ->default_str("cpu")
        ->type_name("NAME");
  }
  DeviceFlag(const DeviceFlag&) = delete;
  DeviceFlag& operator=(const DeviceFlag&) = delete;

  DeviceKind kind() const { return kind_; }

 private:
  static std::map<std::string, DeviceKind> kinds() {
    return {{"cpu", DeviceKind::cpu}, {"reference", DeviceKind::reference}};
  }

  DeviceKind kind_ = DeviceKind::cpu;
};

}  // namespace ddim::cli
