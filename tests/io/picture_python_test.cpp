// A thousand pictures of all kinds from Pillow, where it is installed, read as Pillow reads them.
#include "tests/io/pictures_like_pillow.h"
#include "tests/support/find_python.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::io {
namespace {

TEST(PicturePython, AThousandPicturesLookAsInPillow) {
  const std::string python = ddim::test::find_python("PIL numpy");
  if (python.empty()) GTEST_SKIP() << ddim::test::no_python_with("pillow and numpy");
  const ddim::test::TemporaryFolder folder;
  const std::string made = (folder / "pictures").string();
  ASSERT_EQ(std::system((python + " tools/make_picture_fixtures.py '" + made + "' 1000").c_str()),
            0);
  EXPECT_EQ(test::expect_all_look_as_in_pillow(made), 1000);
}

}  // namespace
}  // namespace ddim::engine::io
