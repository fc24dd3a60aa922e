#pragma once

#include <ddim/sample.h>

#include <filesystem>

namespace ddim::cli {

/// check_output() of a file whose name must end in .png.
void check_png_output(const std::filesystem::path& file, Overwrite overwrite);

/// One line, or one JSON object, about pictures that were drawn into `out`.
void print_drawn(const Samples& samples, const std::filesystem::path& out, bool json);

/// Says that clamping loses what a code would need to bring back.
void warn_of_clipping();

}  // namespace ddim::cli
