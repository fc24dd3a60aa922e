#include "model/run_folder.h"

#include <gmock/gmock.h>

#include <map>
#include <span>
#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::model {
namespace {

namespace fs = std::filesystem;

TEST(RunFolder, NewestCheckpointIsThatOfTheLastStep) {
  const test::TemporaryFolder dir;
  const fs::path run = dir.path() / "run";
  for (const char* name : {"step-00000900", "step-00010000", "step-00002000", "step-5", "other",
                           "step-00020000.tmp-1", "step-00030000.damaged"})
    fs::create_directories(run / "checkpoints" / name);
  EXPECT_EQ(newest_checkpoint(run), run / "checkpoints" / "step-00010000");
  EXPECT_THAT(checkpoints_in(run / "checkpoints"),
              testing::ElementsAre(run / "checkpoints" / "step-00010000",
                                   run / "checkpoints" / "step-00002000",
                                   run / "checkpoints" / "step-00000900"));
  // Other paths, and a model that has a folder of this name.
  EXPECT_EQ(newest_checkpoint(dir.path()), dir.path());
  EXPECT_EQ(newest_checkpoint("nowhere"), "nowhere");
  fs::create_directories(run / "unet");
  EXPECT_EQ(newest_checkpoint(run), run);
}

TEST(RunFolder, ARunWithoutCheckpointsHasNone) {
  const test::TemporaryFolder dir;
  fs::create_directories(dir.path() / "checkpoints");
  test::expect_error(ErrorCode::user, "has no checkpoint yet",
                     [&] { newest_checkpoint(dir.path()); });
}

TEST(RunFolder, IsFoundInMemoryToo) {
  const std::map<std::string, std::span<const std::byte>> files{
      {"checkpoints/step-00000001/unet/config.json", {}},
      {"checkpoints/step-00000002/unet/config.json", {}},
      {"config.toml", {}}};
  const io::FilesInMemory tree(files);
  EXPECT_THAT(tree.names_in(""), testing::ElementsAre("checkpoints", "config.toml"));
  EXPECT_EQ(newest_checkpoint("", tree), fs::path("checkpoints/step-00000002"));
}

}  // namespace
}  // namespace ddim::engine::model
