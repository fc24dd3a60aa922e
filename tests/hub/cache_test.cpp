#include "hub/cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/file_output.h"
#include "base/folder.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::hub {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const std::string kCommit(40, 'c');
const Repository kRepository{.id = "owner/name"};

TEST(HubCache, LinksASnapshotToItsBlobs) {
  const test::TemporaryFolder folder;
  const Cache cache(folder.path());
  EXPECT_EQ(cache.blob(kRepository, "e1"), folder / "models--owner--name/blobs/e1");
  EXPECT_EQ(cache.lock(kRepository, "e1"), folder / ".locks/models--owner--name/e1.lock");
  make_folders(cache.blob(kRepository, "e1").parent_path());
  std::ofstream(cache.blob(kRepository, "e1")) << "one";
  std::ofstream(cache.blob(kRepository, "e2")) << "two";

  cache.link(kRepository, kCommit, "unet/config.json", "e1");
  cache.link(kRepository, kCommit, "model_index.json", "e2");
  cache.link(kRepository, kCommit, "gone.json", "no such blob");
  const fs::path snapshot = cache.snapshot(kRepository, kCommit);
  EXPECT_EQ(fs::read_symlink(snapshot / "unet/config.json"), "../../../blobs/e1");
  EXPECT_EQ(fs::read_symlink(snapshot / "model_index.json"), "../../blobs/e2");
  EXPECT_THAT(cache.files(snapshot), ElementsAre("model_index.json", "unet/config.json"));
  EXPECT_TRUE(cache.files(folder / "absent").empty());

  // Again, and elsewhere. What others do beside it is not touched, whatever their process is.
  const std::string of_this_number = "model_index.json.tmp-" + std::to_string(::getpid());
  fs::create_symlink("nowhere", snapshot / of_this_number);
  fs::create_symlink("nowhere", snapshot / "model_index.json.tmp-999999999");
  cache.link(kRepository, kCommit, "model_index.json", "e1");
  EXPECT_EQ(fs::read_symlink(snapshot / "model_index.json"), "../../blobs/e1");
  EXPECT_THAT(names_in(snapshot),
              UnorderedElementsAre("gone.json", "model_index.json",
                                   "model_index.json.tmp-999999999", of_this_number, "unet"));
}

TEST(HubCache, RemembersWhatARevisionWas) {
  const test::TemporaryFolder folder;
  const Cache cache(folder.path());
  EXPECT_FALSE(cache.find_commit(kRepository));
  cache.store_commit(kRepository, kCommit);
  EXPECT_EQ(cache.find_commit(kRepository), kCommit);
  const Repository pull_request{.id = "owner/name", .revision = "refs/pr/3"};
  cache.store_commit(pull_request, std::string(40, 'd'));
  EXPECT_EQ(cache.find_commit(pull_request), std::string(40, 'd'));
  EXPECT_EQ(cache.find_commit({.id = "owner/name", .revision = kCommit}), kCommit);

  std::ofstream(folder / "models--owner--name/refs/main") << "../../../etc";
  test::expect_error(ErrorCode::corrupt, HasSubstr("refs/main"),
                     [&] { cache.find_commit(kRepository); });
}

TEST(HubCache, SnapshotsKnowWhatTheyAreOf) {
  const fs::path root = "/cache/models--owner--a-model/snapshots";
  EXPECT_EQ(repository_of_snapshot(root / kCommit), "owner/a-model");
  EXPECT_EQ(repository_of_snapshot(root / kCommit / ""), "owner/a-model");
  EXPECT_FALSE(repository_of_snapshot(root / "main"));
  EXPECT_FALSE(repository_of_snapshot(fs::path("/cache/models--owner/snapshots") / kCommit));
  EXPECT_FALSE(repository_of_snapshot(fs::path("/cache/owner--name/snapshots") / kCommit));
  EXPECT_FALSE(repository_of_snapshot("models/fashion-mnist"));
}

TEST(HubCache, DoesNotTakeUnreadableForMissing) {
  const test::TemporaryFolder folder;
  const Cache cache(folder.path());
  cache.store_commit({.id = "owner/name", .revision = "main"}, kCommit);
  const Repository main{.id = "owner/name", .revision = "main"};
  EXPECT_EQ(cache.find_commit(main), kCommit);
  const fs::path ref = folder / "models--owner--name/refs/main";
  fs::remove(ref);
  EXPECT_EQ(cache.find_commit(main), std::nullopt);
  fs::create_symlink("main", ref);  // leads to itself
  test::expect_error(ErrorCode::io, "cannot read " + ref.string(),
                     [&] { cache.find_commit(main); });
  const fs::path snapshot = cache.snapshot(kRepository, kCommit);
  make_folders(snapshot.parent_path());
  fs::create_symlink(snapshot.filename(), snapshot);
  test::expect_error(ErrorCode::io, "cannot read " + snapshot.string(),
                     [&] { cache.files(snapshot); });
}

TEST(HubCache, SaysWhatTheSystemRefuses) {
  const test::TemporaryFolder folder;
  std::ofstream(folder / "file") << "in the way";
  test::expect_error(ErrorCode::io, HasSubstr((folder / "file").string()),
                     [&] { make_folders(folder / "file/below"); });
}

}  // namespace
}  // namespace ddim::engine::hub
