#pragma once

#include <string>

#include "command_line.h"

namespace ddim::cli {

/// --extractor NAME|FILE
class ExtractorFlag {
 public:
  Option add_to(Command command) {
    return command
        .add_option("--extractor", name_,
                    "Network that looks at pictures: resnet56-cifar10, which comes with ddim; "
                    "inception, that of the FID; or the file or folder of one")
        .envname("DDIM_EXTRACTOR")
        .show_default()
        .type_name("NAME|FILE");
  }
  const std::string& value() const { return name_; }

 private:
  std::string name_ = "resnet56-cifar10";
};

}  // namespace ddim::cli
