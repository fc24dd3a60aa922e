#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace ddim::cli_test {

/// What a run of the program left behind.
struct Outcome {
  int exit_code = -1;
  std::string out;  ///< standard output
  std::string err;  ///< standard error
};

/// A folder whose paths are words of a command line.
class TemporaryFolder : public test::TemporaryFolder {
 public:
  std::string operator/(const std::string& name) const { return (path() / name).string(); }
  /// Every file and folder in it, relative to it, sorted.
  std::vector<std::string> list() const;
};

/// Runs the built program by the shell: `arguments` stand behind its name, `environment` (A=1 B=2)
/// before it. Standard output may go to a file (/dev/full), and is not returned then.
Outcome run_ddim(const std::string& arguments, const std::string& environment = "",
                 const std::string& out_file = "");

/// The same on a terminal of so many columns, without the variable COLUMNS: all that it shows.
std::string run_ddim_in_terminal(const std::string& arguments, int columns,
                                 const std::string& environment = "");

/// A signal that follows another.
struct SecondSignal {
  int signal = 0;                                       ///< 0 for none
  enum class After { sent, seen } after = After::seen;  ///< the first was sent, or taken note of
  std::chrono::milliseconds pause{0};
};

/// Starts the program, sends `signal` as soon as `file` is there (with `size` bytes or more), then
/// `second`, and waits for its end.
Outcome run_ddim_and_signal(const std::string& arguments, const std::filesystem::path& file,
                            int signal, SecondSignal second = {}, std::uintmax_t size = 0);

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& text);

/// Converts the micro network of the golden files, with pictures of 3 channels of 8x8, into
/// `folder`.
void make_micro_model(const std::filesystem::path& folder);

/// Writes `count` PNG files of 8x8 into `folder`.
void make_pictures(const std::filesystem::path& folder, int count);

/// A configuration that trains a small network on such pictures.
std::string small_training_config();

}  // namespace ddim::cli_test
