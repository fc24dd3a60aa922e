#include "tests/cli/run_program.h"

#include <ddim/convert.h>
#include <ddim/image.h>
#include <ddim/model.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Whether `signal` is in the set of this name ("SigBlk") in the process's status; nothing once it
/// is gone.
std::optional<bool> is_in_signal_set(pid_t process, const std::string& name, int signal) {
  std::istringstream status(read_file("/proc/" + std::to_string(process) + "/status"));
  std::string word;
  while (status >> word && word != name + ":") {
  }
  std::uint64_t set = 0;
  status >> std::hex >> set;
  if (status.fail()) return {};
  return (set >> (signal - 1) & 1U) != 0;
}

/// Whether the process is the program, no more the shell that starts it (which may keep signals off
/// for a moment, too), and keeps SIGINT from ending it; also once it is gone.
bool watches_signals(pid_t process) {
  const std::string name = read_file("/proc/" + std::to_string(process) + "/comm");
  if (!name.empty() && name != fs::path(DDIM_PROGRAM).filename().string() + "\n") return false;
  return is_in_signal_set(process, "SigBlk", SIGINT).value_or(true);
}

/// Whether the process has not yet seen a signal that was sent to it.
bool has_waiting(pid_t process, int signal) {
  return is_in_signal_set(process, "ShdPnd", signal).value_or(false);
}

}  // namespace

std::vector<std::string> TemporaryFolder::list() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(path()))
    names.push_back(fs::relative(entry.path(), path()).string());
  std::ranges::sort(names);
  return names;
}

Outcome run_ddim(const std::string& arguments, const std::string& environment,
                 const std::string& out_file) {
  const TemporaryFolder streams;
  const std::string command = environment + " '" DDIM_PROGRAM "' " + arguments + " >" +
                              (out_file.empty() ? streams / "out" : out_file) + " 2>" +
                              (streams / "err") + " </dev/null";
  const int status = std::system(command.c_str());
  return {.exit_code = exit_code_of(status),
          .out = out_file.empty() ? read_file(streams / "out") : "",
          .err = read_file(streams / "err")};
}

std::string run_ddim_in_terminal(const std::string& arguments, int columns,
                                 const std::string& environment) {
  const std::string command =
      "unset COLUMNS NO_COLOR; " + environment + " '" DDIM_PROGRAM "' " + arguments;
  winsize window{};
  window.ws_row = 24;
  window.ws_col = static_cast<unsigned short>(columns);
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &window);
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  std::string shown;
  std::array<char, 4096> bytes{};
  for (ssize_t count = 0; (count = read(terminal, bytes.data(), bytes.size())) > 0;)
    shown.append(bytes.data(), static_cast<std::size_t>(count));
  close(terminal);
  waitpid(child, nullptr, 0);
  return shown;
}

Outcome run_ddim_and_signal(const std::string& arguments, const fs::path& file, int signal,
                            SecondSignal second, std::uintmax_t size) {
  const TemporaryFolder streams;
  const std::string command = "exec '" DDIM_PROGRAM "' " + arguments + " >" + (streams / "out") +
                              " 2>" + (streams / "err") + " </dev/null";
  const pid_t child = fork();
  if (child == 0) {
    // What nohup or a shell's & have ignored would stay so.
    for (const int expected : {signal, second.signal})
      if (expected != 0) std::signal(expected, SIG_DFL);
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  pid_t ended = 0;
  const auto is_there = [&] {
    std::error_code gone;
    return fs::exists(file) && (size == 0 || fs::file_size(file, gone) >= size);
  };
  while ((!is_there() || !watches_signals(child)) && ended == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ended = waitpid(child, &status, WNOHANG);
  }
  if (ended == 0) {
    kill(child, signal);
    if (second.signal != 0) {
      while (second.after == SecondSignal::After::seen && has_waiting(child, signal))
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      std::this_thread::sleep_for(second.pause);
      kill(child, second.signal);
    }
    waitpid(child, &status, 0);
  }
  return {.exit_code = exit_code_of(status),
          .out = read_file(streams / "out"),
          .err = read_file(streams / "err")};
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

void make_micro_model(const fs::path& folder) { convert_model("tests/golden/micro", folder); }

void make_pictures(const fs::path& folder, int count) {
  fs::create_directories(folder);
  for (int k = 0; k < count; ++k) {
    Image image{.width = 8, .height = 8, .channels = 3};
    for (int i = 0; i < 8 * 8 * 3; ++i)
      image.pixels.push_back(static_cast<std::uint8_t>((31 * k + 7 * i) % 256));
    write_png(folder / (std::to_string(k) + ".png"), image);
  }
}

std::string small_training_config() {
  return R"([model]
channels = 3
block_out_channels = [32, 32]
layers_per_block = 1
attention_levels = [1]
[data]
resolution = 8
[training]
batch = 4
shards = 2
steps = 6
[output]
checkpoint_every_steps = 2
log_every_steps = 1
)";
}

}  // namespace ddim::cli_test
