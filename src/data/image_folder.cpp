#include "data/image_folder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/error.h"
#include "data/class_list.h"
#include "data/folder_labels.h"

namespace ddim::engine::data {
namespace {

namespace fs = std::filesystem;

Images images_of_any(io::AnyImage image) {
  Images one{.count = 1};
  std::visit(
      [&](auto& any) {
        one.height = any.height;
        one.width = any.width;
        one.channels = any.channels;
      },
      image);
  if (auto* bytes = std::get_if<Image>(&image)) {
    one.pixels = std::move(bytes->pixels);
  } else {
    for (const std::uint16_t sample : std::get<io::DeepImage>(image).pixels)
      one.values.push_back(static_cast<float>(sample / 32767.5 - 1.0));
  }
  return one;
}

[[noreturn]] void refuse(const std::vector<std::string>& skipped, std::size_t num_files,
                         bool some_are_left) {
  if (num_files == 1) fail(ErrorCode::corrupt, skipped.front());
  constexpr std::size_t kMaxListed = 20;
  std::string list;
  for (std::size_t i = 0; i < std::min(kMaxListed, skipped.size()); ++i)
    list += "\n  " + skipped[i];
  if (skipped.size() > kMaxListed) list += concat("\n  and ", skipped.size() - kMaxListed, " more");
  fail(ErrorCode::corrupt, "data: ", skipped.size(), " of ", num_files,
       " image files cannot be used", some_are_left ? " (--skip-corrupt skips them)" : "", ":",
       list);
}

}  // namespace

Images images_of(io::Picture picture, std::int64_t channels, const Colour& background) {
  return images_of_any(
      io::convert_channels(std::move(picture.image), io::channels_of(channels), background));
}

namespace {

/// With options.fit as it is.
Dataset read_files(const fs::path& dir, const std::vector<fs::path>& files,
                   const DatasetOptions& options) {
  const FolderLabels classes =
      options.labels == Labels::read ? folder_labels(dir, files) : FolderLabels();
  Dataset dataset{.kind = "folder"};
  dataset.report.notices = classes.notices;
  Images& all = dataset.images;
  std::vector<std::string>& skipped = dataset.report.skipped;
  std::size_t num_odd = 0, num_read = 0;
  std::string first_odd;
  const auto wants_more = [&] { return !options.max_images || all.count < *options.max_images; };
  for (; num_read < files.size() && wants_more(); ++num_read) {
    const fs::path& file = files[num_read];
    io::Picture picture;
    try {
      picture = io::read_picture(file);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::io) throw;  // what cannot be read may be good
      skipped.emplace_back(error.what());
      continue;
    }
    const std::string warning = picture.warning;
    Images one = images_of(std::move(picture), all.count == 0 ? options.channels : all.channels,
                           options.background);
    if (options.height != 0) {
      dataset.fitted.add(one, *options.fit, options.height, options.width);
      one = fit_to(std::move(one), *options.fit, options.height, options.width, file.string());
    }
    if (all.count > 0 && (one.height != all.height || one.width != all.width))
      throw DoesNotFit(concat(file.string(), ": ", one.width, "x", one.height,
                              ", but the images before it are ", all.width, "x", all.height,
                              " (width, height); pictures of several sizes need one to get to "
                              "(--resize)"));
    append(all, std::move(one));
    if (!warning.empty() && num_odd++ == 0) first_odd = concat(file.string(), ": ", warning);
    if (!classes.labels.empty()) dataset.labels.push_back(classes.labels[num_read]);
  }
  if (!skipped.empty() && (!options.skip_corrupt || all.count == 0))
    refuse(skipped, num_read, all.count != 0);
  dataset.report.classes = count_classes(classes.names, dataset.labels);
  if (num_odd > 0) {
    dataset.report.notices.push_back(concat(num_odd,
                                            num_odd == 1 ? " picture was" : " pictures were",
                                            " read although odd; the first: ", first_odd));
  }
  return dataset;
}

}  // namespace

Dataset load_image_files(const fs::path& dir, const std::vector<fs::path>& files,
                         const DatasetOptions& options) {
  if (options.fit) return read_files(dir, files, options);
  DatasetOptions fitted = options;
  try {
    fitted.fit = Fit::pad;
    return read_files(dir, files, fitted);
  } catch (const DoesNotFit&) {
    fitted.fit = Fit::crop_resize;
    return read_files(dir, files, fitted);
  }
}

}  // namespace ddim::engine::data
