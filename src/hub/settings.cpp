#include "hub/settings.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <string_view>

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

/// $NAME and ${NAME} stand for variables; what is not set stays as it is.
std::string expand_variables(std::string_view path, const Environment& environment) {
  const auto is_of_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  std::string expanded;
  while (!path.empty()) {
    const bool is_braced = path.starts_with("${");
    const std::string_view rest = path.substr(is_braced ? 2 : 1);
    const std::size_t size =
        is_braced
            ? std::min(rest.find('}'), rest.size())
            : static_cast<std::size_t>(std::ranges::find_if_not(rest, is_of_name) - rest.begin());
    const std::size_t end = (is_braced ? 3 : 1) + size;
    const bool is_name = path.front() == '$' && size > 0 && end <= path.size();
    const char* value = is_name ? environment(std::string(rest.substr(0, size)).c_str()) : nullptr;
    expanded += value != nullptr ? std::string_view(value) : path.substr(0, 1);
    path.remove_prefix(value != nullptr ? end : 1);
  }
  return expanded;
}

/// As the hub's own library: first `~`, then variables.
fs::path expand(const std::string& path, const Environment& environment) {
  return expand_variables(expand_home(path, environment).string(), environment);
}

/// The folder that `variable` names, or else `name` among the caches; not expanded.
std::string cache_home(const Environment& environment, const char* variable, const char* name) {
  if (const std::string path = first_set(environment, {variable}); !path.empty()) return path;
  const std::string cache = first_set(environment, {"XDG_CACHE_HOME"});
  return (cache.empty() ? home_of(environment) / ".cache" : fs::path(cache)) / name;
}

fs::path hub_home(const Environment& environment) {
  return expand(cache_home(environment, "HF_HOME", "huggingface"), environment);
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
        path.empty() ? hub_home(environment) / "token" : expand(path, environment);
    constexpr std::uint64_t kMaxTokenBytes = 4096;
    if (is_there(file)) token = trimmed(read_file(file, kMaxTokenBytes));
  }
  // A control character would end the header that it is sent in. Tokens are not shown.
  require(std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; }),
          "the token for the hub contains characters that no token has; check HF_TOKEN");
  return token;
}

std::string url_of(const Environment& environment, const char* variable,
                   const std::string& otherwise) {
  const std::string url = first_set(environment, {variable});
  if (url.empty()) return otherwise;
  require(url.starts_with("https://") || url.starts_with("http://"), variable,
          " must begin with https:// or http://, not \"", url, '"');
  return url;
}

std::string endpoint_of(const Environment& environment) {
  std::string endpoint = url_of(environment, "HF_ENDPOINT", Settings{}.endpoint);
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

const char* variable_of_process(const char* name) { return std::getenv(name); }

}  // namespace

fs::path cache_from(const Environment& environment) {
  const std::string path = first_set(environment, {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"});
  return path.empty() ? hub_home(environment) / "hub" : expand(path, environment);
}

Settings server_settings_from(const Environment& environment) {
  const bool offline = is_true(first_set(environment, {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}));
  return {.endpoint = endpoint_of(environment),
          .inception_url = url_of(environment, "DDIM_INCEPTION_URL", Settings{}.inception_url),
          .network = offline ? Network::forbidden : Network::allowed};
}

Settings settings_from(const Environment& environment) {
  Settings settings = server_settings_from(environment);
  settings.cache = cache_from(environment);
  if (settings.network == Network::allowed) settings.token = token_of(environment);
  return settings;
}

fs::path torch_checkpoints_from(const Environment& environment) {
  return expand_home(cache_home(environment, "TORCH_HOME", "torch"), environment) / "hub" /
         "checkpoints";
}

fs::path cache_of_process() { return cache_from(variable_of_process); }

Settings server_settings_of_process() { return server_settings_from(variable_of_process); }

Settings settings_of_process() { return settings_from(variable_of_process); }

fs::path torch_checkpoints_of_process() { return torch_checkpoints_from(variable_of_process); }

}  // namespace ddim::engine::hub
