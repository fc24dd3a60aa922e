#include "tests/base_files/power_loss.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <random>

#include "base/file_output.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"
#include "tests/support/torture.h"

namespace ddim::engine {
namespace {

using test::DiskFiles;
using test::RecordingFileSystem;
using test::TemporaryFolder;
using test::write_text;

const std::string kOldContent(3000, 'o');
const std::string kNewContent(9000, 'n');

FileContent in_pieces(const std::string& text) {
  return {text.size(), [&text](const ByteSink& sink) {
            const auto bytes = std::as_bytes(std::span(text));
            for (std::size_t i = 0; i < bytes.size(); i += 700) {
              sink(bytes.subspan(i, std::min<std::size_t>(700, bytes.size() - i)));
            }
          }};
}

struct Tally {
  int states = 0;
  int broken = 0;  ///< neither old nor new
  int lost = 0;    ///< not new although the writer had returned
};

/// Counts the states in which `name` holds neither kOldContent nor kNewContent.
Tally tally_file(const RecordingFileSystem& recorded, const std::string& name) {
  Tally tally;
  recorded.visit_states([&](int done, const DiskFiles& files) {
    ++tally.states;
    const auto found = files.find(name);
    const bool is_new = found != files.end() && found->second == kNewContent;
    const bool is_old = found != files.end() && found->second == kOldContent;
    if (!is_new && !is_old) ++tally.broken;
    if (done == recorded.num_calls() && !is_new) ++tally.lost;
  });
  return tally;
}

TEST(PowerLoss, ReplacedFileIsOldOrNewInEveryState) {
  const TemporaryFolder folder;
  write_text(folder / "a.bin", kOldContent);
  RecordingFileSystem recorded(folder.path());
  write_file_durably(folder / "a.bin", in_pieces(kNewContent), Overwrite::allow, recorded);
  const Tally tally = tally_file(recorded, "a.bin");
  EXPECT_GE(tally.states, 100);
  EXPECT_EQ(tally.broken, 0);
  EXPECT_EQ(tally.lost, 0);
}

// The simulation must be able to tell a careless writer from a careful one.
enum class Skipped { file_sync, folder_sync, temporary };

Tally tally_careless_writer(Skipped skipped) {
  const TemporaryFolder folder;
  write_text(folder / "a.bin", kOldContent);
  RecordingFileSystem recorded(folder.path());
  const std::string target = (folder / "a.bin").string();
  const std::string temporary = (folder / "a.tmp").string();
  if (skipped == Skipped::temporary) recorded.unlink(target.c_str());
  const std::string& first = skipped == Skipped::temporary ? target : temporary;
  const int file = recorded.open(first.c_str(), O_WRONLY | O_CREAT, 0666);
  recorded.write(file, reinterpret_cast<const std::byte*>(kNewContent.data()), kNewContent.size());
  if (skipped != Skipped::file_sync) recorded.fsync(file);
  recorded.close(file);
  if (skipped != Skipped::temporary) recorded.rename(temporary.c_str(), target.c_str());
  if (skipped != Skipped::folder_sync) {
    const int opened = recorded.open(folder.path().c_str(), O_RDONLY | O_DIRECTORY, 0);
    recorded.fsync(opened);
    recorded.close(opened);
  }
  return tally_file(recorded, "a.bin");
}

TEST(PowerLoss, SimulationCatchesCarelessWriters) {
  EXPECT_GT(tally_careless_writer(Skipped::file_sync).broken, 0);
  EXPECT_GT(tally_careless_writer(Skipped::temporary).broken, 0);
  EXPECT_GT(tally_careless_writer(Skipped::folder_sync).lost, 0);
}

TEST(PowerLoss, FolderIsCompleteOrNotThereInEveryState) {
  const TemporaryFolder parent;
  {
    DurableFolder old_step(parent / "step-5", Manifest::write);
    old_step.write_file("weights.bin", kOldContent);
    old_step.commit();
  }
  const std::string old_manifest = test::read_text(parent / "step-5" / "manifest.json");
  RecordingFileSystem recorded(parent.path());
  {
    DurableFolder folder(parent / "step-10", Manifest::write, recorded);
    folder.write_file("weights.bin", in_pieces(kNewContent));
    folder.write_file("unet/config.json", "{}");
    folder.write_file("unet/weights.bin", in_pieces(kOldContent));
    folder.commit();
  }
  const std::string manifest = test::read_text(parent / "step-10" / "manifest.json");
  const DiskFiles complete = {{"step-10/weights.bin", kNewContent},
                              {"step-10/unet/config.json", "{}"},
                              {"step-10/unet/weights.bin", kOldContent},
                              {"step-10/manifest.json", manifest}};
  int states = 0, old_damaged = 0, partial = 0, lost = 0;
  recorded.visit_states([&](int done, const DiskFiles& files) {
    ++states;
    DiskFiles found;
    for (const auto& [name, content] : files) {
      if (name.starts_with("step-10/")) found.emplace(name, content);
    }
    if (!found.empty() && found != complete) ++partial;
    if (done == recorded.num_calls() && found != complete) ++lost;
    const auto old_weights = files.find("step-5/weights.bin");
    const auto old_list = files.find("step-5/manifest.json");
    if (old_weights == files.end() || old_weights->second != kOldContent ||
        old_list == files.end() || old_list->second != old_manifest) {
      ++old_damaged;
    }
  });
  EXPECT_GE(states, 500);
  EXPECT_EQ(partial, 0);
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(old_damaged, 0);
  RecordProperty("states", states);
}

// A removal that is cut short must not damage what stays either.
TEST(PowerLoss, AbandonedFolderLeavesTheOthersAlone) {
  const TemporaryFolder parent;
  write_text(parent / "other.bin", kOldContent);
  RecordingFileSystem recorded(parent.path());
  {
    DurableFolder folder(parent / "step-10", Manifest::leave_out, recorded);
    folder.write_file("unet/weights.bin", in_pieces(kNewContent));
  }
  int states = 0;
  recorded.visit_states([&](int, const DiskFiles& files) {
    ++states;
    ASSERT_TRUE(files.contains("other.bin"));
    EXPECT_TRUE(files.at("other.bin") == kOldContent);
    for (const auto& [name, content] : files) EXPECT_FALSE(name.starts_with("step-10/"));
  });
  EXPECT_GE(states, 100);
}

/// Lays out what a disk holds in a folder that is not there yet.
void lay_out(const DiskFiles& files, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const auto& [name, content] : files) write_text(folder / name, content);
}

DiskFiles below(const std::string& prefix, const DiskFiles& files) {
  DiskFiles found;
  for (const auto& [name, content] : files)
    if (name.starts_with(prefix)) found.emplace(name, content);
  return found;
}

/// What a trainer does in its folder of checkpoints, be it for the first time or after a loss of
/// power.
void write_step_10(const std::filesystem::path& parent, const DiskFiles& content,
                   FileSystem& file_system) {
  remove_leftovers(parent, [](std::string_view, TemporaryKind) { return false; });
  if (std::filesystem::exists(parent / "step-10")) return;
  DurableFolder folder(parent / "step-10", Manifest::write, file_system);
  for (const auto& [name, text] : content) folder.write_file(name, in_pieces(text));
  folder.commit();
}

// Every state that a loss of power leaves is recovered from, and the power goes again meanwhile.
TEST(PowerLoss, MayComeAgainWhileARunRecovers) {
  std::mt19937 random(7);
  const auto some_text = [&](char letter) { return std::string(random() % 4'000, letter); };
  const int enough = test::torture_count(150, 10'000);
  const std::size_t every = enough > 150 ? 1 : 7;  // of the states, for a test of seconds
  long first = 0, second = 0, broken = 0, not_recovered = 0;
  for (std::size_t seen = 0; first < enough;) {
    const DiskFiles content = {{"weights.bin", some_text('w')},
                               {"unet/config.json", some_text('c')},
                               {"state.bin", some_text('s')}};
    const TemporaryFolder parent;
    {
      DurableFolder old_step(parent / "step-5", Manifest::write);
      old_step.write_file("weights.bin", kOldContent);
      old_step.commit();
    }
    const std::string old_manifest = test::read_text(parent / "step-5" / "manifest.json");
    RecordingFileSystem recorded(parent.path());
    write_step_10(parent.path(), content, recorded);
    DiskFiles complete;
    for (const auto& [name, text] : content) complete.emplace("step-10/" + name, text);
    complete["step-10/manifest.json"] = test::read_text(parent / "step-10" / "manifest.json");
    const auto is_good = [&](const DiskFiles& files) {
      const DiskFiles old_step = below("step-5/", files), new_step = below("step-10/", files);
      return old_step.size() == 2 && old_step.at("step-5/weights.bin") == kOldContent &&
             old_step.at("step-5/manifest.json") == old_manifest &&
             (new_step.empty() || new_step == complete);
    };
    recorded.visit_states([&](int, const DiskFiles& files) {
      if (seen++ % every != 0) return;
      ++first;
      if (!is_good(files)) ++broken;
      const TemporaryFolder after;
      const std::filesystem::path disk = after / "disk";
      lay_out(files, disk);
      RecordingFileSystem again(disk);
      write_step_10(disk, content, again);
      again.visit_states([&](int done, const DiskFiles& later) {
        ++second;
        if (!is_good(later)) ++broken;
        if (done == again.num_calls() && below("step-10/", later) != complete) ++not_recovered;
      });
    });
  }
  EXPECT_EQ(broken, 0);
  EXPECT_EQ(not_recovered, 0);
  EXPECT_GE(second, 10 * first);
  test::tell_torture(first, "states after a loss of power");
  test::tell_torture(second, "after a second one, while it recovers");
}

}  // namespace
}  // namespace ddim::engine
