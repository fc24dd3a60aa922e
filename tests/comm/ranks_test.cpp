// What of ranks needs no MPI; tests/cli/ranks_test.sh has the rest.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/folder.h"
#include "base/text.h"
#include "comm/block_claims.h"
#include "comm/join.h"
#include "comm/mpi_communicator.h"
#include "comm/processors.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::comm {
namespace {

namespace fs = std::filesystem;

TEST(Processors, AreSharedByTheRanksOfAHost) {
  EXPECT_EQ(threads_of_rank({"a 0,1,2,3", "b 0,1,2,3"}, 1, 0), 4);
  EXPECT_EQ(threads_of_rank({"a 0,1,2,3", "a 0,1,2,3", "b 0,1"}, 0, 0), 2);
  EXPECT_EQ(threads_of_rank({"a 0,1", "a 2,3,4"}, 1, 0), 3);
  EXPECT_EQ(threads_of_rank({"a 0", "a 0", "a 0"}, 2, 0), 1);
  EXPECT_EQ(threads_of_rank({"a 0,1,2,3,4,5", "a 0,1,2,3,4,5", "a 0,1,2,3,4,5"}, 0, 0), 2);
  EXPECT_EQ(threads_of_rank({"a 0,1,2,3"}, 0, 3), 3);
  EXPECT_EQ(threads_of_rank({processors_of_this_process()}, 0, 1), 1);
  EXPECT_EQ(processors_of_first_machine({"a 0,1", "a 1,2", "b 0,1,2,3,4"}), 3);
  EXPECT_NE(advice_on_binding(2, 16), "");
  EXPECT_EQ(advice_on_binding(9, 16), "");
}

/// An MPI of two ranks of which the other one never does anything. Operations begin, and are never
/// done.
ddim_mpi_functions silent_mpi() {
  return {
      .interface_number = kMpiInterface,
      .init =
          [](int* rank, int* size) {
            *rank = 1;
            *size = 2;
            return 0;
          },
      .library = [](char* text, int) { std::strcpy(text, "a test"); },
      .error_text = [](int, char* text, int) { std::strcpy(text, "broken"); },
      .start_exchange = [](const float*, const int*, const int*, float*, const int*, const int*,
                           ddim_mpi_request**) { return 0; },
      .start_all_gather = [](void*, int, const int*, const int*, ddim_mpi_request**) { return 0; },
      .start_reduce_scatter = [](const float*, float*, const int*,
                                 ddim_mpi_request**) { return 0; },
      .start_barrier = [](ddim_mpi_request**) { return 0; },
      .test =
          [](ddim_mpi_request*, int* done) {
            *done = 0;
            return 0;
          },
      .send_beat =
          [](int, int, int* was_sent) {
            *was_sent = 1;
            return 0;
          },
      .receive_beat =
          [](int, int* beat) {
            *beat = -1;
            return 0;
          },
      .finalize = [] { return 0; },
      .abort = [](int code) { std::_Exit(code); }};
}

TEST(MpiCommunicatorDeathTest, ASilentRankEndsAll) {
  const ddim_mpi_functions mpi = silent_mpi();
  const Launch launch{.launcher = "mpirun", .rank = 1, .size = 2};
  EXPECT_EXIT(join_by_mpi(mpi, launch, {.timeout_seconds = 0.3}), testing::ExitedWithCode(5),
              "rank 1: no sign of life from rank 0 for 0.3 s");
}

TEST(MpiCommunicatorDeathTest, AnMpiThatDoesNotBeginEndsTheProcess) {
  ddim_mpi_functions mpi = silent_mpi();
  mpi.init = [](int*, int*) {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    return 0;
  };
  const Launch launch{.launcher = "mpirun", .rank = 1, .size = 2};
  EXPECT_EXIT(join_by_mpi(mpi, launch, {.timeout_seconds = 0.3}), testing::ExitedWithCode(5),
              "rank 1: MPI did not begin within 0.3 s");
}

/// The same, whose operations are done at once.
ddim_mpi_functions obliging_mpi() {
  ddim_mpi_functions mpi = silent_mpi();
  mpi.test = [](ddim_mpi_request*, int* done) {
    *done = 1;
    return 0;
  };
  return mpi;
}

/// What the other rank sends in its texts.
std::string& text_of_the_other() {
  static std::string text;
  return text;
}

TEST(MpiCommunicatorDeathTest, ASilentRankOfThisMachineIsEnded) {
  const pid_t stopped = ::fork();
  ASSERT_GE(stopped, 0);
  if (stopped == 0) {
    ::raise(SIGSTOP);
    std::_Exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(stopped, &status, WUNTRACED), stopped);
  ASSERT_TRUE(WIFSTOPPED(status));
  ddim_mpi_functions mpi = obliging_mpi();
  mpi.start_all_gather = [](void* values, int, const int* counts, const int* places,
                            ddim_mpi_request**) {
    auto* bytes = static_cast<char*>(values);
    const std::string& text = text_of_the_other();
    const auto size = static_cast<std::int64_t>(text.size());
    const bool are_sizes = counts[0] == 8 && counts[1] == 8;
    if (are_sizes) std::memcpy(bytes + places[0], &size, sizeof size);
    if (!are_sizes) std::memcpy(bytes + places[0], text.data(), text.size());
    return 0;
  };
  const Launch launch{.launcher = "mpirun", .rank = 1, .size = 2};
  const auto silence = [&](const std::string& identity) {
    text_of_the_other() = identity;
    const auto ranks = join_by_mpi(mpi, launch, {.timeout_seconds = 0.3});
    std::this_thread::sleep_for(std::chrono::seconds(60));
  };
  const std::string identity = identity_of_process(stopped);
  ASSERT_NE(identity, "");
  // A later process of the same number is left alone.
  EXPECT_EXIT(silence(identity + "0"), testing::ExitedWithCode(5), "no sign of life from rank 0");
  EXPECT_EQ(::waitpid(stopped, &status, WNOHANG), 0);
  EXPECT_EXIT(silence(identity), testing::ExitedWithCode(5), "no sign of life from rank 0");
  ASSERT_EQ(::waitpid(stopped, &status, 0), stopped);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(identity_of_process(stopped), "");
}

TEST(MpiCommunicatorDeathTest, ARankThatHasLeftMayBeSilent) {
  ddim_mpi_functions mpi = obliging_mpi();
  mpi.receive_beat = [](int, int* beat) {
    *beat = 1;  // it leaves
    return 0;
  };
  const Launch launch{.launcher = "mpirun", .rank = 1, .size = 2};
  const auto wait = [&] {
    const auto ranks = join_by_mpi(mpi, launch, {.timeout_seconds = 0.3});
    std::this_thread::sleep_for(std::chrono::seconds(1));
    ::_exit(7);
  };
  EXPECT_EXIT(wait(), testing::ExitedWithCode(7), "^$");
}

// On a machine with much else to do, no rank runs often: that tells nothing about the others.
TEST(MpiCommunicatorDeathTest, TimeInWhichItDidNotRunItselfDoesNotCount) {
  const ddim_mpi_functions mpi = obliging_mpi();
  const Launch launch{.launcher = "mpirun", .rank = 1, .size = 2};
  const auto wait = [&] {
    const pid_t stopped = ::getpid();
    if (::fork() == 0) {
      ::usleep(200'000);  // it joins
      for (int i = 0; i < 3; ++i) {
        ::kill(stopped, SIGSTOP);
        ::usleep(600'000);
        ::kill(stopped, SIGCONT);
        ::usleep(30'000);
      }
      ::kill(stopped, SIGUSR1);
      ::_exit(0);
    }
    const auto ranks = join_by_mpi(mpi, launch, {.timeout_seconds = 1.5});
    std::this_thread::sleep_for(std::chrono::seconds(60));
  };
  EXPECT_EXIT(wait(), testing::KilledBySignal(SIGUSR1), "^$");
}

// Nothing interrupts who waits for the child of a vfork(), as for a disk that does not answer.
TEST(MpiCommunicatorDeathTest, ARankThatWaitsForADiskForEverEndsAll) {
  ddim_mpi_functions mpi = obliging_mpi();
  mpi.receive_beat = [](int, int* beat) {
    static std::atomic<int> calls = 0;
    *beat = calls++ % 2 - 1;  // alive, and no more than that
    return 0;
  };
  const Launch launch{.launcher = "mpirun", .rank = 1, .size = 2};
  const auto wait = [&] {
    const auto ranks = join_by_mpi(mpi, launch, {.timeout_seconds = 0.2});
    const pid_t waiting = ::getpid();
    if (::vfork() == 0) {
      ::close_range(0, ~0U, 0);  // the test waits for them
      for (int i = 0; i < 600 && ::getppid() == waiting; ++i) ::usleep(100'000);
      ::_exit(0);
    }
    ::_exit(7);
  };
  EXPECT_EXIT(wait(), testing::ExitedWithCode(5), "rank 1: has waited for a disk or a network");
}

TEST(MpiCommunicatorDeathTest, WhatFailsAfterMpiBeganIsAnError) {
  ddim_mpi_functions mpi = obliging_mpi();
  mpi.start_all_gather = [](void*, int, const int*, const int*, ddim_mpi_request**) { return 7; };
  const Launch launch{.launcher = "mpirun", .rank = 1, .size = 2};
  test::expect_error(ErrorCode::io, "MPI: gather failed on rank 1: broken",
                     [&] { join_by_mpi(mpi, launch, {}); });
}

TEST(MpiCommunicatorDeathTest, AnErrorOfMpiIsNamed) {
  ddim_mpi_functions mpi = silent_mpi();
  mpi.init = [](int*, int*) { return 7; };
  const Launch launch{.launcher = "mpirun", .rank = 1, .size = 2};
  test::expect_error(ErrorCode::io, "MPI: begin failed on rank 0: broken",
                     [&] { join_by_mpi(mpi, launch, {}); });
}

class BlockClaimsTest : public testing::Test {
 protected:
  BlockClaims::Work work(std::int64_t num_blocks) const {
    return {.settings = {{"seed", "1"}}, .num_blocks = num_blocks};
  }
  fs::path folder() const { return temporary_.path() / "blocks"; }
  /// Another process has claimed the block; it was last seen then.
  void claim_as_another(std::int64_t block, const std::string& token, const std::string& identity,
                        std::chrono::seconds ago = {}) const {
    std::ofstream(folder() / concat("block-00000", block, ".claim")) << token;
    std::ofstream(folder() / ("process-" + token)) << identity;
    fs::last_write_time(folder() / ("process-" + token), fs::file_time_type::clock::now() - ago);
  }
  /// Whether block 0 is to be had within that time, and not another process's.
  static bool has_block_0(BlockClaims& claims, std::chrono::milliseconds time) {
    std::stop_source stop;
    std::mutex mutex;
    std::condition_variable_any ended;
    const std::jthread stopping([&](const std::stop_token& early) {
      std::unique_lock lock(mutex);
      ended.wait_for(lock, early, time, [] { return false; });
      stop.request_stop();
    });
    try {
      return claims.next(stop.get_token()) == 0;
    } catch (const Error&) {
      return false;
    }
  }
  static constexpr std::chrono::milliseconds kShort{30};
  static constexpr std::chrono::seconds kLong{60};
  test::TemporaryFolder temporary_;
};

TEST_F(BlockClaimsTest, EachBlockIsClaimedOnceAndTheLastWhenAllAreDone) {
  BlockClaims one(folder(), work(3)), other(folder(), work(3));
  EXPECT_EQ(one.next({}), 0);
  EXPECT_EQ(other.next({}), 1);
  one.finish(0, "a");
  EXPECT_EQ(one.next({}), 2);
  other.finish(1, "b");
  one.finish(2, "c");
  EXPECT_EQ(other.num_done(), 3);
  EXPECT_FALSE(other.is_complete());
  EXPECT_EQ(other.next({}), 3);
  EXPECT_EQ(other.result(2, 1), std::vector<std::byte>{std::byte{'c'}});
  test::expect_error(ErrorCode::corrupt, "block 2 has 1 bytes, expected 4; remove its file",
                     [&] { other.result(2, 4); });
  other.finish(3, "");
  EXPECT_EQ(one.next({}), std::nullopt);
  one.remove_results();
  EXPECT_TRUE(BlockClaims(folder(), work(3)).is_complete());
  EXPECT_FALSE(fs::exists(folder() / "block-000002"));
}

TEST_F(BlockClaimsTest, WhatAProcessThatIsGoneHadIsTakenOver) {
  {
    BlockClaims gone(folder(), work(2));
    EXPECT_EQ(gone.next({}), 0);
  }
  BlockClaims other(folder(), work(2));
  claim_as_another(0, "t0", "elsewhere 1");
  fs::remove(folder() / "process-t0");
  EXPECT_EQ(other.next({}), 0);
}

// Clocks of machines differ, so the time of a silent process's file tells nothing but that it
// stays.
TEST_F(BlockClaimsTest, WhoIsSilentIsGoneWhateverItsClockSays) {
  using std::chrono::hours;
  BlockClaims::Work quick = work(1);
  quick.timeout_seconds = 0.3;
  for (const auto ago : {hours(1), hours(0), hours(-1)}) {
    BlockClaims other(folder(), quick);
    claim_as_another(0, "t", "elsewhere 1", ago);
    EXPECT_TRUE(has_block_0(other, kLong)) << ago.count();
    fs::remove_all(folder());
  }
}

TEST_F(BlockClaimsTest, WhoIsNotSilentIsThereWhateverItsClockSays) {
  using std::chrono::hours;
  for (const auto ago : {hours(1), hours(0), hours(-1)}) {
    BlockClaims other(folder(), work(1));
    claim_as_another(0, "t", "elsewhere 1", ago);
    EXPECT_FALSE(has_block_0(other, kShort)) << ago.count();
    fs::remove_all(folder());
  }
}

TEST_F(BlockClaimsTest, TellHowFarTheWorkIs) {
  using State = BlockClaims::State;
  EXPECT_EQ(BlockClaims::state_of(folder()), State::none);
  fs::create_directories(folder());
  EXPECT_EQ(BlockClaims::state_of(folder()), State::none);
  BlockClaims one(folder(), work(1));
  one.next({});
  one.finish(0, "a");
  EXPECT_EQ(BlockClaims::state_of(folder()), State::begun);
  one.next({});
  one.finish(1, "all of it");
  EXPECT_EQ(BlockClaims::state_of(folder()), State::complete);
  EXPECT_EQ(one.last_result(), "all of it");
}

TEST_F(BlockClaimsTest, AnOwnerThatIsGoneHasOneSuccessor) {
  std::vector<std::unique_ptr<BlockClaims>> processes;
  for (int i = 0; i < 4; ++i) processes.push_back(std::make_unique<BlockClaims>(folder(), work(1)));
  for (int owner = 0; owner < 3; ++owner) {
    auto& process = processes[static_cast<std::size_t>(owner)];
    EXPECT_TRUE(has_block_0(*process, kLong));
    EXPECT_FALSE(has_block_0(*processes[3], kShort)) << "although " << owner << " has it";
    process.reset();
  }
  EXPECT_EQ(processes[3]->next({}), 0);
  processes[3]->finish(0, "a");
  for (const auto& entry : fs::directory_iterator(folder()))
    EXPECT_EQ(entry.path().filename().string().find("claim"), std::string::npos) << entry.path();
}

TEST_F(BlockClaimsTest, AClaimThatALossOfPowerLeftEmptyIsNobodys) {
  BlockClaims one(folder(), work(1));
  std::ofstream(folder() / "block-000000.claim").close();
  EXPECT_EQ(one.next({}), 0);
}

TEST_F(BlockClaimsTest, ALateOneDoesNotBeginAgainWhatIsRemoved) {
  BlockClaims one(folder(), work(1)), late(folder(), work(1));
  EXPECT_EQ(one.next({}), 0);
  one.finish(0, "a");
  EXPECT_EQ(one.next({}), 1);
  one.finish(1, "all");
  one.remove_results();
  EXPECT_EQ(late.next({}), std::nullopt);
  EXPECT_FALSE(fs::exists(folder() / "block-000000.claim"));
}

TEST(Launch, MpiexecWithinAShellOfSlurmIsMpiexec) {
  const std::pair<const char*, const char*> variables[] = {
      {"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"PMI_RANK", "2"}, {"PMI_SIZE", "4"}};
  for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  const std::optional<Launch> launch = launch_of_environment();
  ::unsetenv("PMI_RANK");
  ::unsetenv("PMI_SIZE");
  const std::optional<Launch> of_slurm = launch_of_environment();
  for (const auto& [name, value] : variables) ::unsetenv(name);
  ASSERT_TRUE(launch && of_slurm);
  EXPECT_EQ(launch->rank, 2);
  EXPECT_EQ(launch->size, 4);
  EXPECT_EQ(of_slurm->size, 1);
  EXPECT_EQ(of_slurm->launcher, std::string("srun"));
}

TEST_F(BlockClaimsTest, WhoWaitsOnlyReads) {
  BlockClaims one(folder(), work(1)), other(folder(), work(1));
  EXPECT_EQ(one.next({}), 0);
  const fs::file_time_type before = fs::last_write_time(folder());
  std::stop_source stop;
  const std::jthread stopping([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    stop.request_stop();
  });
  test::expect_error(ErrorCode::interrupted, "stopped", [&] { other.next(stop.get_token()); });
  EXPECT_EQ(fs::last_write_time(folder()), before);
}

TEST_F(BlockClaimsTest, AResultThatComesWhenAllAreRemovedIsRemovedToo) {
  BlockClaims one(folder(), work(1)), late(folder(), work(1));
  EXPECT_EQ(one.next({}), 0);
  one.finish(0, "a");
  EXPECT_EQ(one.next({}), 1);
  one.finish(1, "all");
  one.remove_results();
  late.finish(0, "a");  // it had been taken for gone
  EXPECT_FALSE(fs::exists(folder() / "block-000000"));
  EXPECT_TRUE(late.is_complete());
}

TEST_F(BlockClaimsTest, AProcessOfAnotherSpaceOfNumbersIsNotLookedForHere) {
  // A container of the same name on this machine: its process numbers say nothing here.
  BlockClaims other(folder(), work(1));
  const std::string space = name_of_process_space();
  claim_as_another(0, "t", space + "0 4194304");
  EXPECT_FALSE(has_block_0(other, kShort));
  claim_as_another(0, "t", space + " 4194304");  // no process has this number
  EXPECT_TRUE(has_block_0(other, kLong));
}

TEST_F(BlockClaimsTest, AStopEndsTheWaitForOthers) {
  BlockClaims one(folder(), work(1)), other(folder(), work(1));
  EXPECT_EQ(one.next({}), 0);
  std::stop_source stop;
  stop.request_stop();
  test::expect_error(ErrorCode::interrupted, "stopped", [&] { other.next(stop.get_token()); });
}

TEST_F(BlockClaimsTest, WhatIsMadeOfTheResultsGoesWithWhoMakesIt) {
  const auto assemblies = [&] {
    std::vector<std::string> found;
    for (const std::string& name : names_in(folder()))
      if (name.starts_with("assembly-")) found.push_back(name);
    return found;
  };
  BlockClaims::Work quick = work(1);
  quick.timeout_seconds = 0.3;
  std::optional<BlockClaims> one(std::in_place, folder(), quick);
  for (const char* other : {"gone", "alive", "killed"}) {
    fs::create_directories(folder() / concat("assembly-", other, "/pictures"));
    if (other != std::string("gone"))
      std::ofstream(folder() / concat("process-", other)) << "elsewhere 1";
  }
  std::ofstream(folder() / "process-killed") << name_of_process_space() << " 4194304";
  const fs::path own = one->begin_assembly();
  EXPECT_TRUE(fs::is_empty(own));
  EXPECT_EQ(assemblies().size(), 2U);
  EXPECT_TRUE(fs::exists(folder() / "assembly-alive/pictures"));
  std::ofstream(own / "half") << "of it";
  one.reset();
  EXPECT_EQ(assemblies(), std::vector<std::string>({"assembly-alive"}));
  one.emplace(folder(), quick);
  one->finish(0, "a");
  one->finish(1, "all");
  one->remove_results();
  EXPECT_EQ(assemblies(), std::vector<std::string>());
}

TEST_F(BlockClaimsTest, WhoCannotJoinLeavesNothingBehind) {
  fs::create_directories(folder() / "run");
  EXPECT_THROW(BlockClaims(folder(), work(1)), Error);
  EXPECT_EQ(names_in(folder()), std::vector<std::string>({"run"}));
}

TEST_F(BlockClaimsTest, OtherWorkIsRefused) {
  const BlockClaims one(folder(), work(1));
  BlockClaims::Work others = work(1);
  others.settings["seed"] = "2";
  test::expect_error(ErrorCode::user, "other options: seed 1 there and seed 2 here",
                     [&] { const BlockClaims other(folder(), others); });
  EXPECT_EQ(names_in(folder()).size(), 2U) << "its own file and what the work is";
}

}  // namespace
}  // namespace ddim::engine::comm
