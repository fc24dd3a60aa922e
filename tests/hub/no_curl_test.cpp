#include "hub/pull.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::hub {
namespace {

TEST(PullWithoutLibcurl, SaysWhatToInstall) {
  const test::TemporaryFolder folder;
  const Settings settings{.cache = folder.path()};
  test::expect_error(ErrorCode::user, testing::HasSubstr("libcurl4-openssl-dev"),
                     [&] { pull(settings, {.id = "owner/name"}, [](const PullState&) {}, {}); });
}

}  // namespace
}  // namespace ddim::engine::hub
