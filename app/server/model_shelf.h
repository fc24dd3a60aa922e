#pragma once

#include <ddim/model.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace ddim::server {

/// A model, and what requests are checked against: the same, without weights.
struct LoadedModel {
  Model model;
  Model described;
};

/// A model that can be asked for.
struct ModelSource {
  std::string name;
  std::string place;  ///< what --model of the command line calls it
  Model described;    ///< as it is at the start
  /// Called when it is used and is not loaded. What is at the place may be another model by then:
  /// the next checkpoint of a training run.
  std::function<LoadedModel()> load;
};

/// The models of a server by their names. Weights are loaded at first use, and at most `keep`
/// models have theirs at any time: the one that was not used for longest makes room, or, while all
/// are at work, the next one waits. May be used from all threads.
class ModelShelf {
 public:
  ModelShelf(std::vector<ModelSource> sources, std::int64_t keep);

  const std::vector<ModelSource>& sources() const { return sources_; }
  const ModelSource* find(const std::string& name) const;
  bool is_loaded(const std::string& name) const;
  /// What requests are checked against: the model as it was loaded last, or as it was at the start.
  Model described(const std::string& name) const;

  /// A model that stays loaded while this lives.
  class Lease {
   public:
    Lease(ModelShelf& shelf, std::string name, Model model)
        : shelf_(shelf), name_(std::move(name)), model_(std::move(model)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { shelf_.give_back(name_); }
    const Model& model() const { return model_; }

   private:
    ModelShelf& shelf_;
    std::string name_;
    Model model_;
  };
  /// Loads it unless it is loaded. Throws what loading throws, and Error(interrupted) when `stop`
  /// is requested while it waits for room.
  std::unique_ptr<Lease> lease(const std::string& name, const std::stop_token& stop);

  /// Unloads the models that nobody has used for so long; whether there was one.
  bool unload_unused(std::chrono::milliseconds time);
  /// Model::trim() of those that nobody has used for so long.
  void trim_unused(std::chrono::milliseconds time);

 private:
  struct Loaded {
    std::string name;
    std::optional<Model> model;  ///< none while it is being loaded
    int num_leases = 0;
    std::chrono::steady_clock::time_point given_back = {};  ///< when nobody has leased it
    bool is_trimmed = false;                                ///< since then
  };
  void give_back(const std::string& name);
  std::list<Loaded>::iterator find_loaded(const std::string& name);

  const std::vector<ModelSource> sources_;
  const std::size_t keep_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Loaded> loaded_;                ///< the last one used first
  std::map<std::string, Model> described_;  ///< of each name
};

}  // namespace ddim::server
