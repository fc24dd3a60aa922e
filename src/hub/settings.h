#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

namespace ddim::engine::hub {

/// Whether the hub may be asked at all.
enum class Network { allowed, forbidden };

/// How long to keep trying a server that fails.
struct Patience {
  int max_failures = 5;  ///< in a row, none of which brought a byte; then it is an error
  std::chrono::milliseconds first_delay{1000};  ///< doubles with each failure in a row
  std::chrono::milliseconds max_delay{30'000};  ///< also for what the server asks for
  std::chrono::seconds connect_timeout{15};
  std::chrono::seconds stall_timeout{30};  ///< at less than 100 bytes/s
};

/// Where models come from and where they are kept.
struct Settings {
  std::string endpoint = "https://huggingface.co";  ///< without a slash at the end
  std::filesystem::path cache = {};                 ///< holds models--owner--name/ and .locks/
  std::string token = {};                           ///< empty: anonymous
  /// Where the network of the FID is published.
  std::string inception_url =
      "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
      "pt_inception-2015-12-05-6726825d.pth";
  Network network = Network::allowed;
  std::string user_agent = "ddim";
  Patience patience = {};
};

/// The value of an environment variable, nullptr when it is not set.
using Environment = std::function<const char*(const char*)>;

/// The settings that huggingface_hub takes from the same environment, so that both programs share
/// one cache: HF_ENDPOINT; HF_HUB_CACHE or HUGGINGFACE_HUB_CACHE, else `hub` in HF_HOME, which is
/// by default `huggingface` in XDG_CACHE_HOME or ~/.cache; HF_TOKEN or HUGGING_FACE_HUB_TOKEN, else
/// the file HF_TOKEN_PATH or `token` in HF_HOME; HF_HUB_OFFLINE, with which no token is read. Ours:
/// DDIM_INCEPTION_URL. Error(user) for an invalid value, or when there is no home folder.
Settings settings_from(const Environment& environment);

/// Their cache alone, for what takes models from there and asks no server.
std::filesystem::path cache_from(const Environment& environment);

/// The same settings without cache and token, for single files of other servers.
Settings server_settings_from(const Environment& environment);

/// Where torch.hub keeps single files: hub/checkpoints in TORCH_HOME, which is by default `torch`
/// in XDG_CACHE_HOME or ~/.cache. Error(user) when there is no home folder.
std::filesystem::path torch_checkpoints_from(const Environment& environment);

/// The same from the environment of this process.
std::filesystem::path cache_of_process();
Settings server_settings_of_process();
Settings settings_of_process();
std::filesystem::path torch_checkpoints_of_process();

}  // namespace ddim::engine::hub
