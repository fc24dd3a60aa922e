#include "data/image_folder.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "io/jpeg.h"
#include "io/png.h"

namespace ddim::engine::data {
namespace {

namespace fs = std::filesystem;

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return extension;
}

Image read_image(const fs::path& file, std::int64_t channels) {
  const io::Channels wanted = io::channels_of(channels);
  if (lower_extension(file) == ".png") return io::read_png(file, wanted).image;
  return io::read_jpeg(file, wanted);
}

/// For each file, the number of its sub-folder of `dir` among all of them, in the order of names.
std::vector<std::int64_t> labels_by_folder(const fs::path& dir,
                                           const std::vector<fs::path>& files) {
  std::map<std::string, std::int64_t> places;
  std::vector<std::string> folders;
  for (const fs::path& file : files) {
    const fs::path below = file.lexically_relative(dir);
    require(below.has_parent_path(), file.string(), ": not in a sub-folder of ", dir.string(),
            "; the sub-folder of a picture is its class");
    folders.push_back(below.begin()->string());
    places.emplace(folders.back(), 0);
  }
  std::int64_t place = 0;
  for (auto& [folder, number] : places) number = place++;
  std::vector<std::int64_t> labels;
  for (const std::string& folder : folders) labels.push_back(places.at(folder));
  return labels;
}

}  // namespace

std::vector<fs::path> find_image_files(const fs::path& dir) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(dir)) {
    const std::string extension = lower_extension(entry.path());
    if ((extension == ".png" || extension == ".jpg" || extension == ".jpeg") &&
        entry.is_regular_file())
      files.push_back(entry.path());
  }
  std::ranges::sort(files, {}, [](const fs::path& path) { return path.generic_string(); });
  return files;
}

Dataset load_image_files(const fs::path& dir, const std::vector<fs::path>& files,
                         const DatasetOptions& options) {
  const std::vector<std::int64_t> labels =
      options.labels == Labels::read ? labels_by_folder(dir, files) : std::vector<std::int64_t>();
  Dataset dataset{.kind = "folder"};
  Images& all = dataset.images;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const fs::path& file = files[i];
    try {
      Image image = read_image(file, all.count == 0 ? options.channels : all.channels);
      Images one{.count = 1,
                 .height = image.height,
                 .width = image.width,
                 .channels = image.channels,
                 .pixels = std::move(image.pixels)};
      if (options.height != 0)
        one = fit_to(std::move(one), options.fit, options.height, options.width, file.string());
      require(all.count == 0 || (one.height == all.height && one.width == all.width), file.string(),
              ": ", one.height, "x", one.width, ", but the images before it are ", all.height, "x",
              all.width);
      all.height = one.height;
      all.width = one.width;
      all.channels = one.channels;
      all.pixels.insert(all.pixels.end(), one.pixels.begin(), one.pixels.end());
      ++all.count;
      if (!labels.empty()) dataset.labels.push_back(labels[i]);
    } catch (const Error& error) {
      dataset.skipped.emplace_back(error.what());
    }
  }
  if (!dataset.skipped.empty() && (!options.skip_corrupt || all.count == 0)) {
    constexpr std::size_t kMaxListed = 20;
    std::string list;
    for (std::size_t i = 0; i < std::min(kMaxListed, dataset.skipped.size()); ++i)
      list += "\n  " + dataset.skipped[i];
    if (dataset.skipped.size() > kMaxListed)
      list += concat("\n  and ", dataset.skipped.size() - kMaxListed, " more");
    fail(ErrorCode::corrupt, "data: ", dataset.skipped.size(), " of ", files.size(),
         " image files cannot be used",
         all.count == 0 ? "" : " (in ddim train, data.skip_corrupt = true skips them)", ":", list);
  }
  return dataset;
}

}  // namespace ddim::engine::data
