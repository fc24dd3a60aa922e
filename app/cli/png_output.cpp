#include "png_output.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include "json_object.h"
#include "output_file.h"

namespace ddim::cli {

void check_png_output(const std::filesystem::path& file, Overwrite overwrite) {
  if (file.extension() != ".png")
    throw Error(ErrorCode::user, fmt::format("--out {}: must end in .png", file.string()));
  check_output(file, overwrite);
}

void print_drawn(const Samples& samples, const std::filesystem::path& out, bool json) {
  const std::int64_t images = samples.x_0.count;
  if (json) {
    fmt::print("{}\n", JsonObject()
                           .add("images", images)
                           .add("nfe", samples.nfe)
                           .add("seconds", samples.seconds)
                           .add("peak_memory_bytes", samples.peak_memory_bytes)
                           .add("out", out.string())
                           .text());
    return;
  }
  fmt::print("{}: {} {}, {} network calls each, {:.1f} s\n", out.string(), images,
             images == 1 ? "picture" : "pictures", samples.nfe, samples.seconds);
}

void warn_of_clipping() {
  fmt::print(stderr,
             "ddim: --clip: what is clamped in a step cannot be brought back, so pictures and "
             "codes no longer belong to each other one to one\n");
}

}  // namespace ddim::cli
