#include "outputs.h"

#include <ddim/error.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

template <class... Parts>
[[noreturn]] void refuse(fmt::format_string<Parts...> text, Parts&&... parts) {
  throw Error(ErrorCode::user, fmt::format(text, std::forward<Parts>(parts)...));
}

void check_ending(const std::string& flag, const fs::path& path,
                  const std::vector<std::string>& endings, const std::string& otherwise) {
  const std::string ending = path.extension().string();
  if (std::ranges::find(endings, ending) != endings.end()) return;
  if (path == "-")
    refuse("{} -: nothing is written to standard output; give the name of a file", flag);
  std::string all;
  for (std::size_t i = 0; i < endings.size(); ++i)
    all += (i == 0 ? "" : i + 1 < endings.size() ? ", " : " or ") + endings[i];
  std::string lower = ending;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool is_upper = std::ranges::find(endings, lower) != endings.end();
  refuse("{} must end in {}{}{}; got {}", flag, all, is_upper ? " (small letters)" : "", otherwise,
         path.string());
}

fs::path normal(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(path, error);
  return error ? fs::absolute(path).lexically_normal() : whole;
}

// Leaves nothing behind. By a trial: rights alone do not say it (a folder may be mounted read-only,
// or be of a system that makes no files), and they say nothing to root.
void check_folder_takes_files(const fs::path& folder, const std::string& file) {
  int trial = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (trial < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    const fs::path name = folder / fmt::format(".ddim-trial-{}", getpid());
    trial = open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (trial >= 0) unlink(name.c_str());
  }
  if (trial < 0) {
    throw Error(ErrorCode::io, fmt::format("cannot write {}: no file can be made in {}: {}", file,
                                           folder.string(), std::strerror(errno)));
  }
  close(trial);
}

/// A folder that is there, or that can be made.
void check_folder(const std::string& flag, const fs::path& folder) {
  if (fs::exists(folder) && !fs::is_directory(folder))
    refuse("{} must be a folder; {} is a file", flag, folder.string());
  fs::path above = fs::absolute(folder);
  for (; !fs::exists(above); above = above.parent_path()) {
    if (fs::is_symlink(above))
      refuse("{} {} cannot be made: {} is a link to a folder that is not there", flag,
             folder.string(), above.string());
  }
  if (!fs::is_directory(above))
    refuse("{} {} cannot be made: {} is a file", flag, folder.string(), above.string());
  check_folder_takes_files(above, folder.string());
}

}  // namespace

void check_input(const fs::path& path) {
  if (access(path.c_str(), R_OK) == 0) return;
  throw Error(ErrorCode::io, errno == ENOENT ? fmt::format("{}: no such file", path.string())
                                             : fmt::format("{}: cannot be read: {}", path.string(),
                                                           std::strerror(errno)));
}

void check_output(const fs::path& file, Overwrite overwrite) {
  if (fs::is_directory(file)) refuse("{} is a folder, not a file", file.string());
  const bool is_there = fs::exists(file);
  if (!is_there && fs::is_symlink(file) && overwrite == Overwrite::refuse)
    refuse(
        "{} is a link to a file that is not there; choose another name, or add --overwrite to "
        "write that file",
        file.string());
  if (is_there && overwrite == Overwrite::refuse)
    refuse("{} exists; choose another name, or add --overwrite", file.string());
  if (fs::is_character_file(file) || fs::is_fifo(file)) return;  // written to as what it is
  if (fs::is_block_file(file) || fs::is_socket(file))
    refuse("{} is a device or a socket, not a file; choose another name", file.string());
  const fs::path folder = fs::absolute(normal(file)).parent_path();  // where a link leads
  if (!fs::is_directory(folder))
    refuse("cannot write {}: the folder {} does not exist", file.string(), folder.string());
  check_folder_takes_files(folder, file.string());
}

Files& Files::reads(const fs::path& path) {
  if (!path.empty()) inputs_.push_back(path);
  return *this;
}

Files& Files::writes(const std::string& flag, const fs::path& path,
                     const std::vector<std::string>& endings, const std::string& otherwise) {
  if (!path.empty()) outputs_.push_back({flag, path, endings, Output::May::be_replaced, otherwise});
  return *this;
}

Files& Files::creates(const std::string& flag, const fs::path& path) {
  outputs_.push_back(
      {flag, path.has_filename() ? path : path.parent_path(), {}, Output::May::not_exist});
  return *this;
}

Files& Files::fills(const std::string& flag, const fs::path& folder) {
  if (!folder.empty()) outputs_.push_back({flag, folder, {}, Output::May::be_a_folder});
  return *this;
}

void Files::check() const {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const Output& output = outputs_[i];
    if (!output.endings.empty())
      check_ending(output.flag, output.path, output.endings, output.otherwise);
    for (const fs::path& input : inputs_) {
      if (normal(input) == normal(output.path))
        refuse("{} {} is also read; choose another name", output.flag, output.path.string());
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (normal(outputs_[k].path) == normal(output.path))
        refuse("{} and {} are both {}; choose two names", outputs_[k].flag, output.flag,
               output.path.string());
    }
    if (output.may == Output::May::not_exist && fs::exists(fs::symlink_status(output.path)))
      refuse("{} exists already; choose another name, or remove it", output.path.string());
    if (output.may == Output::May::be_a_folder) {
      check_folder(output.flag, output.path);
    } else {
      check_output(output.path, overwrite_);
    }
  }
  std::ranges::for_each(inputs_, check_input);
}

}  // namespace ddim::cli
