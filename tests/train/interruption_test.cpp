// A training process that is killed at random moments.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "tests/support/temporary_folder.h"
#include "tests/train/killable_run.h"
#include "train/checkpoint.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

pid_t start_child(const fs::path& folder) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::execl(DDIM_KILLABLE_RUN, "killable_run", folder.c_str(), static_cast<char*>(nullptr));
  ::_exit(99);
}

/// The step of the last "saved .../step-N" in the log, or -1.
std::int64_t last_saved(const fs::path& folder) {
  std::ifstream log(folder / "log.txt");
  std::int64_t step = -1;
  for (std::string line; std::getline(log, line);) {
    const auto name = line.find("/step-");
    if (line.starts_with("saved ") && name != std::string::npos && !log.eof())
      step = std::stoll(line.substr(name + 6));
  }
  return step;
}

std::int64_t newest_step(const fs::path& run) {
  const auto newest = CheckpointStore(run / "checkpoints").find_newest();
  EXPECT_TRUE(newest.skipped.empty()) << newest.skipped.front();
  if (!newest.folder) return -1;
  TrainingState state(make_device(DeviceKind::cpu), config_with_many_saves());
  const std::uint32_t fingerprint = data::fingerprint({.images = tiny_images(10), .kind = "idx"});
  load_checkpoint(*newest.folder, config_with_many_saves(), fingerprint, state);
  return state.step;
}

/// Until the log tells of a checkpoint after `step`, or the child has ended.
void wait_for_save_after(std::int64_t step, const fs::path& folder, pid_t child) {
  siginfo_t ended{};
  while (last_saved(folder) <= step) {
    ::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT);
    if (ended.si_pid == child) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(Interruption, KilledAtAnyMomentItLosesNothingThatWasSaved) {
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary.path();
  write_tiny_data(folder / "data");
  std::mt19937 random(20);
  std::uniform_int_distribution<int> pause_ms(0, 150);
  int kills = 0, kills_after_a_save = 0;
  for (int i = 0; i < 60 && kills < 20; ++i) {
    const pid_t child = start_child(folder);
    ASSERT_GT(child, 0);
    // Half of the times it gets as far as a save, however slow the machine is.
    if (i % 2 == 1) wait_for_save_after(last_saved(folder), folder, child);
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms(random)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {  // it was faster
      ASSERT_EQ(WEXITSTATUS(status), 0);
      break;
    }
    ++kills;
    if (!fs::exists(folder / "run" / "checkpoints")) continue;
    const std::int64_t saved = last_saved(folder);
    EXPECT_GE(newest_step(folder / "run"), saved);
    if (saved > 0) ++kills_after_a_save;
  }
  EXPECT_GE(kills, 5);
  EXPECT_GE(kills_after_a_save, 3);
  const Start start = fs::exists(folder / "run") ? Start::resume : Start::fresh;
  const TrainSummary resumed = train_in(folder, "run", start);
  const TrainSummary whole = train_in(folder, "whole", Start::fresh);
  EXPECT_EQ(sha256_of_file(resumed.checkpoint / "state.safetensors"),
            sha256_of_file(whole.checkpoint / "state.safetensors"));
  EXPECT_EQ(newest_step(folder / "run"), 120);
}

}  // namespace
}  // namespace ddim::engine::train
