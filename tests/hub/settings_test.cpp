#include "hub/settings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::hub {
namespace {

using testing::HasSubstr;

/// Refers to `variables`.
Environment environment_of(const std::map<std::string, std::string>& variables) {
  return [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

Settings settings_of(const std::map<std::string, std::string>& variables) {
  return settings_from(environment_of(variables));
}

TEST(HubSettings, DefaultsAreThoseOfTheHubsOwnLibrary) {
  const Settings settings = settings_of({{"HOME", "/home/me"}});
  EXPECT_EQ(settings.endpoint, "https://huggingface.co");
  EXPECT_EQ(settings.cache, "/home/me/.cache/huggingface/hub");
  EXPECT_EQ(settings.token, "");
  EXPECT_EQ(settings.network, Network::allowed);
}

TEST(HubSettings, TheCacheIsWhereTheEnvironmentSays) {
  const auto cache = [](std::map<std::string, std::string> variables) {
    variables["HOME"] = "/home/me";
    return settings_of(variables).cache.string();
  };
  EXPECT_EQ(cache({{"XDG_CACHE_HOME", "/xdg"}}), "/xdg/huggingface/hub");
  EXPECT_EQ(cache({{"XDG_CACHE_HOME", "/xdg"}, {"HF_HOME", "/hf"}}), "/hf/hub");
  EXPECT_EQ(cache({{"HF_HOME", "~/hf"}}), "/home/me/hf/hub");
  EXPECT_EQ(cache({{"HF_HOME", "$HOME/hf"}}), "/home/me/hf/hub");
  EXPECT_EQ(cache({{"HF_HUB_CACHE", "/a/${DISK}/$DISK$NONE$"}, {"DISK", "d1"}}), "/a/d1/d1$NONE$");
  EXPECT_EQ(cache({{"HF_HUB_CACHE", "$PLACE/${x"}, {"PLACE", "~"}}), "~/${x");
  EXPECT_EQ(cache({{"HF_HOME", "/hf"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}), "/old");
  EXPECT_EQ(cache({{"HUGGINGFACE_HUB_CACHE", "/old"}, {"HF_HUB_CACHE", "/new"}}), "/new");
  EXPECT_EQ(cache({{"HF_HUB_CACHE", ""}}), "/home/me/.cache/huggingface/hub");
  test::expect_error(ErrorCode::user, HasSubstr("HF_HOME"), [] { settings_of({}); });
}

TEST(HubSettings, FilesOfTorchAreWhereTorchKeepsThem) {
  const auto place = [](const std::map<std::string, std::string>& variables) {
    return torch_checkpoints_from(environment_of(variables));
  };
  EXPECT_EQ(place({{"HOME", "/home/me"}}), "/home/me/.cache/torch/hub/checkpoints");
  EXPECT_EQ(place({{"XDG_CACHE_HOME", "/xdg"}}), "/xdg/torch/hub/checkpoints");
  EXPECT_EQ(place({{"TORCH_HOME", "/torch"}}), "/torch/hub/checkpoints");
  EXPECT_EQ(
      settings_of({{"HOME", "/home/me"}, {"DDIM_INCEPTION_URL", "http://here/x"}}).inception_url,
      "http://here/x");
  test::expect_error(ErrorCode::user, HasSubstr("DDIM_INCEPTION_URL"), [] {
    settings_of({{"HOME", "/home/me"}, {"DDIM_INCEPTION_URL", "here"}});
  });
}

TEST(HubSettings, TheTokenComesFromTheEnvironmentOrAFile) {
  const test::TemporaryFolder folder;
  const std::string home = folder.path().string();
  EXPECT_EQ(settings_of({{"HF_HOME", home}}).token, "");
  std::ofstream(folder / "token") << "hf_file\n";
  std::ofstream(folder / "other") << "hf_other";
  EXPECT_EQ(settings_of({{"HF_HOME", home}}).token, "hf_file");
  EXPECT_EQ(settings_of({{"HF_HOME", home}, {"HF_TOKEN_PATH", (folder / "other").string()}}).token,
            "hf_other");
  EXPECT_EQ(settings_of({{"HF_HOME", home}, {"HUGGING_FACE_HUB_TOKEN", "hf_old"}}).token, "hf_old");
  EXPECT_EQ(settings_of({{"HF_HOME", home}, {"HF_TOKEN", " hf_new\r\n"}}).token, "hf_new");
  EXPECT_EQ(settings_of({{"HF_HOME", home}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"}}).token, "");
  test::expect_error(ErrorCode::user, testing::Not(HasSubstr("hf_secret")), [&] {
    settings_of({{"HF_HOME", home}, {"HF_TOKEN", "hf_secret\x01"}});
  });
}

TEST(HubSettings, NothingIsAskedForThatIsNotNeeded) {
  const test::TemporaryFolder folder;
  // Nobody can read this token.
  std::filesystem::create_symlink("token", folder / "token");
  std::map<std::string, std::string> variables{{"HF_HOME", folder.path().string()}};
  test::expect_error(ErrorCode::io, HasSubstr((folder / "token").string()),
                     [&] { settings_of(variables); });
  EXPECT_EQ(cache_from(environment_of(variables)), folder / "hub");
  variables["HF_HUB_OFFLINE"] = "1";
  EXPECT_EQ(settings_of(variables).cache, folder / "hub");
  const std::map<std::string, std::string> without_home{{"DDIM_INCEPTION_URL", "http://here/x"}};
  EXPECT_EQ(server_settings_from(environment_of(without_home)).inception_url, "http://here/x");
}

TEST(HubSettings, EndpointAndOffline) {
  const auto with = [](const std::string& name, const std::string& value) {
    return settings_of({{"HF_HOME", "/hf"}, {name, value}});
  };
  EXPECT_EQ(with("HF_ENDPOINT", "http://mirror:8080//").endpoint, "http://mirror:8080");
  test::expect_error(ErrorCode::user, HasSubstr("file:///etc"),
                     [&] { with("HF_ENDPOINT", "file:///etc"); });
  EXPECT_EQ(with("HF_HUB_OFFLINE", "1").network, Network::forbidden);
  EXPECT_EQ(with("HF_HUB_OFFLINE", "yes").network, Network::forbidden);
  EXPECT_EQ(with("HF_HUB_OFFLINE", "0").network, Network::allowed);
}

}  // namespace
}  // namespace ddim::engine::hub
