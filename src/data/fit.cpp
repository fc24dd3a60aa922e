#include "data/fit.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/text.h"

namespace ddim::engine::data {
namespace {

std::vector<Taps> make_taps(std::int64_t size_in, std::int64_t size_out) {
  std::vector<Taps> taps(static_cast<std::size_t>(size_out));
  const double ratio = static_cast<double>(size_in) / static_cast<double>(size_out);
  for (std::int64_t i = 0; i < size_out; ++i) {
    Taps& tap = taps[static_cast<std::size_t>(i)];
    if (ratio >= 1.0) {  // the overlap of [i, i+1) * ratio with each input pixel
      const double begin = static_cast<double>(i) * ratio;
      const double end = begin + ratio;
      tap.first = static_cast<std::int64_t>(begin);
      const auto last = std::min(size_in, static_cast<std::int64_t>(std::ceil(end - 1e-9)));
      for (std::int64_t j = tap.first; j < last; ++j) {
        const double left = std::max(begin, static_cast<double>(j));
        const double right = std::min(end, static_cast<double>(j + 1));
        tap.weights.push_back((right - left) / ratio);
      }
    } else {
      const double centre = std::clamp((static_cast<double>(i) + 0.5) * ratio - 0.5, 0.0,
                                       static_cast<double>(size_in - 1));
      tap.first =
          std::min(static_cast<std::int64_t>(centre), std::max<std::int64_t>(size_in - 2, 0));
      const double fraction = centre - static_cast<double>(tap.first);
      tap.weights.push_back(1.0 - fraction);
      if (size_in > 1) tap.weights.push_back(fraction);
    }
  }
  return taps;
}

/// Hands the samples of both, bytes or values, to work(from, to, black).
template <class Work>
void on_samples(const Images& from, Images& to, const Work& work) {
  if (from.has_bytes()) {
    work(from.pixels, to.pixels, std::uint8_t{0});
  } else {
    work(from.values, to.values, -1.0F);
  }
}

std::uint8_t rounded(double sum, std::uint8_t) {
  return static_cast<std::uint8_t>(std::clamp(std::floor(sum + 0.5), 0.0, 255.0));
}
float rounded(double sum, float) { return static_cast<float>(sum); }

/// A copy of the window [top, top+height) x [left, left+width); black outside the image.
Images window(const Images& images, std::int64_t top, std::int64_t left, std::int64_t height,
              std::int64_t width) {
  Images result{.count = images.count,
                .height = height,
                .width = width,
                .channels = images.channels,
                .pixels = {}};
  const std::size_t size = static_cast<std::size_t>(images.count) * result.image_bytes();
  const std::int64_t first_column = std::max<std::int64_t>(left, 0);
  const std::int64_t last_column = std::min(left + width, images.width);
  on_samples(images, result, [&](const auto& samples, auto& out, auto black) {
    out.assign(size, black);
    for (std::int64_t n = 0; n < images.count; ++n) {
      for (std::int64_t row = std::max<std::int64_t>(top, 0);
           row < std::min(top + height, images.height); ++row) {
        const std::int64_t from = ((n * images.height + row) * images.width + first_column);
        const std::int64_t to = ((n * height + row - top) * width + first_column - left);
        std::copy_n(samples.begin() + from * images.channels,
                    (last_column - first_column) * images.channels,
                    out.begin() + to * images.channels);
      }
    }
  });
  return result;
}

}  // namespace

Images resize(const Images& images, std::int64_t height, std::int64_t width) {
  return resample(images, make_taps(images.height, height), make_taps(images.width, width));
}

Images resample(const Images& images, const std::vector<Taps>& rows,
                const std::vector<Taps>& columns) {
  Images result{.count = images.count,
                .height = std::ssize(rows),
                .width = std::ssize(columns),
                .channels = images.channels,
                .pixels = {}};
  const auto row_size = static_cast<std::size_t>(images.width * images.channels);
  std::vector<double> line(row_size);  // one output row, before its columns are resized
  on_samples(images, result, [&](const auto& samples, auto& out, auto black) {
    out.reserve(static_cast<std::size_t>(images.count) * result.image_bytes());
    for (std::int64_t n = 0; n < images.count; ++n) {
      const auto* image = samples.data() + static_cast<std::size_t>(n) * images.image_bytes();
      for (const Taps& row : rows) {
        std::ranges::fill(line, 0.0);
        for (std::size_t tap = 0; tap < row.weights.size(); ++tap) {
          const auto* from = image + (static_cast<std::size_t>(row.first) + tap) * row_size;
          for (std::size_t i = 0; i < row_size; ++i) line[i] += row.weights[tap] * from[i];
        }
        for (const Taps& column : columns) {
          for (std::int64_t channel = 0; channel < images.channels; ++channel) {
            double sum = 0.0;
            for (std::size_t tap = 0; tap < column.weights.size(); ++tap) {
              const std::int64_t from =
                  (column.first + static_cast<std::int64_t>(tap)) * images.channels;
              sum += column.weights[tap] * line[static_cast<std::size_t>(from + channel)];
            }
            out.push_back(rounded(sum, black));
          }
        }
      }
    }
  });
  return result;
}

Fit fit_for(const Images& images, std::int64_t height, std::int64_t width) {
  if (images.height == height && images.width == width) return Fit::none;
  return images.height <= height && images.width <= width ? Fit::pad : Fit::crop_resize;
}

void Fitted::add(const Images& images, Fit chosen, std::int64_t height, std::int64_t width) {
  const bool has_size = images.height == height && images.width == width;
  if (!has_size) fit = chosen;
  const bool has_border = !has_size && chosen == Fit::pad;
  const auto narrow = [](std::int64_t& inner, std::int64_t size) {
    inner = inner == 0 ? size : std::min(inner, size);
  };
  narrow(inner_height, has_border ? images.height : height);
  narrow(inner_width, has_border ? images.width : width);
}

Images fit_to(Images images, Fit fit, std::int64_t height, std::int64_t width,
              const std::string& name) {
  if (images.height == height && images.width == width) return images;
  switch (fit) {
    case Fit::none:
      throw DoesNotFit(concat(
          name, ": images are ", images.width, "x", images.height, ", not ", width, "x", height,
          " (width, height); choose pad or crop-resize (--resize, or data.fit in ddim train)"));
    case Fit::pad:
      if (images.height > height || images.width > width)
        throw DoesNotFit(concat(name, ": images are ", images.width, "x", images.height,
                                ", too large to be padded to ", width, "x", height,
                                "; choose crop-resize (--resize, or data.fit in ddim train)"));
      return window(images, -(height - images.height) / 2, -(width - images.width) / 2, height,
                    width);
    case Fit::crop_resize: {
      // The largest part of the wanted proportions: all of one side.
      const std::int64_t part_height =
          std::min(images.height, std::max<std::int64_t>(1, images.width * height / width));
      const std::int64_t part_width =
          std::min(images.width, std::max<std::int64_t>(1, images.height * width / height));
      const Images part = window(images, (images.height - part_height) / 2,
                                 (images.width - part_width) / 2, part_height, part_width);
      return resize(part, height, width);
    }
  }
  return images;
}

}  // namespace ddim::engine::data
