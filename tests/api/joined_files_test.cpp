#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "tests/api/drawn_files.h"
#include "tests/support/expect_error.h"

namespace ddim::api_test {
namespace {

using test::expect_error;

/// Processes that share the drawing (SampleFiles::sharing), one after the other or in threads.
class JoinedFilesTest : public SampleFilesTest {
 protected:
  SampleFiles joined(const char* out) const {
    return {.out = folder_ / out, .sharing = {.join = true}};
  }
  static SampleOptions others() {
    SampleOptions other = options();
    other.seed = 6;
    return other;
  }
  /// Of one process that draws alone.
  std::map<std::string, std::string> drawn_alone(const std::optional<Recipe>& recipe = {}) {
    fs::remove_all(folder_ / "alone");
    draw({.out = folder_ / "alone", .recipe = recipe});
    return contents(folder_ / "alone");
  }
  void expect_refused_before_drawing(const SampleFiles& files, const char* message) {
    SampleOptions watched = options();
    std::int64_t num_calls = 0;
    watched.run.progress = [&](const RunProgress&) { ++num_calls; };
    expect_error(ErrorCode::user, message, [&] { draw(files, watched); });
    EXPECT_EQ(num_calls, 0);
    EXPECT_FALSE(fs::exists(unfinished_file(files)));
  }
};

TEST_F(JoinedFilesTest, OthersPicturesInTheFolderAreReplacedOnlyOnRequest) {
  const auto whole = drawn_alone();
  draw({.out = folder_ / "d"}, others());
  SampleFiles files = joined("d");
  expect_refused_before_drawing(files, "seed is 6 there and 5 here");
  files.overwrite = Overwrite::allow;
  draw(files);
  EXPECT_EQ(contents(files.out), whole);
}

TEST_F(JoinedFilesTest, PicturesWithoutARecipeCountAsOthers) {
  const auto whole = drawn_alone(Recipe{});
  draw({.out = folder_ / "d", .recipe = Recipe{}}, others());
  const auto before = contents(folder_ / "d");
  SampleFiles files = joined("d");
  files.recipe = Recipe{};
  expect_refused_before_drawing(files, "no recipe");
  EXPECT_EQ(contents(files.out), before);
  files.overwrite = Overwrite::allow;
  draw(files);
  EXPECT_EQ(contents(files.out), whole);
}

// Whoever comes when the others have removed the folder of the blocks.
TEST_F(JoinedFilesTest, PicturesThatAreAllThereAreNotDrawn) {
  draw({.out = folder_ / "d"});
  const SampleFiles files = joined("d");
  const DrawnFiles drawn = draw(files);
  EXPECT_EQ(drawn.num_drawn, 0);
  EXPECT_EQ(drawn.num_found, kCount);
  EXPECT_FALSE(fs::exists(unfinished_file(files)));
  // One of them is not: the whole is drawn again, by whoever joins.
  const auto whole = contents(files.out);
  fs::remove(files.out / "000103.png");
  draw(files);
  EXPECT_EQ(contents(files.out), whole);
}

TEST_F(JoinedFilesTest, TensorsThatAreThereAreNotReplaced) {
  test::write_text(folder_ / "t.safetensors", "a person's");
  SampleFiles files = joined("a.npz");
  files.tensors = folder_ / "t.safetensors";
  expect_refused_before_drawing(files, "t.safetensors exists already");
}

/// The last process could make the first output, not the second one.
class HalfMade : public JoinedFilesTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, HalfMade, testing::Values("d", "bare", "a.npz", "a.png"));

TEST_P(HalfMade, OutputsAreCompletedByTheNextOne) {
  SampleFiles files = joined(GetParam());
  files.tensors = folder_ / "t.safetensors";
  if (GetParam() == std::string("bare")) files.recipe = Recipe{};
  SampleOptions watched = options();
  watched.run.progress = [&](const RunProgress&) { fs::create_directories(files.tensors); };
  EXPECT_THROW(draw(files, watched), Error);
  EXPECT_TRUE(fs::exists(files.out));
  for (const auto& left : fs::directory_iterator(unfinished_file(files))) {
    const std::string name = left.path().filename().string();
    EXPECT_TRUE(name == "run" || name.starts_with("block-")) << name;
  }
  fs::remove(files.tensors);
  EXPECT_EQ(draw(files).num_drawn, 0);
  EXPECT_TRUE(fs::exists(files.tensors));
}

// Somebody's file that came meanwhile is no half-made output.
TEST_P(HalfMade, OutputsAreNotTakenForWhatIsThere) {
  SampleFiles files = joined(GetParam());
  if (GetParam() == std::string("bare")) files.recipe = Recipe{};
  const bool is_folder = files.out.extension().empty();
  const fs::path file = is_folder ? files.out / "000101.png" : files.out;
  SampleOptions watched = options();
  watched.run.progress = [&, begun = false](const RunProgress&) mutable {
    if (std::exchange(begun, true)) return;
    if (is_folder) {
      draw({.out = files.out, .recipe = files.recipe}, others());
    } else {
      test::write_text(file, "a person's");
    }
  };
  watched.run.threads = 1;
  const bool has_recipe = GetParam() == std::string("d");
  expect_error(ErrorCode::user, has_recipe ? "seed is 6 there and 5 here" : " exists",
               [&] { draw(files, watched); });
  if (!is_folder) {
    EXPECT_EQ(test::read_text(file), "a person's");
  }
}

TEST_F(JoinedFilesTest, WhatIsDoneVouchesForItsOwnOutputOnly) {
  const SampleFiles files = joined("a.npz");
  EXPECT_EQ(draw(files).num_drawn, kCount);
  // Who finds all done removes what a process left that was killed as it finished.
  const fs::path blocks = unfinished_file(files);
  test::write_text(blocks / "block-000000", "pictures");
  fs::create_directories(blocks / "assembly-t");
  EXPECT_EQ(draw(files).num_drawn, 0);
  EXPECT_FALSE(fs::exists(blocks / "block-000000"));
  EXPECT_FALSE(fs::exists(blocks / "assembly-t"));
  draw({.out = files.out, .overwrite = Overwrite::allow}, others());
  expect_error(ErrorCode::user, "a.npz.blocks says that all is done, but", [&] { draw(files); });
  expect_error(ErrorCode::user, "was replaced", [&] { draw(files); });

  SampleFiles folder = joined("d");
  folder.tensors = folder_ / "t.safetensors";
  draw(folder);
  EXPECT_EQ(draw(folder).num_drawn, 0);
  draw({.out = folder.tensors, .overwrite = Overwrite::allow}, others());
  expect_error(ErrorCode::user, "t.safetensors was replaced", [&] { draw(folder); });
  fs::remove(folder.tensors);
  expect_error(ErrorCode::user, "t.safetensors is not there", [&] { draw(folder); });
  draw({.out = folder.tensors});
  EXPECT_EQ(draw(folder).num_drawn, 0);
  fs::remove(folder.out / "000103.png");
  expect_error(ErrorCode::user, "was replaced or changed", [&] { draw(folder); });
}

TEST_F(JoinedFilesTest, JoiningWithOtherOutputsIsRefused) {
  SampleFiles files = joined("a.png");
  files.tensors = folder_ / "t.safetensors";
  draw(files);
  SampleFiles other = files;
  other.tensors = folder_ / "u.safetensors";
  expect_error(ErrorCode::user, "tensors t.safetensors there and tensors u.safetensors here",
               [&] { draw(other); });
  other.tensors.clear();
  expect_error(ErrorCode::user, "tensors t.safetensors there", [&] { draw(other); });
  other = files;
  other.grid.columns = 3;
  expect_error(ErrorCode::user, "columns 5 there and columns 3 here", [&] { draw(other); });
  other = files;
  other.grid.title = "pictures";
  expect_error(ErrorCode::user, "title", [&] { draw(other); });
  other = files;
  other.recipe = Recipe{};
  expect_error(ErrorCode::user, "metadata", [&] { draw(other); });
  // The same place by another name is the same place.
  files.tensors = folder_ / "." / "t.safetensors";
  EXPECT_EQ(draw(files).num_drawn, 0);
}

// Processes that were started together remove the folder of the blocks when all is done.
TEST_F(JoinedFilesTest, AJoinerIsDoneWhenTheOthersAre) {
  for (const char* name : {"a.npz", "d"}) {
    const SampleFiles files = joined(name);
    const fs::path blocks = unfinished_file(files);
    SampleFiles made = files;
    made.out += files.out.extension().empty() ? "-whole" : "-whole.npz";
    made.sharing = {};
    draw(made);
    // Another process, which lives, has the first block.
    fs::create_directories(blocks);
    test::write_text(blocks / "process-t", "elsewhere 1");
    test::write_text(blocks / "block-000000.claim", "t");
    std::optional<DrawnFiles> drawn;
    std::string said;
    std::jthread joiner([&] {
      try {
        drawn = draw(files);
      } catch (const Error& error) {
        said = error.what();
      }
    });
    while (!fs::exists(blocks / "block-000002"))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    fs::rename(made.out, files.out);
    fs::rename(blocks, folder_ / "gone");
    joiner.join();
    fs::remove_all(folder_ / "gone");
    ASSERT_TRUE(drawn) << said;
    EXPECT_EQ(drawn->num_drawn + drawn->num_found, kCount);
    EXPECT_EQ(drawn->num_found, 8);
  }
}

// Who removes the folder of the blocks of work that is not done is no such process.
TEST_F(JoinedFilesTest, AJoinerWhoseBlocksAreGoneFails) {
  SampleFiles files = joined("a.npz");
  test::write_text(files.out, "a person's");
  files.overwrite = Overwrite::allow;
  SampleOptions watched = options();
  watched.run.progress = [&](const RunProgress&) { fs::remove_all(unfinished_file(files)); };
  EXPECT_THROW(draw(files, watched), Error);
  EXPECT_EQ(test::read_text(files.out), "a person's");
}

}  // namespace
}  // namespace ddim::api_test
