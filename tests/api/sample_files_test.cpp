#include <ddim/ddim.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "tests/api/drawn_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/text_files.h"

namespace ddim::api_test {
namespace {

using test::expect_error;

/// What is drawn, as names in a folder.
struct Form {
  const char* out;
  const char* tensors;
};

class SampleFilesForms : public SampleFilesTest, public testing::WithParamInterface<Form> {
 protected:
  SampleFiles files_in(const fs::path& folder) const {
    fs::create_directories(folder);
    const std::string tensors = GetParam().tensors;
    return {.out = folder / GetParam().out,
            .tensors = tensors.empty() ? fs::path() : folder / tensors};
  }
};

TEST_P(SampleFilesForms, AreTheSameBytesAfterFiveStops) {
  draw(files_in(folder_ / "whole"));
  const auto whole = contents(folder_ / "whole");
  EXPECT_FALSE(whole.empty());

  std::mt19937 random(1);
  SampleFiles files = files_in(folder_ / "parts");
  std::int64_t num_kept_before = 0;
  for (int stop = 0; stop < 5; ++stop) {
    files.resume = stop > 0;
    draw_and_stop(files, std::uniform_int_distribution<std::int64_t>(1, 12)(random));
  }
  files.resume = true;
  const DrawnFiles drawn = draw(files);
  EXPECT_EQ(drawn.num_drawn + drawn.num_found, kCount);
  EXPECT_GT(drawn.num_found, num_kept_before);
  EXPECT_EQ(contents(folder_ / "parts"), whole);
}

INSTANTIATE_TEST_SUITE_P(All, SampleFilesForms,
                         testing::Values(Form{"grid.png", ""}, Form{"set.npz", ""},
                                         Form{"x.safetensors", ""}, Form{"pictures", ""},
                                         Form{"pictures", "t.safetensors"},
                                         Form{"set.npz", "t.safetensors"}),
                         [](const auto& test) {
                           std::string name = test.param.out;
                           if (*test.param.tensors != '\0') name += "AndTensors";
                           std::erase_if(name, [](char c) { return c == '.'; });
                           return name;
                         });

class TwoOutputs : public SampleFilesForms {};
INSTANTIATE_TEST_SUITE_P(All, TwoOutputs,
                         testing::Values(Form{"grid.png", "t.safetensors"},
                                         Form{"pictures", "t.safetensors"}));

// The first output is made and the second cannot be: what both were to be made of is kept.
TEST_P(TwoOutputs, AreMadeLaterWhereTheLastOneCouldNotBe) {
  draw(files_in(folder_ / "whole"));
  SampleFiles files = files_in(folder_ / "parts");
  SampleOptions options = SampleFilesTest::options();
  options.run.progress = [&](const RunProgress&) { fs::create_directories(files.tensors); };
  EXPECT_THROW(draw(files, options), Error);
  EXPECT_TRUE(fs::exists(files.out));
  fs::remove(files.tensors);
  files.resume = true;
  EXPECT_EQ(draw(files).num_drawn, 0);
  EXPECT_EQ(contents(folder_ / "parts"), contents(folder_ / "whole"));
}

TEST_F(SampleFilesTest, HoldWhatSampleReturns) {
  const Samples samples = sample(model_, options());
  draw({.out = folder_ / "x.safetensors"});
  EXPECT_EQ(read_tensor(folder_ / "x.safetensors", "x_0").values, samples.x_0.values);
  draw({.out = folder_ / "grid.png", .grid = {.columns = 5}});
  write_png_grid(folder_ / "other.png", samples, Overwrite::refuse, {.columns = 5});
  EXPECT_EQ(test::read_text(folder_ / "grid.png"), test::read_text(folder_ / "other.png"));
  draw({.out = folder_ / "set.npz"});
  write_npz(folder_ / "other.npz", samples.x_0);
  EXPECT_EQ(test::read_text(folder_ / "set.npz"), test::read_text(folder_ / "other.npz"));
  draw({.out = folder_ / "folder"});
  for (std::int64_t k = 0; k < kCount; ++k) {
    const fs::path file = folder_ / "folder" / ("000" + std::to_string(100 + k) + ".png");
    EXPECT_EQ(read_png(file).pixels, to_image(samples.x_0, k).pixels);
    EXPECT_EQ(read_png_text(file), make_recipe(model_, only_pictures(options(), k)));
  }
}

TEST_F(SampleFilesTest, GoToASinkInPiecesThatCoverAllPicturesOnce) {
  const Samples samples = sample(model_, options());
  std::vector<float> values(samples.x_0.values.size());
  std::multiset<std::int64_t> seen;
  const Samples none =
      sample(model_, make_plan(model_, options().plan), options(),
             [&](std::int64_t first, const FloatImages& pictures) {
               for (std::int64_t k = 0; k < pictures.count; ++k) seen.insert(first + k);
               std::ranges::copy(
                   pictures.values,
                   values.begin() + first * static_cast<std::int64_t>(pictures.shape.size()));
             });
  EXPECT_EQ(values, samples.x_0.values);
  EXPECT_EQ(none.x_0.count, 0);
  EXPECT_EQ(none.nfe, samples.nfe);
  EXPECT_EQ(std::ssize(seen), kCount);
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), seen.size());
}

TEST_F(SampleFilesTest, AFolderDrawsOnlyWhatIsMissingOrDamaged) {
  const SampleFiles files{.out = folder_ / "d", .resume = true};
  draw(files);
  const auto whole = contents(folder_ / "d");
  fs::remove(folder_ / "d/000103.png");
  test::write_text(folder_ / "d/000110.png", whole.at("000110.png").substr(0, 60));
  test::write_text(folder_ / "d/000111.png", "");
  test::write_text(folder_ / "d/000115.png.tmp-ddim-0", "half");
  test::write_text(folder_ / "d/backup.tmp-2024-05-01/notes.tmp-2024", "a person's");
  const DrawnFiles drawn = draw(files);
  EXPECT_EQ(test::read_text(folder_ / "d/backup.tmp-2024-05-01/notes.tmp-2024"), "a person's");
  fs::remove_all(folder_ / "d/backup.tmp-2024-05-01");
  EXPECT_EQ(drawn.num_drawn, 3);
  EXPECT_EQ(drawn.num_found, kCount - 3);
  EXPECT_EQ(contents(folder_ / "d"), whole);
  EXPECT_EQ(draw(files).num_drawn, 0);

  SampleOptions more = options();
  more.count = kCount + 2;
  EXPECT_EQ(draw(files, more).num_drawn, 2);
}

/// Runs of two seeds, of 4 pictures each.
TEST_F(SampleFilesTest, SeveralRunsFollowEachOther) {
  const auto small = [](std::uint64_t seed) {
    SampleOptions options = SampleFilesTest::options();
    options.seed = seed;
    options.count = 4;
    return options;
  };
  const std::vector<SampleOptions> runs = {small(5), small(1)};
  const Plan plan = make_plan(model_, options().plan);
  const auto draw_all = [&](const SampleFiles& files, const std::vector<SampleOptions>& all) {
    return sample_runs_to_files(model_, plan, all, files);
  };
  const FloatImages expected = join(sample(model_, runs[0]).x_0, sample(model_, runs[1]).x_0);
  EXPECT_EQ(draw_all({.out = folder_ / "x.safetensors"}, runs).num_drawn, 8);
  EXPECT_EQ(read_tensor(folder_ / "x.safetensors", "x_0").values, expected.values);

  draw_all({.out = folder_ / "d"}, runs);
  draw({.out = folder_ / "seed-1"}, runs[1]);
  const auto pictures = contents(folder_ / "d");
  EXPECT_EQ(pictures.size(), 8U);
  for (const auto& [name, content] : contents(folder_ / "seed-1"))
    EXPECT_EQ(pictures.at("seed-1/" + name), content) << name;

  const GridOptions grid{.columns = 4, .row_labels = {"five", "one"}};
  draw_all({.out = folder_ / "a.png", .grid = grid}, runs);
  const Recipe recipe = read_png_text(folder_ / "a.png");
  EXPECT_EQ(recipe.at("seed"), "5,1");
  EXPECT_EQ(recipe.at("count"), "4");
  draw_all({.out = folder_ / "b.png", .grid = grid}, runs_of(recipe));
  EXPECT_EQ(test::read_text(folder_ / "a.png"), test::read_text(folder_ / "b.png"));

  // Stopped in the second run, the rest is drawn.
  std::stop_source source;
  std::vector<SampleOptions> stopped = runs;
  stopped.front().run.stop = source.get_token();
  stopped.front().run.progress = [&](const RunProgress& progress) {
    if (progress.evaluations_done > 4 * 3) source.request_stop();
  };
  const SampleFiles parts{.out = folder_ / "parts.png", .grid = grid, .resume = true};
  expect_error(ErrorCode::interrupted, "of 8 pictures", [&] { draw_all(parts, stopped); });
  EXPECT_GE(draw_all(parts, runs).num_found, 4);
  EXPECT_EQ(test::read_text(folder_ / "a.png"), test::read_text(folder_ / "parts.png"));

  std::vector<SampleOptions> others = runs;
  others[1].first_image = 7;
  expect_error(ErrorCode::user, "may differ in seed and guidance only",
               [&] { draw_all({.out = folder_ / "c.png"}, others); });
  expect_error(ErrorCode::user, "none of them twice", [&] {
    draw_all({.out = folder_ / "c.png"}, {runs[0], runs[0]});
  });
  expect_error(ErrorCode::user, "no run", [&] { draw_all({.out = folder_ / "c.png"}, {}); });
  expect_error(ErrorCode::user, "2 rows does not have 1 labels", [&] {
    draw_all({.out = folder_ / "c.png", .grid = {.columns = 4, .row_labels = {"five"}}}, runs);
  });
  EXPECT_FALSE(fs::exists(folder_ / "c.png.partial"));
}

TEST_F(SampleFilesTest, OtherOptionsAreNotMixedIn) {
  SampleOptions other = options();
  other.seed = 6;
  draw({.out = folder_ / "d"});
  expect_error(ErrorCode::user, "seed is 5 there and 6 here",
               [&] { draw({.out = folder_ / "d", .resume = true}, other); });
  expect_error(ErrorCode::user, "exists already", [&] { draw({.out = folder_ / "d"}); });

  draw_and_stop({.out = folder_ / "a.npz"}, 20);
  ASSERT_TRUE(fs::exists(folder_ / "a.npz.partial"));
  EXPECT_EQ(unfinished_file({.out = folder_ / "a.npz"}), folder_ / "a.npz.partial");
  expect_error(ErrorCode::user, "seed is 5 there and 6 here",
               [&] { draw({.out = folder_ / "a.npz", .resume = true}, other); });
  expect_error(ErrorCode::user, "of a run that was stopped",
               [&] { draw({.out = folder_ / "a.npz"}, other); });
  draw({.out = folder_ / "a.npz", .overwrite = Overwrite::allow}, other);
  EXPECT_FALSE(fs::exists(folder_ / "a.npz.partial"));
  expect_error(ErrorCode::user, "exists already",
               [&] { draw({.out = folder_ / "a.npz", .resume = true}); });
}

// Such a link is a name that is taken, which the end of a run must not be the first to find.
TEST_F(SampleFilesTest, ALinkToNothingIsRefusedBeforeDrawing) {
  fs::create_directories(folder_ / "d");
  const std::string number = std::to_string(options().first_image);
  const std::string picture = "d/" + std::string(6 - number.size(), '0') + number + ".png";
  for (const std::string& name : {std::string("a.npz"), picture})
    fs::create_symlink("gone", folder_ / name);
  std::int64_t num_calls = 0;
  SampleOptions counted = options();
  counted.run.progress = [&](const RunProgress&) { ++num_calls; };
  for (const char* out : {"a.npz", "d"})
    expect_error(ErrorCode::user, "exists already", [&] { draw({.out = folder_ / out}, counted); });
  EXPECT_EQ(num_calls, 0);
}

/// Draws into the folder what another process would, in the middle of the first picture.
class TwoProcesses : public SampleFilesTest {
 protected:
  SampleOptions with_another(const SampleFiles& files, const SampleOptions& other) {
    SampleOptions options = SampleFilesTest::options();
    options.run.progress = [this, files, other, begun = false](const RunProgress&) mutable {
      if (!std::exchange(begun, true)) draw(files, other);
    };
    options.run.threads = 1;
    return options;
  }
};

TEST_F(TwoProcesses, OfOneRunInOneFolderMakeOneSet) {
  const SampleFiles files{.out = folder_ / "d"};
  draw({.out = folder_ / "whole"});
  draw(files, with_another(files, options()));
  EXPECT_EQ(contents(files.out), contents(folder_ / "whole"));

  const SampleFiles bare{.out = folder_ / "bare", .recipe = Recipe{}};
  draw(bare, with_another(bare, options()));
  EXPECT_EQ(std::ssize(contents(bare.out)), kCount);
}

TEST_F(TwoProcesses, OfTwoRunsInOneFolderReplaceNothing) {
  SampleOptions other = options();
  other.seed = 6;
  for (const bool bare : {false, true}) {
    SampleFiles files = into_folder(bare), alone = files;
    alone.out += "-whole";
    draw(alone, other);
    expect_error(ErrorCode::user, bare ? "000100.png exists" : "seed is 6 there and 5 here",
                 [&] { draw(files, with_another(files, other)); });
    EXPECT_EQ(contents(files.out), contents(alone.out));
  }
  // Where it may be replaced, it is.
  SampleFiles files{.out = folder_ / "d", .overwrite = Overwrite::allow};
  draw(files, with_another(files, other));
  draw({.out = folder_ / "mine"});
  EXPECT_EQ(contents(files.out), contents(folder_ / "mine"));
}

// What the first try had drawn is told from what was there before.
TEST_F(SampleFilesTest, AStoppedRunThatReplacesPicturesGoesOn) {
  SampleOptions other = options();
  other.seed = 6;
  for (const bool bare : {false, true}) {
    SampleFiles files = into_folder(bare), alone = files;
    alone.out += "-whole";
    draw(alone);
    draw(files, other);
    files.overwrite = Overwrite::allow;
    draw_and_stop(files, 30);
    EXPECT_NE(contents(files.out), contents(alone.out));
    files.resume = true;
    const DrawnFiles drawn = draw(files);
    // Without recipes nothing tells.
    EXPECT_EQ(drawn.num_found > 0, !bare);
    EXPECT_EQ(contents(files.out), contents(alone.out));
  }
}

TEST_F(SampleFilesTest, LeaveNothingBehindWhenNoPictureWasFinished) {
  draw_and_stop({.out = folder_ / "a.npz"}, 1);
  draw_and_stop({.out = folder_ / "new"}, 1);
  SampleOptions impossible = options();
  impossible.x_T = pictures(2);
  expect_error(ErrorCode::user, "x_T", [&] { draw({.out = folder_ / "b.png"}, impossible); });
  for (const char* name : {"a.npz", "a.npz.partial", "new", "b.png", "b.png.partial"})
    EXPECT_FALSE(fs::exists(folder_ / name)) << name;
}

TEST_F(SampleFilesTest, RefuseWhatAFileCannotHold) {
  expect_error(ErrorCode::user, "must end in .png", [&] { draw({.out = folder_ / "a.jpg"}); });
  SampleOptions many = options();
  many.count = 30'000'000;
  expect_error(ErrorCode::user, "too large", [&] { draw({.out = folder_ / "a.png"}, many); });
  // The scale counts too, and an impossible one is refused before anything is drawn.
  many.count = 10'000;
  expect_error(ErrorCode::user, "too large",
               [&] { draw({.out = folder_ / "a.png", .grid = {.scale = 64}}, many); });
  for (const std::int64_t scale : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 62})
    expect_error(ErrorCode::user, "scale must be",
                 [&] { draw({.out = folder_ / "a.png", .grid = {.scale = scale}}); });
  EXPECT_FALSE(fs::exists(folder_ / "a.png.partial"));
  EXPECT_FALSE(fs::exists(folder_ / "a.npz.partial"));
}

TEST_F(SampleFilesTest, ProgressCountsTheWholeRun) {
  SampleFiles files{.out = folder_ / "a.npz"};
  draw_and_stop(files, 20);
  files.resume = true;
  SampleOptions rest = options();
  std::int64_t first = -1, last = 0, total = 0;
  rest.run.progress = [&](const RunProgress& progress) {
    if (first < 0) first = progress.evaluations_done;
    last = progress.evaluations_done;
    total = progress.evaluations;
  };
  const DrawnFiles drawn = draw(files, rest);
  EXPECT_EQ(total, kCount * 3);
  EXPECT_EQ(last, total);
  EXPECT_GT(first, drawn.num_found * 3);
}

}  // namespace
}  // namespace ddim::api_test
