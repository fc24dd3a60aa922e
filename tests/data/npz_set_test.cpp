#include "data/npz_set.h"

#include "base/file_output.h"
#include "io/npz.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::data {
namespace {

using test::expect_error;
using ::testing::ElementsAre;

class NpzSet : public ::testing::Test {
 protected:
  /// Two pictures of 2 x 3 pixels with 5 channels, and what else a case wants.
  std::filesystem::path file(std::vector<io::NpzArray> more = {}) {
    more.insert(more.begin(), {.name = "arr_0",
                               .type = "|u1",
                               .shape = {2, 2, 3, 5},
                               .bytes = std::as_bytes(std::span(pixels_))});
    return write(std::move(more));
  }
  std::filesystem::path write(std::vector<io::NpzArray> arrays) {
    write_file_durably(folder_ / "set.npz", io::npz_content(std::move(arrays)), Overwrite::allow);
    return folder_ / "set.npz";
  }
  io::NpzArray labels() const {
    return {.name = "arr_1",
            .type = "<i8",
            .shape = {std::ssize(labels_)},
            .bytes = std::as_bytes(std::span(labels_))};
  }

  test::TemporaryFolder folder_;
  std::vector<std::uint8_t> pixels_ = [] {
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < 2 * 2 * 3 * 5; ++i) pixels.push_back(static_cast<std::uint8_t>(4 * i));
    return pixels;
  }();
  std::vector<std::int64_t> labels_ = {3, 1};
};

TEST_F(NpzSet, HoldsPicturesOfAnyChannelsAndTheirClasses) {
  const Dataset dataset = load_dataset(file({labels()}), {.channels = 5, .labels = Labels::read});
  EXPECT_EQ(dataset.kind, "npz");
  EXPECT_EQ(dataset.images.count, 2);
  EXPECT_EQ(dataset.images.height, 2);
  EXPECT_EQ(dataset.images.width, 3);
  EXPECT_EQ(dataset.images.channels, 5);
  EXPECT_EQ(dataset.images.pixels, pixels_);
  EXPECT_THAT(dataset.labels, ElementsAre(3, 1));
  EXPECT_THAT(load_dataset(file({labels()}), {}).labels, ElementsAre());
}

TEST_F(NpzSet, IsMadeToFit) {
  const Dataset dataset = load_dataset(file(), {.fit = Fit::pad, .height = 2, .width = 4});
  EXPECT_EQ(dataset.images.width, 4);
  EXPECT_EQ(dataset.images[0][14], pixels_[14]);
  EXPECT_EQ(dataset.images[0][15], 0);
  expect_error(ErrorCode::user, "set.npz: images are 3x2, not 4x2",
               [&] { load_dataset(file(), {.height = 2, .width = 4}); });
}

TEST_F(NpzSet, SaysWhatIsMissing) {
  expect_error(ErrorCode::user, "has no labels: looked for an array arr_1",
               [&] { load_npz(file(), Labels::read); });
  expect_error(ErrorCode::corrupt, "no array of bytes [N,H,W,C]",
               [&] { load_npz(write({labels()}), Labels::ignore); });
  labels_ = {1, 2, 3};
  expect_error(ErrorCode::corrupt, "arr_1 must hold the class of each of the 2 pictures",
               [&] { load_npz(file({labels()}), Labels::read); });
  labels_ = {1, -2};
  expect_error(ErrorCode::corrupt, "arr_1 holds the class -2",
               [&] { load_npz(file({labels()}), Labels::read); });
  expect_error(ErrorCode::corrupt, "array arr_0 is empty", [&] {
    load_npz(write({{.name = "arr_0", .type = "|u1", .shape = {0, 2, 2, 1}, .bytes = {}}}),
             Labels::ignore);
  });
}

}  // namespace
}  // namespace ddim::engine::data
