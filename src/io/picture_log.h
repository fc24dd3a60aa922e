#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file_output.h"

namespace ddim::engine::io {

/// Pictures `first` to first + count - 1 of a run.
struct PictureRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
  friend bool operator==(const PictureRange&, const PictureRange&) = default;
};

/// The gaps that `ranges` leave in 0 .. count - 1, in order.
std::vector<PictureRange> gaps_between(std::vector<PictureRange> ranges, std::int64_t count);

/// A file to which a run adds pictures as they are finished, in any order, so that another process
/// can go on with the run. What a process had added stays when it is killed; a record that a loss
/// of power left incomplete is noticed by its CRC-32 and not counted. docs/file-formats.md has the
/// layout.
class PictureLog {
 public:
  using Settings = std::map<std::string, std::string>;
  struct Header {
    std::int64_t count = 0;           ///< of pictures in the whole run
    std::uint64_t picture_bytes = 0;  ///< of each picture
    Settings settings = {};           ///< what the pictures depend on; the caller compares them
  };

  /// Begins a log. Error(user) when the file exists, Error(io) when the system refuses.
  static PictureLog create(const std::filesystem::path& path, const Header& header,
                           FileSystem& file_system = system_calls());
  /// Opens one to go on with it, and cuts off a record that is not complete. Error(corrupt) when
  /// the file is no such log, Error(user) when another process has it open, Error(io) when the
  /// system refuses.
  static PictureLog open(const std::filesystem::path& path,
                         FileSystem& file_system = system_calls());
  /// Opens one that nothing is to be added to, also when other processes have it open.
  /// Error(corrupt) and Error(io) as open().
  static PictureLog open_to_read(const std::filesystem::path& path,
                                 FileSystem& file_system = system_calls());
  PictureLog(PictureLog&& other) noexcept;
  PictureLog& operator=(PictureLog&&) = delete;
  PictureLog(const PictureLog&) = delete;
  PictureLog& operator=(const PictureLog&) = delete;
  ~PictureLog();

  const Header& header() const { return header_; }
  const std::filesystem::path& path() const { return path_; }
  std::int64_t num_done() const { return num_done_; }
  std::vector<PictureRange> missing() const { return missing_in({0, header_.count}); }
  /// Those among the pictures `range`.
  std::vector<PictureRange> missing_in(PictureRange range) const;

  /// Adds the pictures from number `first` on; none of them may be there already. Error(io) when
  /// the system refuses; the log can then only be destroyed.
  void add(std::int64_t first, std::span<const std::byte> pictures);
  /// Makes what was added safe from a loss of power.
  void sync();
  /// Gives the file another name, in the place of a file that has it; the name is as safe from a
  /// loss of power as what was added. Error(io) when the system refuses.
  void move_to(const std::filesystem::path& path);
  /// Hands the pictures `range` to `sink`, in order of their numbers, in pieces of whole pictures,
  /// however they were added. Error(io) when the system refuses.
  void read(PictureRange range, const ByteSink& sink) const;
  /// Removes the file, whose pictures are in another one now.
  void remove();

 private:
  struct Record {
    PictureRange range;
    std::uint64_t offset = 0;  ///< of its first byte in the file
  };
  PictureLog(std::filesystem::path path, int descriptor, FileSystem& file_system);
  void lock() const;
  void write(std::span<const std::byte> bytes);
  void read_records();
  void note(const Record& record);
  [[noreturn]] void fail_call(const char* call) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  FileSystem* file_system_;
  Header header_;
  std::uint64_t end_ = 0;  ///< bytes in the file
  std::int64_t num_done_ = 0;
  std::vector<Record> records_;  ///< in the order of their pictures
};

}  // namespace ddim::engine::io
