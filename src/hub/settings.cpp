#include "hub/settings.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "base/file_input.h"

namespace ddim::engine::hub {
namespace {

namespace fs = std::filesystem;

std::string first_set(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = environment(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

fs::path home_of(const Environment& environment) {
  const std::string home = first_set(environment, {"HOME"});
  require(!home.empty(),
          "there is no home folder to keep models in; set HF_HOME to a folder for them");
  return home;
}

/// `~` at the beginning stands for the home folder.
fs::path expand_home(const std::string& path, const Environment& environment) {
  if (path == "~") return home_of(environment);
  if (path.starts_with("~/")) return home_of(environment) / path.substr(2);
  return path;
}

fs::path hub_home(const Environment& environment) {
  if (const std::string path = first_set(environment, {"HF_HOME"}); !path.empty())
    return expand_home(path, environment);
  const std::string cache = first_set(environment, {"XDG_CACHE_HOME"});
  return (cache.empty() ? home_of(environment) / ".cache" : expand_home(cache, environment)) /
         "huggingface";
}

fs::path cache_of(const Environment& environment) {
  const std::string path = first_set(environment, {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"});
  return path.empty() ? hub_home(environment) / "hub" : expand_home(path, environment);
}

bool is_true(std::string word) {
  std::ranges::transform(word, word.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return word == "1" || word == "ON" || word == "YES" || word == "TRUE";
}

std::string trimmed(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
  return text;
}

std::string token_of(const Environment& environment) {
  if (is_true(first_set(environment, {"HF_HUB_DISABLE_IMPLICIT_TOKEN"}))) return "";
  std::string token = trimmed(first_set(environment, {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}));
  if (token.empty()) {
    const std::string path = first_set(environment, {"HF_TOKEN_PATH"});
    const fs::path file =
        path.empty() ? hub_home(environment) / "token" : expand_home(path, environment);
    constexpr std::uint64_t kMaxTokenBytes = 4096;
    if (fs::exists(file)) token = trimmed(read_file(file, kMaxTokenBytes));
  }
  // A control character would end the header that it is sent in. Tokens are not shown.
  require(std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; }),
          "the token for the hub contains characters that no token has; check HF_TOKEN");
  return token;
}

std::string endpoint_of(const Environment& environment) {
  std::string endpoint = first_set(environment, {"HF_ENDPOINT"});
  if (endpoint.empty()) return Settings{}.endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  require(endpoint.starts_with("https://") || endpoint.starts_with("http://"),
          "HF_ENDPOINT must begin with https:// or http://, not \"", endpoint, '"');
  return endpoint;
}

}  // namespace

Settings settings_from(const Environment& environment) {
  const bool offline = is_true(first_set(environment, {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}));
  return {.endpoint = endpoint_of(environment),
          .cache = cache_of(environment),
          .token = token_of(environment),
          .network = offline ? Network::forbidden : Network::allowed};
}

Settings settings_of_process() {
  return settings_from([](const char* name) -> const char* { return std::getenv(name); });
}

}  // namespace ddim::engine::hub
