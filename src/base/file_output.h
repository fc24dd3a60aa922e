#pragma once

#include <ddim/overwrite.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/temporary.h"

namespace ddim::engine {

/// Receives the next bytes of a file.
using ByteSink = std::function<void(std::span<const std::byte>)>;

/// The content of a file to be written: the number of bytes, known beforehand, and a function that
/// hands exactly this number to the sink, in order and in pieces of any size. The objects that it
/// refers to must outlive it.
struct FileContent {
  FileContent(std::span<const std::byte> bytes);  // NOLINT: converts on purpose
  FileContent(std::string_view text);             // NOLINT: converts on purpose
  FileContent(const std::string& text) : FileContent(std::string_view(text)) {}  // NOLINT
  FileContent(const char* text) : FileContent(std::string_view(text)) {}         // NOLINT
  FileContent(std::uint64_t size, std::function<void(const ByteSink&)> produce)
      : size_bytes(size), write_to(std::move(produce)) {}

  /// All of it in memory.
  std::vector<std::byte> bytes() const;

  std::uint64_t size_bytes;
  std::function<void(const ByteSink&)> write_to;
};

/// When a written file is safe from a loss of power: at once, or only after sync_file_system(). (It
/// survives the end of the process, however it ends, in both cases.)
enum class Durability { now, later };

/// Writes a file. Whatever happens, `path` is either complete or not there: the content goes to
/// `path.tmp-ddim-<i>` beside it, then fsync, rename to `path`, fsync of the folder. After a
/// failure, the temporary file is gone, the old file is unchanged, and Error(io) contains the path,
/// the system's reason and the bytes needed. (If only the last fsync fails, the new content is in
/// place, and Error(io) says that it may not survive a power loss.) The parent folder must exist.
/// A file that takes the place of another has its mode. Where Overwrite::allow meets a link, the
/// file that it names is replaced, and the link stays; a character device or a pipe is written to
/// as what it is; other devices are refused: Error(user).
void write_file_durably(const std::filesystem::path& path, const FileContent& content,
                        Overwrite overwrite, FileSystem& file_system = system_calls());

/// The same, but with Durability::later without either fsync: for many small files, each of which
/// is complete or not there as long as the power stays.
void write_file(const std::filesystem::path& path, const FileContent& content, Overwrite overwrite,
                Durability durability, FileSystem& file_system = system_calls());

/// Makes the names in `folder` durable. Error(io) when the system refuses; no error where the file
/// system has no fsync of folders.
void sync_folder(const std::filesystem::path& folder, FileSystem& file_system = system_calls());

/// Makes all that was written into `folder` durable, by one call for many files. Error(io) when the
/// system refuses.
void sync_file_system(const std::filesystem::path& folder,
                      FileSystem& file_system = system_calls());

/// Makes a folder and those above it, as far as they are missing, and makes their names durable.
/// Returns whether `folder` itself was missing. Error(io) when the system refuses.
bool make_folders(const std::filesystem::path& folder, FileSystem& file_system = system_calls());

/// Whether the folder gets a manifest.json with the sizes and SHA-256 of its files.
enum class Manifest { leave_out, write };

/// A folder that is either complete or not there. Files go into `path.tmp-ddim-<i>/`; commit()
/// makes everything durable and renames it to `path`, which must not exist.
///
///     DurableFolder folder("run/step-500", Manifest::write);
///     folder.write_file("unet/config.json", text);
///     folder.commit();
class DurableFolder {
 public:
  /// Creates the temporary folder. Error(user) if `path` exists, Error(io) if the system refuses.
  DurableFolder(std::filesystem::path path, Manifest manifest,
                FileSystem& file_system = system_calls());
  DurableFolder(const DurableFolder&) = delete;
  DurableFolder& operator=(const DurableFolder&) = delete;
  /// Removes the temporary folder, unless it was committed.
  ~DurableFolder();

  /// Writes and fsyncs one new file. `name` is relative, with `/` between the parts; missing
  /// folders are created. Error(user) for a name that leaves the folder or exists; Error(io) as
  /// write_file_durably. After an error, only destroy the object.
  void write_file(const std::string& name, const FileContent& content);

  /// Makes the folder durable under its final name. Errors as for write_file_durably.
  void commit();

 private:
  struct File {
    std::string name;
    std::filesystem::path where;  ///< in the temporary folder
    std::uint64_t size_bytes;
    std::string sha256;
  };
  struct Subfolder {
    std::string name;
    std::filesystem::path where;
  };
  std::string manifest_text() const;
  void make_subfolders_of(const std::string& name);

  std::filesystem::path path_;
  Temporary temporary_;
  Manifest manifest_;
  FileSystem* file_system_;
  std::vector<File> files_;            ///< in the order of writing
  std::vector<Subfolder> subfolders_;  ///< parents before children
  bool committed_ = false;
};

inline constexpr std::string_view kManifestName = "manifest.json";

/// A file as a manifest lists it.
struct ManifestEntry {
  std::string name;
  std::string size_bytes;
  std::string sha256;
};

/// What `folder`/manifest.json lists; nothing when that is missing or damaged. Error(io) when it
/// cannot be read.
std::optional<std::vector<ManifestEntry>> read_manifest(const std::filesystem::path& folder);

/// Whether `folder`/manifest.json is one that DurableFolder wrote, and damaged; no for what another
/// program wrote. Error(io) when it cannot be read.
bool is_damaged_manifest(const std::filesystem::path& folder);

/// Compares one of these files with its entry: nullopt, or one line with the difference. Errors as
/// verify_manifest().
std::optional<std::string> verify_entry(const std::filesystem::path& folder,
                                        const ManifestEntry& entry);

/// Reads every file that `folder`/manifest.json lists and compares size and SHA-256. Returns
/// nullopt if all agree, otherwise one line with the first difference, be it a file that is
/// missing. Error(io), naming the file, when the system does not let one be read: that tells
/// nothing about the folder. No content of the folder makes it throw.
std::optional<std::string> verify_manifest(const std::filesystem::path& folder);

}  // namespace ddim::engine
