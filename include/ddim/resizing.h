#pragma once

#include "ddim/names.h"

namespace ddim {

/// How the extractor `inception` brings pictures to 299x299, and bytes to numbers. FIDs of
/// different rules cannot be compared.
enum class Resizing {
  pytorch,  ///< bilinear between pixel centres, without antialiasing; byte / 127.5 - 1: pytorch-fid
  tf1,      ///< bilinear from the upper left corner, as TensorFlow 1; (byte - 128) / 128: the
            ///< original FID
  clean,    ///< bicubic with antialiasing, as Pillow, clamped; (byte - 128) / 128: clean-fid
};

template <>
struct Names<Resizing> {
  static constexpr Named<Resizing> kAll[] = {{Resizing::pytorch, "pytorch-bilinear"},
                                             {Resizing::tf1, "tf1-bilinear"},
                                             {Resizing::clean, "clean-bicubic"}};
  static constexpr std::span<const Named<Resizing>> all() { return kAll; }
};

}  // namespace ddim
