#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_output.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine {
namespace {

using test::read_text;
using test::write_text;
using testing::HasSubstr;

class ManifestTest : public testing::Test {
 protected:
  ManifestTest() {
    DurableFolder output(folder_, Manifest::write);
    output.write_file("weights.bin", std::string(3000, 'w'));
    output.write_file("unet/config.json", "{}");
    output.write_file("empty", "");
    output.commit();
  }

  test::TemporaryFolder parent_;
  const std::filesystem::path folder_ = parent_ / "step-1";
};

TEST_F(ManifestTest, Verifies) {
  EXPECT_EQ(verify_manifest(folder_), std::nullopt);
  EXPECT_EQ(read_text(folder_ / "manifest.json"),
            "{\n"
            "  \"format\": \"ddim-manifest-1\",\n"
            "  \"files\": [\n"
            "    {\"name\": \"weights.bin\", \"size_bytes\": 3000, \"sha256\": "
            "\"faa973de574a315e743173ee5ca8d24a785b15f0cffbaa7bee21240780f8ef51\"},\n"
            "    {\"name\": \"unet/config.json\", \"size_bytes\": 2, \"sha256\": "
            "\"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"},\n"
            "    {\"name\": \"empty\", \"size_bytes\": 0, \"sha256\": "
            "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}\n"
            "  ]\n"
            "}\n");
}

TEST_F(ManifestTest, FindsChangedBytesOfEveryFile) {
  for (const char* name : {"weights.bin", "unet/config.json", "manifest.json"}) {
    const std::string good = read_text(folder_ / name);
    const std::size_t step = good.size() / 60 + 1;
    for (std::size_t i = 0; i < good.size(); i += step) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 1 << i % 7);
      write_text(folder_ / name, bad);
      EXPECT_NE(verify_manifest(folder_), std::nullopt) << name << " byte " << i;
    }
    write_text(folder_ / name, good);
  }
  EXPECT_EQ(verify_manifest(folder_), std::nullopt);
}

TEST_F(ManifestTest, FindsTruncations) {
  const std::string good = read_text(folder_ / "manifest.json");
  for (std::size_t size = 0; size < good.size(); size += 5) {
    write_text(folder_ / "manifest.json", good.substr(0, size));
    EXPECT_NE(verify_manifest(folder_), std::nullopt) << size;
  }
  write_text(folder_ / "manifest.json", good + " ");
  EXPECT_THAT(verify_manifest(folder_).value_or(""), HasSubstr("manifest.json is damaged"));
}

TEST_F(ManifestTest, SaysWhatIsWrong) {
  const auto reason = [this] { return verify_manifest(folder_).value_or(""); };
  write_text(folder_ / "weights.bin", std::string(2999, 'w'));
  EXPECT_THAT(reason(), HasSubstr("weights.bin has 2999 bytes, not 3000"));
  write_text(folder_ / "weights.bin", std::string(3000, 'v'));
  EXPECT_THAT(reason(), HasSubstr("weights.bin is damaged"));
  std::filesystem::remove(folder_ / "weights.bin");
  EXPECT_THAT(reason(), HasSubstr("weights.bin is missing"));
  std::filesystem::create_directory(folder_ / "weights.bin");
  EXPECT_THAT(reason(), HasSubstr("weights.bin is missing"));
  std::filesystem::remove(folder_ / "manifest.json");
  EXPECT_THAT(reason(), HasSubstr("manifest.json is missing"));
  std::filesystem::remove_all(folder_);
  EXPECT_THAT(reason(), HasSubstr("manifest.json is missing"));
}

// What cannot be read tells nothing about the folder. Permissions do not stop root; a link that
// leads to itself, or to what is not mounted, stops everyone.
TEST_F(ManifestTest, DoesNotTakeUnreadableForDamaged) {
  for (const char* target : {"loop", "unmounted/loop"}) {
    for (const char* name : {"weights.bin", "unet/config.json", "manifest.json"}) {
      const std::filesystem::path file = folder_ / name;
      std::filesystem::rename(file, parent_ / "good");
      std::filesystem::create_symlink(target == std::string("loop") ? file.filename() : target,
                                      file);
      test::expect_error(ErrorCode::io, "cannot read " + file.string(),
                         [&] { verify_manifest(folder_); });
      std::filesystem::rename(parent_ / "good", file);
    }
  }
  EXPECT_EQ(verify_manifest(folder_), std::nullopt);
}

TEST_F(ManifestTest, DoesNotTakeAProcessWithoutDescriptorsForDamage) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(STDERR_FILENO);
  ::close(next);
  const rlimit full{static_cast<rlim_t>(next), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &full), 0);
  std::string message = "none";
  try {
    message = verify_manifest(folder_).value_or("verified");
  } catch (const Error& error) {
    if (error.code() == ErrorCode::io) message = concat("io: ", error.what());
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(message,
              testing::StartsWith("io: cannot read " + (folder_ / "manifest.json").string()));
}

TEST_F(ManifestTest, NoContentMakesItThrow) {
  const std::string good = read_text(folder_ / "manifest.json");
  for (const std::string& name : {std::string(5000, 'x'), std::string("weights.bin/x"),
                                  std::string("unet\0config", 11), std::string("..")}) {
    write_text(folder_ / "manifest.json", good);
    test::edit_text(folder_ / "manifest.json", "weights.bin", name);
    EXPECT_NE(verify_manifest(folder_), std::nullopt) << name.substr(0, 20);
  }
  write_text(folder_ / "manifest.json", std::string((1 << 24) + 1, ' '));
  EXPECT_THAT(verify_manifest(folder_).value_or(""), HasSubstr("manifest.json is damaged"));
}

}  // namespace
}  // namespace ddim::engine
