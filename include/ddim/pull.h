#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "ddim/export.h"
#include "ddim/run_options.h"

namespace ddim {

/// How far pull_model() is: bytes of the files that are not in the cache yet.
struct PullProgress {
  std::int64_t bytes_done = 0;
  std::int64_t bytes = 0;
};

/// What to fetch from the hub.
struct PullOptions {
  /// "owner/name", or "owner/name@revision": a branch, tag or commit. Of pull_model() alone.
  std::string model = {};
  ShowProgress show_progress = ShowProgress::no;
  std::function<void(const PullProgress&)> progress = {};
  std::stop_token stop = {};
};

/// What pull() leaves in the cache.
struct PullResult {
  std::filesystem::path folder = {};  ///< Model::load() takes it
  std::string commit = {};            ///< what the revision is today; of a file its SHA-256
  std::vector<std::string> files = {};
  std::int64_t bytes = 0;          ///< of all files
  std::int64_t bytes_fetched = 0;  ///< by this call: not what was there
};

/// Fetches a diffusers model from the Hugging Face hub, or from the server that HF_ENDPOINT names,
/// into the cache that the hub's own library uses as well. A download that was interrupted goes on
/// where it ended, and every file is compared with its checksum. HF_HOME, HF_HUB_CACHE, HF_TOKEN
/// and HF_HUB_OFFLINE mean what they mean there. Error(user) for a name that cannot be, a model
/// that is not there or not for this user, and for a build without libcurl; Error(io) when the
/// server cannot be reached; Error(corrupt) when it sends something else than it announced, or
/// another kind of model; Error(interrupted) when `stop` was requested.
DDIM_API PullResult pull_model(const PullOptions& options);

/// Fetches the file of the extractor `inception` (kInceptionFile, 96 MB) from where pytorch-fid
/// publishes it, or from the URL DDIM_INCEPTION_URL, into the folder in which PyTorch keeps such
/// files: hub/checkpoints in TORCH_HOME, by default ~/.cache/torch. What is there and has the
/// SHA-256 that its name begins to tell is taken as it is. Errors as pull_model().
DDIM_API PullResult pull_inception(const PullOptions& options = {});

/// What to do about a model that is not in the cache.
enum class MissingModel { refuse, pull };

/// The folder of a model: `model` itself when there is such a file, or a folder with a model, and
/// the newest checkpoint when it is the folder of a training run; otherwise the model of this name
/// that came with ddim (see find_models()), or where the cache has the model
/// "owner/name[@revision]". Another path is returned as it is, for Model::load() to refuse.
/// Error(user) for a word that is none of these, and, naming the command that fetches it, for a
/// model that the cache has not; with MissingModel::pull it is fetched instead, as by pull_model(),
/// whose other options are `options`.
DDIM_API std::filesystem::path find_model(const std::string& model,
                                          MissingModel missing = MissingModel::refuse,
                                          PullOptions options = {});

}  // namespace ddim
