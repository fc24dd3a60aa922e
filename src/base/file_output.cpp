#include "base/file_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/sha256.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;

/// The output that is being written, for messages.
struct Output {
  const fs::path& path;
  std::uint64_t size_bytes;
};

/// Throws an error about the system call that has just failed.
[[noreturn]] void fail_call(const Output& output, std::string_view call, const fs::path& where) {
  const std::string reason = std::system_category().message(errno);
  const std::string needed =
      output.size_bytes == 0 ? "" : concat("; ", output.size_bytes, " bytes are needed in all");
  fail(ErrorCode::io, "cannot write ", output.path.string(), ": ", reason, " (", call, " ",
       where.string(), needed, ")");
}

[[noreturn]] void fail_existing(const fs::path& path) {
  fail(ErrorCode::user, path.string(),
       " exists already and is not overwritten: choose another name, or remove it");
}

bool is_taken(const fs::path& path) {
  std::error_code ignored;  // if this call fails, so does the write, which reports the error
  return fs::exists(fs::symlink_status(path, ignored));
}

/// Who may read and write a regular file, if it is there.
std::optional<mode_t> mode_of(const fs::path& path) {
  constexpr mode_t kRights = 0777;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return status.st_mode & kRights;
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// An open file that is being written. The destructor closes it; only finish() makes it durable.
class OpenFile {
 public:
  OpenFile(FileSystem& file_system, int descriptor, const Output& output, const fs::path& where)
      : file_system_(file_system), descriptor_(descriptor), output_(output), where_(where) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) file_system_.close(descriptor_);
  }

  void write(std::span<const std::byte> bytes) {
    if (write_all(file_system_, descriptor_, bytes) < bytes.size())
      fail_call(output_, "writing", where_);
    num_written_ += bytes.size();
  }

  /// Durability::now is for files of a disk: devices and pipes know no fsync.
  void finish(Durability durability) {
    ensure(num_written_ == output_.size_bytes, output_.path.string(), ": ", num_written_,
           " bytes were written in place of ", output_.size_bytes);
    if (durability == Durability::now && file_system_.fsync(descriptor_) < 0) {
      fail_call(output_, "fsync of", where_);
    }
    // Linux closes the descriptor even if it reports an interruption: never close it twice.
    if (file_system_.close(std::exchange(descriptor_, -1)) < 0 && errno != EINTR) {
      fail_call(output_, "closing", where_);
    }
  }

 private:
  FileSystem& file_system_;
  int descriptor_;
  Output output_;
  const fs::path& where_;
  std::uint64_t num_written_ = 0;
};

constexpr int kCreate = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;

/// Calls fsync or syncfs on an open folder: what it returns, with the reason in errno.
int sync_by(int (FileSystem::*call)(int), FileSystem& file_system, const Output& output,
            const fs::path& folder) {
  const int descriptor = file_system.open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (descriptor < 0) fail_call(output, "opening folder", folder);
  const int result = (file_system.*call)(descriptor);
  const int reason = errno;
  file_system.close(descriptor);
  errno = reason;
  return result;
}

/// Makes the names in `folder` durable.
void sync_folder(FileSystem& file_system, const Output& output, const fs::path& folder) {
  const int result = sync_by(&FileSystem::fsync, file_system, output, folder);
  // EINVAL: the file system does not support fsync of a folder.
  if (result < 0 && errno != EINVAL) fail_call(output, "fsync of folder", folder);
}

/// Renames the complete file or folder `temporary` to its final name.
void move_into_place(FileSystem& file_system, const Output& output, const fs::path& temporary,
                     Overwrite overwrite) {
  const int result = overwrite == Overwrite::allow
                         ? file_system.rename(temporary.c_str(), output.path.c_str())
                         : file_system.rename_no_replace(temporary.c_str(), output.path.c_str());
  if (result == 0) return;
  if (errno == EEXIST && overwrite == Overwrite::refuse) fail_existing(output.path);
  fail_call(output, "renaming", temporary);
}

void sync_new_name(FileSystem& file_system, const Output& output) {
  try {
    sync_folder(file_system, output, folder_of(output.path));
  } catch (const Error& error) {
    fail(error.code(), error.what(),
         "; it is complete and in place, but might not survive a loss of power");
  }
}

/// Where the chain of links ends that begins at `path`, be there a file of that name or not; `path`
/// itself where that is no link.
fs::path end_of_links(const fs::path& path) {
  constexpr int kMaxLinks = 40;  // as Linux has it
  fs::path end = path;
  for (int i = 0;; ++i) {
    std::error_code error;  // what is no link is an end
    const fs::path target = fs::read_symlink(end, error);
    if (error) return end;
    if (i == kMaxLinks) {
      errno = ELOOP;
      fail_call({path, 0}, "following link", end);
    }
    end = end.parent_path() / target;  // target alone, if it is absolute
  }
}

/// Whether the name is one of a file that some process has open (/dev/stdout, /dev/fd/3,
/// /proc/self/fd/3): a file that takes its place would not be seen by those who read it.
bool is_open_file(const fs::path& path) {
  constexpr int kMaxLinks = 40;
  fs::path end = path;
  for (int i = 0; i < kMaxLinks; ++i) {
    std::error_code error;
    const std::string folder = fs::weakly_canonical(end.parent_path(), error).string();
    if (!error && folder.starts_with("/proc/") && folder.ends_with("/fd")) return true;
    const fs::path target = fs::read_symlink(end, error);
    if (error) return false;
    end = end.parent_path() / target;
  }
  return false;
}

/// Whether bytes go into `path` as it is, and no file takes its place. Error(user) for what is
/// neither that nor a regular file.
bool is_stream(const fs::path& path) {
  if (is_open_file(path)) return true;
  std::error_code ignored;  // as in is_taken()
  const fs::file_type type = fs::status(path, ignored).type();
  if (type == fs::file_type::character || type == fs::file_type::fifo) return true;
  if (type == fs::file_type::block || type == fs::file_type::socket) {
    fail(ErrorCode::user, path.string(), " is a ",
         type == fs::file_type::block ? "block device" : "socket",
         ", which is never written to; choose another name");
  }
  return false;
}

void write_stream(const Output& output, const FileContent& content, FileSystem& file_system) {
  // Behind what is there already, where that is a file.
  const int descriptor = file_system.open(output.path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC, 0);
  if (descriptor < 0) fail_call(output, "opening", output.path);
  OpenFile stream(file_system, descriptor, output, output.path);
  content.write_to([&stream](std::span<const std::byte> bytes) { stream.write(bytes); });
  stream.finish(Durability::later);
}

/// Whether a name stays inside its folder and needs no escape in JSON.
void require_plain_name(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
  });
  const fs::path path(name);
  const bool inside =
      path.is_relative() && std::none_of(path.begin(), path.end(), [](const fs::path& part) {
        return part.empty() || part == "." || part == "..";
      });
  const bool single = name.find("//") == std::string::npos;  // std::filesystem would accept it
  require(!name.empty() && plain && inside && single, "\"", plain ? name : "?",
          "\" cannot name a file of an output folder: a relative path without .. is expected");
}

FileContent content_of(std::span<const std::byte> bytes) {
  return {bytes.size(), [bytes](const ByteSink& sink) { sink(bytes); }};
}

}  // namespace

FileContent::FileContent(std::span<const std::byte> bytes) : FileContent(content_of(bytes)) {}

FileContent::FileContent(std::string_view text)
    : FileContent(std::as_bytes(std::span(text.data(), text.size()))) {}

std::vector<std::byte> FileContent::bytes() const {
  std::vector<std::byte> all;
  all.reserve(size_bytes);
  write_to([&all](std::span<const std::byte> bytes) {
    all.insert(all.end(), bytes.begin(), bytes.end());
  });
  return all;
}

void write_file_durably(const fs::path& path, const FileContent& content, Overwrite overwrite,
                        FileSystem& file_system) {
  write_file(path, content, overwrite, Durability::now, file_system);
}

void write_file(const fs::path& named, const FileContent& content, Overwrite overwrite,
                Durability durability, FileSystem& file_system) {
  require(named.has_filename(), "\"", named.string(), "\" does not name a file");
  if (overwrite == Overwrite::refuse && is_taken(named)) fail_existing(named);
  if (is_stream(named)) return write_stream({named, content.size_bytes}, content, file_system);
  const fs::path path = end_of_links(named);
  const Output output{path, content.size_bytes};

  const Temporary temporary = Temporary::file(path, file_system);
  if (temporary.failed()) fail_call(output, "creating", temporary.name());
  try {
    OpenFile file(file_system, temporary.descriptor(), output, temporary.name());
    // Before there is anything to read in it.
    if (const auto mode = mode_of(path); mode && mode != mode_of(temporary.name()) &&
                                         file_system.fchmod(temporary.descriptor(), *mode) < 0)
      fail_call(output, "setting the mode of", temporary.name());
    content.write_to([&file](std::span<const std::byte> bytes) { file.write(bytes); });
    file.finish(durability);
    move_into_place(file_system, output, temporary.name(), overwrite);
  } catch (...) {
    file_system.unlink(temporary.name().c_str());
    throw;
  }
  if (durability == Durability::now) sync_new_name(file_system, output);
}

void sync_folder(const fs::path& folder, FileSystem& file_system) {
  sync_folder(file_system, {folder, 0}, folder);
}

void sync_file_system(const fs::path& folder, FileSystem& file_system) {
  const Output output{folder, 0};
  if (sync_by(&FileSystem::syncfs, file_system, output, folder) < 0)
    fail_call(output, "syncfs of", folder);
}

bool make_folders(const fs::path& folder, FileSystem& file_system) {
  const auto make = [&](const fs::path& each, const auto& make_next) -> bool {
    if (!each.has_filename() && each.has_relative_path())
      return make_next(each.parent_path(), make_next);
    std::error_code unknown;  // then the system refuses below, and says why
    if (each.empty() || fs::is_directory(each, unknown)) return false;
    make_next(each.parent_path(), make_next);
    if (file_system.mkdir(each.c_str(), 0777) < 0) {
      const int reason = errno == EEXIST ? ENOTDIR : errno;  // a file is in the way
      if (fs::is_directory(each, unknown)) return false;     // another process was faster
      fail(ErrorCode::io, "cannot make the folder ", folder.string(), ": ",
           std::system_category().message(reason), " (", each.string(), ")");
    }
    sync_folder(file_system, {each, 0}, folder_of(each));
    return true;
  };
  return make(folder, make);
}

namespace {

/// The final name of an output folder, which must be free.
fs::path free_name(fs::path path) {
  if (!path.has_filename()) path = path.parent_path();
  require(path.has_filename(), "an output folder needs a name");
  if (is_taken(path)) fail_existing(path);
  return path;
}

}  // namespace

DurableFolder::DurableFolder(fs::path path, Manifest manifest, FileSystem& file_system)
    : path_(free_name(std::move(path))),
      temporary_(Temporary::folder(path_, file_system)),
      manifest_(manifest),
      file_system_(&file_system) {
  if (temporary_.failed()) fail_call({path_, 0}, "making folder", temporary_.name());
}

DurableFolder::~DurableFolder() {
  if (committed_) return;
  // Without new memory: there may be none.
  for (const File& file : files_) file_system_->unlink(file.where.c_str());
  for (auto folder = subfolders_.rbegin(); folder != subfolders_.rend(); ++folder)
    file_system_->rmdir(folder->where.c_str());
  file_system_->rmdir(temporary_.name().c_str());
}

void DurableFolder::make_subfolders_of(const std::string& name) {
  for (std::size_t end = name.find('/'); end != std::string::npos; end = name.find('/', end + 1)) {
    const std::string subfolder = name.substr(0, end);
    if (std::ranges::count(subfolders_, subfolder, &Subfolder::name) > 0) continue;
    // Noted before it is there, so that it is never there without being noted.
    const fs::path& where =
        subfolders_.emplace_back(Subfolder{subfolder, temporary_.name() / subfolder}).where;
    if (file_system_->mkdir(where.c_str(), 0777) < 0) {
      fail_call({path_ / subfolder, 0}, "making folder", where);
    }
  }
}

void DurableFolder::write_file(const std::string& name, const FileContent& content) {
  require_plain_name(name);
  require(std::none_of(files_.begin(), files_.end(), [&](const File& f) { return f.name == name; }),
          "the output folder ", path_.string(), " has a file ", name, " already");
  make_subfolders_of(name);

  const fs::path path = path_ / name;
  const Output output{path, content.size_bytes};
  const fs::path& where =
      files_.emplace_back(File{name, temporary_.name() / name, content.size_bytes, ""}).where;
  const int descriptor = file_system_->open(where.c_str(), kCreate, 0666);
  if (descriptor < 0) fail_call(output, "creating", where);
  OpenFile file(*file_system_, descriptor, output, where);
  Sha256 hash;
  content.write_to([&](std::span<const std::byte> bytes) {
    if (manifest_ == Manifest::write) hash.update(bytes);
    file.write(bytes);
  });
  file.finish(Durability::now);
  files_.back().sha256 = hash.finish_hex();
}

void DurableFolder::commit() {
  assert(!committed_);
  if (manifest_ == Manifest::write) write_file(std::string(kManifestName), manifest_text());

  std::uint64_t num_bytes = 0;
  for (const File& file : files_) num_bytes += file.size_bytes;
  const Output output{path_, num_bytes};
  for (auto it = subfolders_.rbegin(); it != subfolders_.rend(); ++it) {
    sync_folder(*file_system_, output, it->where);
  }
  sync_folder(*file_system_, output, temporary_.name());
  move_into_place(*file_system_, output, temporary_.name(), Overwrite::refuse);
  committed_ = true;
  sync_new_name(*file_system_, output);
}

}  // namespace ddim::engine
