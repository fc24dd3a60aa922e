#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ddim/data_options.h"
#include "ddim/export.h"
#include "ddim/model.h"
#include "ddim/overwrite.h"
#include "ddim/plan.h"
#include "ddim/ranks.h"
#include "ddim/resizing.h"
#include "ddim/run_options.h"
#include "ddim/sample.h"

namespace ddim {

/// What features were made by; empty parts are not known. Features of different recipes cannot be
/// compared.
struct FeatureRecipe {
  std::string extractor = {};       ///< "resnet56-cifar10"
  std::string extractor_hash = {};  ///< SHA-256 of its file
  std::string resizing = {};        ///< "none", "pad" or "crop-resize"; of inception a Resizing
  std::string rounding = {};        ///< "nearest": pictures are bytes
  friend bool operator==(const FeatureRecipe&, const FeatureRecipe&) = default;
};

/// What an extractor sees in a set of pictures; or the statistics of that alone, from a file.
struct FeatureSet {
  std::string source = {};  ///< for messages
  FeatureRecipe recipe = {};
  std::string pictures_hash = {};  ///< of the pictures in any order; empty: not known
  /// Which pictures of a data set: "train", "test, the first 5000"; empty: not known.
  std::string part = {};
  /// How a model drew them: the recipe of sample(). Empty: they were not drawn, or nothing says so.
  Recipe drawing = {};
  std::int64_t count = 0;  ///< 0: not known
  std::int64_t dimensions = 0;
  std::int64_t classes = 0;
  std::vector<float> features = {};  ///< [count, dimensions]; empty: statistics alone
  std::int64_t height = 0;           ///< of the pictures as the extractor got them; 0: not known
  std::int64_t width = 0;
  std::vector<std::uint8_t> pictures = {};  ///< [count, height, width, 3], if kept
  std::vector<float> probabilities = {};    ///< [count, classes]
  std::vector<double> mean = {};            ///< [dimensions]
  std::vector<double> covariance = {};      ///< [dimensions, dimensions], divisor count - 1
};

/// The file of the extractor `inception`, as the Python package pytorch-fid publishes it. It does
/// not come with ddim; pull_inception() fetches it.
inline constexpr const char* kInceptionFile = "pt_inception-2015-12-05-6726825d.pth";

/// Where an extractor is: `extractor` itself when there is such a folder or file; for a name
/// ("resnet56-cifar10", which comes with ddim, "inception", which does not), in models/features of
/// the current folder, or in the folder `features` where shipped models are (see find_models());
/// "inception" also where pull_inception() and pytorch-fid keep it. Error(user), naming these
/// places, when it is in none of them.
DDIM_API std::filesystem::path find_extractor(const std::string& extractor);

/// Whether a FeatureSet keeps its pictures, for nearest_neighbours().
enum class KeepPictures { no, yes };

/// How pictures get to a size.
struct PictureFit {
  Fit fit = Fit::none;
  std::int64_t height = 0;
  std::int64_t width = 0;
};

/// How features of a set are taken.
struct FeatureOptions {
  /// How pictures of another size get to the extractor's; for one that has none, Fit::none.
  Fit fit = Fit::none;
  /// What is done to the pictures of a data set before that: to compare them with those of a model,
  /// SeenAs::fit. Drawn pictures are as they are.
  PictureFit first = {};
  KeepPictures keep = KeepPictures::no;
  /// Where features are kept as they are found, in a file for each set and extractor: a call that
  /// was stopped in any way goes on there, and another with the same pictures finds them. Empty:
  /// nowhere. Not used for drawn pictures that are kept.
  std::filesystem::path folder = {};
  /// Called once with the set when all but its features is known: what it throws ends extract()
  /// before any work. Not called for drawn pictures, whose count the caller says.
  std::function<void(const FeatureSet&)> check = {};
  /// Each process gets all features. The blocks are in `folder`, which those that join must have;
  /// ranks without one get their parts from each other. Error(user) for drawn pictures that are
  /// kept.
  Sharing sharing = {};
};

/// The classifier whose features pictures are compared by.
class DDIM_API FeatureExtractor {
 public:
  /// A folder with model.safetensors, as models/features/resnet56-cifar10; kInceptionFile, or a
  /// folder with it: the extractor `inception`, which resizes pictures by `resizing`. Error(user)
  /// for a folder without one, Error(corrupt) for another network.
  static FeatureExtractor load(const std::filesystem::path& path,
                               Resizing resizing = Resizing::pytorch,
                               DeviceKind device = DeviceKind::cpu);

  std::int64_t dimensions() const;  ///< of a picture's features
  /// Height and width of the pictures that it takes; nothing: it resizes any.
  std::optional<std::int64_t> picture_size() const;
  /// What is known of pictures before `model` draws them, for check_sets(). Error(user) for a size,
  /// named by `source`, that the extractor does not take after such a fit, and for a number of
  /// channels that it does not take.
  FeatureSet set_to_draw(const Model& model, std::int64_t count, Fit fit,
                         const std::string& source) const;
  /// What features of pictures that get to their size by `fit` are made by.
  FeatureRecipe recipe(Fit fit) const;

  /// Of the pictures in a folder, an .npz file or a data set. Grey ones get three equal channels;
  /// another size is an Error(user), unless options.fit says what to do.
  FeatureSet extract(const DataOptions& pictures, const FeatureOptions& options,
                     const RunOptions& run) const;
  /// Of pictures in memory, rounded to bytes, which messages call `source`.
  FeatureSet extract(const FloatImages& pictures, const FeatureOptions& options,
                     const RunOptions& run, const std::string& source) const;
  /// Of pictures that a model draws now, rounded to bytes; at most two batches are in memory.
  FeatureSet extract(const Model& model, const Plan& plan, const SampleOptions& drawing,
                     const FeatureOptions& options) const;

 private:
  struct Implementation;
  explicit FeatureExtractor(std::shared_ptr<const Implementation> implementation)
      : implementation_(std::move(implementation)) {}
  std::shared_ptr<const Implementation> implementation_;
};

/// Whether the file is an .npz file with an array mu.
DDIM_API bool holds_statistics(const std::filesystem::path& path);
/// Statistics of features: an .npz file with mu [D] and sigma [D,D] in double or float, as
/// published statistics have them, and, where `ddim` wrote it, count (an integer) and recipe
/// (bytes: lines "name=value", "drawn.name=value" of how a model drew the pictures). Other arrays
/// (pictures, in published reference batches) are not looked at. Error(corrupt) for another one.
DDIM_API FeatureSet read_statistics(const std::filesystem::path& path);
/// The counterpart of read_statistics().
DDIM_API void write_statistics(const std::filesystem::path& path, const FeatureSet& set,
                               Overwrite overwrite = Overwrite::refuse);

/// How a model sees the pictures of a data set.
struct SeenAs {
  /// How they get to the size of its own: cropped and resized if its training did so and its files
  /// tell (those of ddim train do); otherwise by a border where none is larger, else cropped and
  /// resized. Fit::none where all have that size.
  PictureFit fit = {};
  Colour background = {};  ///< see ReadOptions
  /// Whether it was trained on them, all of the data set's split together but for the share that
  /// was held out: false also where its files do not say.
  bool is_training_data = false;
};
/// Reads the pictures; those that are no data set of this kind of pictures are found to be so by
/// who reads them next.
DDIM_API SeenAs seen_by(const Model& model, const DataOptions& pictures);

/// The fewest pictures of a set that can be compared: one more than the neighbours of precision and
/// recall.
inline constexpr std::int64_t kFewestPictures = 4;

/// What to do about a set with no more pictures than features have dimensions.
enum class FewPictures {
  refuse,
  shrink,  ///< shrink the covariances of both sets
};

/// Whether precision and recall are found: the time grows with the square of the sets' sizes.
enum class Manifolds { compare, leave_out };

/// How two sets are compared.
struct QualityOptions {
  FewPictures few_pictures = FewPictures::refuse;
  Manifolds manifolds = Manifolds::compare;
  std::uint64_t seed = 0;  ///< of the subsets of the kernel distance
  int threads = 0;         ///< 0: one per processor
  ShowProgress show_progress = ShowProgress::no;
  std::stop_token stop = {};  ///< ends the comparison with Error(interrupted)
};

/// A value with half of its 95 % interval.
struct Measure {
  double value = 0.0;
  double half_width_95 = 0.0;
};

/// How alike two sets are: the first is judged, the second is the reference.
struct Quality {
  Measure frechet_distance = {};
  /// How far each covariance was moved towards a multiple of the unit matrix, 0 to 1.
  double first_shrinkage = 0.0;
  double second_shrinkage = 0.0;
  std::optional<Measure> kernel_distance = {};  ///< these need the features of both sets
  std::int64_t subset_size = 0;                 ///< of the kernel distance's 100 subsets
  std::optional<Measure> precision = {};
  std::optional<Measure> recall = {};
  std::optional<Measure> inception_score = {};  ///< of the first set
};

/// What compare_sets() would refuse; of a set that is still to be made, what is known of it
/// (source, count, dimensions, recipe, height and width) is enough.
DDIM_API void check_sets(const FeatureSet& first, const FeatureSet& second,
                         FewPictures few_pictures = FewPictures::refuse);
/// Error(user) for sets of different recipes, naming both, for the same pictures on both sides, for
/// a set with no more pictures than features have dimensions, and for fewer than kFewestPictures.
DDIM_API Quality compare_sets(const FeatureSet& first, const FeatureSet& second,
                              const QualityOptions& options = {});

/// What two sets are made of: files with pictures or with statistics; the first, also by a model.
struct SetsToCompare {
  /// Draws the first set; null: it is read. May be one of Model::without_weights().
  const Model* model = nullptr;
  /// Gives such a model with its weights, once it is to draw; empty: `model` is one with weights.
  std::function<Model()> with_weights = {};
  SampleOptions drawing = {};                       ///< how it draws; `run` says nothing here
  std::string drawn_name = "what the model draws";  ///< for messages
  DataOptions first = {};                           ///< says nothing beside `model`
  std::optional<DataOptions> second = {};           ///< the reference; nothing: there is none
  FewPictures few_pictures = FewPictures::refuse;
};
/// Features of two sets, for compare_sets().
struct ExtractedSets {
  FeatureSet first = {};
  std::optional<FeatureSet> second = {};
  SeenAs seen = {};  ///< how the model that draws the first set sees the pictures of the second
};
/// The features of both sets. What compare_sets() would refuse is refused before any picture is
/// looked at or, once the reference is known, drawn. `options.first` and `options.check` say
/// nothing here. Error(user) where pictures would need an extractor and there is none.
DDIM_API ExtractedSets extract_sets(const SetsToCompare& sets,
                                    const std::optional<FeatureExtractor>& extractor,
                                    const FeatureOptions& options, const RunOptions& run);

/// Has a model memorised? A row for each of `rows` evenly spaced pictures of the first set: the
/// picture, and those of the second set with the nearest features, the nearest first. Error(user)
/// for sets that have not kept their pictures, and for fewer pictures than rows or neighbours.
DDIM_API Image nearest_neighbours(const FeatureSet& first, const FeatureSet& second,
                                  std::int64_t rows, std::int64_t neighbours);

}  // namespace ddim
