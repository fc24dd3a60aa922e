#include "data/image_folder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/error.h"
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

Dataset load_image_files(const fs::path& dir, const std::vector<fs::path>& files,
                         const DatasetOptions& options) {
  const FolderLabels classes =
      options.labels == Labels::read ? folder_labels(dir, files) : FolderLabels();
  Dataset dataset{.kind = "folder"};
  dataset.report.notices = classes.notices;
  for (const std::string& name : classes.names) dataset.report.classes.push_back({.name = name});
  Images& all = dataset.images;
  std::size_t num_odd = 0;
  std::string first_odd;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const fs::path& file = files[i];
    try {
      io::Picture picture = io::read_picture(file);
      const std::string warning = picture.warning;
      Images one = images_of(std::move(picture), all.count == 0 ? options.channels : all.channels,
                             options.background);
      if (options.height != 0)
        one = fit_to(std::move(one), options.fit, options.height, options.width, file.string());
      require(all.count == 0 || (one.height == all.height && one.width == all.width), file.string(),
              ": ", one.width, "x", one.height, ", but the images before it are ", all.width, "x",
              all.height);
      append(all, std::move(one));
      if (!warning.empty() && num_odd++ == 0) first_odd = concat(file.string(), ": ", warning);
      if (classes.labels.empty()) continue;
      dataset.labels.push_back(classes.labels[i]);
      ++dataset.report.classes[static_cast<std::size_t>(classes.labels[i])].images;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::io) throw;  // what cannot be read may be good
      dataset.report.skipped.emplace_back(error.what());
    }
  }
  const std::vector<std::string>& skipped = dataset.report.skipped;
  if (!skipped.empty() && (!options.skip_corrupt || all.count == 0))
    refuse(skipped, files.size(), all.count != 0);
  if (num_odd > 0) {
    dataset.report.notices.push_back(concat(num_odd,
                                            num_odd == 1 ? " picture was" : " pictures were",
                                            " read although odd; the first: ", first_odd));
  }
  return dataset;
}

}  // namespace ddim::engine::data
