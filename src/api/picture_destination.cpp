#include "api/picture_destination.h"

#include <ddim/counts.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "api/picture_folder.h"
#include "api/settings_difference.h"
#include "base/error.h"
#include "base/file_input.h"
#include "base/sha256.h"
#include "base/text.h"
#include "io/image.h"
#include "io/image_grid.h"
#include "io/npz.h"
#include "io/picture_tensor.h"
#include "io/png.h"

namespace ddim {

using namespace engine;
namespace fs = std::filesystem;
using io::PictureRange;

namespace {

/// One file for all pictures, which are kept in a log until the last one is there.
class FileDestination : public Destination {
 public:
  FileDestination(const PictureJob& job, fs::path out, OutputKind kind)
      : job_(job),
        out_(std::move(out)),
        kind_(kind),
        keeps_floats_(kind == OutputKind::safetensors),
        log_(open_log()) {}

  std::vector<PictureRange> missing() const override { return log_.missing(); }

  void add(std::int64_t first, const FloatImages& pictures) override {
    for (const PictureRange& range : log_.missing_in({first, pictures.count}))
      add_range(range, first, pictures);
  }
  void sync() override { log_.sync(); }
  std::string place() const override { return log_.path().string(); }
  void give_up_if_empty() override {
    if (log_.num_done() == 0) log_.remove();
  }

  void finish() override {
    switch (kind_) {
      case OutputKind::grid:
        write_grid();
        break;
      case OutputKind::npz:
        write_npz();
        break;
      default:
        write_tensor();
    }
  }
  void clean_up() override { log_.remove(); }

 private:
  io::PictureLog open_log() {
    const PictureShape shape = job_.shape();
    const std::uint64_t size = shape.size() * (keeps_floats_ ? sizeof(float) : 1);
    const io::PictureLog::Header header{
        .count = job_.count(), .picture_bytes = size, .settings = settings_of(job_)};
    if (job_.is_put_together()) {
      make_folders(job_.logs);
      const char* name = out_ == job_.files.tensors ? "tensors" : "pictures";
      return io::PictureLog::create(log_path(job_.logs / name), header);
    }
    const fs::path path = log_path(out_);
    if (!fs::exists(path)) {
      refuse_existing();
      return io::PictureLog::create(path, header);
    }
    io::PictureLog log = io::PictureLog::open(path);
    if (job_.files.resume) {
      const std::string difference = first_difference(log.header().settings, header.settings);
      require(difference.empty(), path.string(),
              ": holds an unfinished run with other options: ", difference,
              "; give the same options, or remove the file to begin again");
      require(log.header().picture_bytes == size && log.header().count == header.count,
              path.string(), ": holds pictures of another size or number");
      // Else it was stopped between the output and the removal of the log: write() finds out.
      if (!log.missing().empty()) refuse_existing();
      return log;
    }
    require(log.num_done() == 0 || job_.files.overwrite == Overwrite::allow, path.string(),
            " holds ", with_thousands(log.num_done()), " of ",
            count_of(log.header().count, "pictures"),
            " of a run that was stopped; resume that run, or remove the file to begin again");
    refuse_existing();
    log.remove();
    return io::PictureLog::create(path, header);
  }

  void refuse_existing() const {
    require(job_.files.overwrite == Overwrite::allow || !engine::is_there(out_), out_.string(),
            " exists already and is not overwritten",
            job_.files.resume ? ", and no unfinished run is beside it: it is complete, or of "
                                "another run"
                              : ": choose another name, or remove it");
  }

  void add_range(const PictureRange& range, std::int64_t first, const FloatImages& pictures) {
    if (keeps_floats_) {
      const auto size = static_cast<std::int64_t>(pictures.shape.size());
      const auto values = std::span(pictures.values)
                              .subspan(static_cast<std::size_t>((range.first - first) * size),
                                       static_cast<std::size_t>(range.count * size));
      return log_.add(range.first, std::as_bytes(values));
    }
    std::vector<std::uint8_t> pixels;
    for (std::int64_t k = 0; k < range.count; ++k) {
      const Image image = to_image(pictures, range.first - first + k);
      pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
    }
    log_.add(range.first, std::as_bytes(std::span(pixels)));
  }

  /// Unless the same bytes are there, by this run before it was stopped, or by another process that
  /// puts the same pictures together.
  void write(const FileContent& content) const {
    try {
      write_file_durably(out_, content, job_.files.overwrite);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::user || !is_there(content)) throw;
    }
  }
  bool is_there(const FileContent& content) const {
    std::error_code none;
    if (!fs::is_regular_file(out_, none) || fs::file_size(out_, none) != content.size_bytes)
      return false;
    Sha256 hash;
    content.write_to([&hash](std::span<const std::byte> bytes) { hash.update(bytes); });
    return hash.finish_hex() == sha256_hex_of_file(out_);
  }

  PictureRange all() const { return {0, job_.count()}; }

  void write_grid() {
    const PictureShape shape = job_.shape();
    std::vector<Image> images;
    log_.read(all(), [&](std::span<const std::byte> piece) {
      for (; !piece.empty(); piece = piece.subspan(shape.size())) {
        const auto* pixels = reinterpret_cast<const std::uint8_t*>(piece.data());
        images.push_back({.width = shape.width,
                          .height = shape.height,
                          .channels = shape.channels,
                          .pixels = {pixels, pixels + shape.size()}});
      }
    });
    const Recipe recipe =
        io::with_grid(job_.files.recipe.value_or(job_.recipe), job_.count(), job_.files.grid);
    const std::vector<std::byte> png = io::encode_png(make_grid(images, job_.files.grid), recipe);
    write(std::span<const std::byte>(png));
  }

  void write_npz() {
    const std::vector<std::int64_t>& classes = job_.runs.front().class_choice.classes;
    std::vector<std::int64_t> labels;
    for (std::int64_t k = 0; k < job_.count() && !classes.empty(); ++k)
      labels.push_back(classes[static_cast<std::size_t>(job_.number(k)) % classes.size()]);
    const auto produce = [this](const ByteSink& sink) { log_.read(all(), sink); };
    write(io::picture_npz_content(job_.count(), job_.shape(), produce, labels));
  }

  void write_tensor() {
    const PictureShape shape = job_.shape();
    const auto produce = [this, shape](const ByteSink& sink) {
      log_.read(all(), [&](std::span<const std::byte> piece) {
        const auto* values = reinterpret_cast<const float*>(piece.data());
        const std::size_t size = piece.size() / sizeof(float);
        const std::vector<float> planes =
            io::to_planes({.count = static_cast<std::int64_t>(size / shape.size()),
                           .shape = shape,
                           .values = {values, values + size}});
        sink(std::as_bytes(std::span(planes)));
      });
    };
    std::vector<io::TensorSource> tensors(1);
    tensors[0] = {.name = "x_0",
                  .shape = {job_.count(), shape.channels, shape.height, shape.width},
                  .produce = produce};
    write(io::safetensors_content(std::move(tensors)));
  }

  const PictureJob& job_;
  const fs::path out_;
  const OutputKind kind_;
  const bool keeps_floats_;  ///< bytes else
  io::PictureLog log_;
};

/// A folder with a PNG file for each picture.
class FolderDestination : public Destination {
 public:
  explicit FolderDestination(const PictureJob& job) : job_(job), pictures_(job) {
    if (make_folders(job.files.out)) created_.push_back(job.files.out);
    for (std::int64_t k = 0; k < job.count(); k += job.count_of_run()) {
      const fs::path folder = pictures_.folder_of(k);
      if (make_folders(folder)) created_.push_back(folder);
    }
    std::vector<PictureRange> there;
    for (std::int64_t k = 0; k < job.count() && !job.is_put_together(); ++k)
      if (is_finished(k)) there.push_back({k, 1});
    missing_ = io::gaps_between(std::move(there), job.count());
    for (std::int64_t k = 0; k < job.count(); k += job.count_of_run())
      remove_leftover_files(pictures_.folder_of(k), PictureFolder::is_picture_name);
  }

  std::vector<PictureRange> missing() const override { return missing_; }
  void add(std::int64_t first, const FloatImages& pictures) override {
    for (std::int64_t k = 0; k < pictures.count; ++k)
      pictures_.keep(first + k, to_image(pictures, k));
  }
  void sync() override { sync_file_system(job_.files.out); }
  void finish() override { sync(); }
  void clean_up() override {}
  std::string place() const override { return job_.files.out.string(); }
  void give_up_if_empty() override {
    std::error_code ignored;  // a folder that is not empty stays
    for (const fs::path& folder : created_ | std::views::reverse) fs::remove(folder, ignored);
  }

 private:
  /// Whether picture k need not be drawn.
  bool is_finished(std::int64_t k) const {
    const bool is_replaced = job_.files.overwrite == Overwrite::allow;
    // What a run that replaces nothing finds there when it goes on is its own.
    if (job_.files.resume)
      return pictures_.has_picture(k, is_replaced ? Unknown::is_another : Unknown::is_the_same);
    if (!is_replaced && pictures_.has_file(k))
      pictures_.fail_existing(k, ": choose another folder, or resume the run that made it");
    return false;
  }

  const PictureJob& job_;
  const PictureFolder pictures_;
  std::vector<fs::path> created_;
  std::vector<PictureRange> missing_;
};

}  // namespace

OutputKind output_kind_of(const fs::path& out) {
  if (fs::is_directory(out)) return OutputKind::folder;
  const fs::path extension = out.extension();
  if (extension == ".png") return OutputKind::grid;
  if (extension == ".npz") return OutputKind::npz;
  if (extension == ".safetensors") return OutputKind::safetensors;
  require(extension.empty(), "out must end in .png, .npz or .safetensors, or be a folder; got ",
          out.string());
  return OutputKind::folder;
}

fs::path log_path(const fs::path& out) { return out.string() + ".partial"; }

io::PictureLog::Settings settings_of(const PictureJob& job) {
  io::PictureLog::Settings settings = job.recipe;
  const std::string& device = job.model.info().device;  // "cpu avx512, bf16"
  settings["device"] = device.substr(0, device.find(','));
  // Names of files, whose contents are known by their hashes.
  for (const char* key : {"model", "init_image", "mask"}) settings.erase(key);
  return settings;
}

std::vector<PictureRange> blocks_of(const PictureRange& range, std::int64_t most,
                                    const PictureJob& job) {
  std::vector<PictureRange> blocks;
  const std::int64_t end = range.first + range.count;
  for (std::int64_t first = range.first; first < end; first += blocks.back().count)
    blocks.push_back({first, std::min({most, end - first, job.count_of_run() - job.place(first)})});
  return blocks;
}

SampleOptions part_of(const PictureJob& job, const PictureRange& range, const RunOptions& run) {
  SampleOptions part = only_pictures(job.run_of(range.first), job.place(range.first), range.count);
  part.run = run;
  return part;
}

std::vector<std::unique_ptr<Destination>> destinations_of(const PictureJob& job, OutputKind kind) {
  std::vector<std::unique_ptr<Destination>> destinations;
  if (kind == OutputKind::folder) {
    destinations.push_back(std::make_unique<FolderDestination>(job));
  } else {
    destinations.push_back(std::make_unique<FileDestination>(job, job.files.out, kind));
  }
  if (!job.files.tensors.empty())
    destinations.push_back(
        std::make_unique<FileDestination>(job, job.files.tensors, OutputKind::safetensors));
  return destinations;
}

void finish_all(const std::vector<std::unique_ptr<Destination>>& all) {
  for (const auto& each : all) each->finish();
  for (const auto& each : all) each->clean_up();
}

}  // namespace ddim
