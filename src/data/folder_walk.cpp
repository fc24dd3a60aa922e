#include "data/folder_walk.h"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_input.h"
#include "base/folder.h"
#include "base/text.h"
#include "io/picture_kind.h"

namespace ddim::engine::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSystemNames[] = {"Thumbs.db",
                                             "desktop.ini",
                                             "__MACOSX",
                                             "@eaDir",
                                             "$RECYCLE.BIN",
                                             "lost+found",
                                             "System Volume Information"};

constexpr std::string_view kPictureEndings[] = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp",
                                                ".bmp", ".dib", ".gif",  ".tif", ".tiff"};

/// Of other files that hold pictures, or data of other kinds.
constexpr std::string_view kDataEndings[] = {
    ".avif", ".heic", ".heif", ".jxl",     ".jp2",   ".svg",      ".tga",       ".dng",  ".cr2",
    ".nef",  ".arw",  ".mp4",  ".avi",     ".mov",   ".webm",     ".mkv",       ".npy",  ".npz",
    ".h5",   ".hdf5", ".mat",  ".parquet", ".arrow", ".tfrecord", ".tfrecords", ".lmdb", ".mdb",
    ".zip",  ".tar",  ".tgz",  ".gz",      ".xz",    ".rar",      ".7z",        ".pkl",  ".pickle"};

std::string lower_extension(const fs::path& path) {
  return small_letters(path.extension().string());
}

/// Error(io) for a file that cannot be read: it may be a picture, and a run without it another one.
io::PictureStart start_of(const fs::path& path) {
  const std::string start = read_start(path, io::kPictureStartBytes);
  return io::picture_start(std::as_bytes(std::span(start)));
}

class Walk {
 public:
  FolderFiles find(const fs::path& dir) {
    visit(dir);
    std::ranges::sort(found_.pictures, {},
                      [](const fs::path& path) { return path.generic_string(); });
    for (const auto& [what, files] : left_out_) {
      found_.notices.push_back(concat(files.count, " ", what, files.count == 1 ? " file" : " files",
                                      " left out", files.hint, "; the first: ", files.first));
    }
    return std::move(found_);
  }

 private:
  struct LeftOut {
    std::int64_t count = 0;
    std::string first, hint;
  };

  void visit(const fs::path& dir) {
    constexpr std::int64_t kMaxFolders = 1'000'000;
    require(++num_folders_ <= kMaxFolders, "data: more than ", kMaxFolders,
            " folders, counted along links; the last: ", dir.string());
    const fs::path place = fs::canonical(dir);
    if (std::ranges::find(way_, place) != way_.end()) {
      found_.notices.push_back(
          concat(dir.string(), ": left out: this link leads back to ", place.string()));
      return;
    }
    way_.push_back(place);
    for (const std::string& name : names_in(dir)) {
      if (is_system_name(name)) continue;
      const fs::path entry = dir / name;
      std::error_code code;  // a link may lead nowhere, or to itself
      const fs::file_status status = fs::status(entry, code);
      if (fs::is_directory(status)) {
        visit(entry);
      } else if (fs::is_regular_file(status)) {
        look_at(entry);
      } else if (const std::error_code reason = code;
                 fs::is_symlink(fs::symlink_status(entry, code))) {
        leave_out(entry, "broken link", "");
      } else if (status.type() == fs::file_type::none) {
        fail(ErrorCode::io, "cannot read ", entry.string(), ": ", reason.message());
      }
    }
    way_.pop_back();
  }

  void look_at(const fs::path& path) {
    const io::PictureStart start = start_of(path);
    const std::string ending = lower_extension(path);
    if (start.kind == io::PictureKind::other) {
      leave_out(path, std::string(start.name), concat(" (", start.hint, ")"));
    } else if (start.kind != io::PictureKind::none ||
               std::ranges::find(kPictureEndings, ending) != std::end(kPictureEndings)) {
      found_.pictures.push_back(path);
    } else if (path.filename().string().ends_with("-idx3-ubyte")) {
      leave_out(path, "idx", " (they are called train-images-idx3-ubyte and t10k-...)");
    } else if (std::ranges::find(kDataEndings, ending) != std::end(kDataEndings)) {
      leave_out(path, ending.substr(1), "");
    }
  }

  void leave_out(const fs::path& path, const std::string& what, const std::string& hint) {
    LeftOut& files = left_out_[what];
    if (files.count++ == 0) {
      files.first = path.string();
      files.hint = hint;
    }
  }

  FolderFiles found_;
  std::map<std::string, LeftOut> left_out_;
  std::vector<fs::path> way_;  ///< the folders that this one is in
  std::int64_t num_folders_ = 0;
};

}  // namespace

bool is_system_name(const std::string& name) {
  return name.starts_with('.') || std::ranges::find(kSystemNames, name) != std::end(kSystemNames);
}

FolderFiles find_pictures(const fs::path& dir) { return Walk().find(dir); }

std::vector<fs::path> sub_folders(const fs::path& dir) {
  std::vector<fs::path> folders;
  for (const std::string& name : names_in(dir)) {
    std::error_code code;  // a link may lead nowhere, or to itself
    if (!is_system_name(name) && fs::is_directory(dir / name, code)) folders.push_back(dir / name);
  }
  return folders;
}

}  // namespace ddim::engine::data
