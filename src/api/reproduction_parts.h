#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/reproduction.h"

namespace ddim::reproduction {

using Values = std::map<std::string, double>;

/// What was found of a part: see ReproducedCell.
struct Found {
  Values values = {};
  std::map<std::string, std::vector<double>> of_pictures = {};
};

/// A part of the report, kept in a file of its own: a cell of a table, or a figure.
struct Part {
  std::string name;
  std::string label;
  std::int64_t steps = 0;         ///< of the sampler, summed over pictures
  std::int64_t calls = 1;         ///< of the network in each: 2 with guidance
  std::int64_t num_features = 0;  ///< pictures whose features are taken
  Recipe recipe = {};
  /// Of a cell whose pictures are compared with the training pictures: what is drawn.
  std::optional<SampleOptions> drawing = {};
  /// Measures it, and writes the cell's picture.
  std::function<Found(const Part&, const RunOptions&)> compute = {};
};

/// All classes but that which means "no class", for a model that has some.
ClassChoice classes_of(const Model& model, const ClassChoice& said);

/// What a report is made of, and how each part is found.
class Parts {
 public:
  /// Reads the data set. The arguments must outlive this.
  Parts(const Model& model, const FeatureExtractor& extractor, const ReproduceOptions& options,
        const Cells& cells);
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  const std::vector<Part>& all() const { return parts_; }
  std::int64_t num_reference() const { return num_reference_; }
  /// "training pictures", "first 1000 training pictures"
  std::string reference_pictures() const;
  Fit fit() const { return fit_; }
  const ReproduceOptions& options() const { return options_; }
  std::string device() const;  ///< "cpu avx512, 2 threads"

  /// Draws the pictures of a part that has some, and takes their features: with all processes that
  /// share the work. compute() then finds them.
  void prepare(const Part& part, const RunOptions& run);
  /// A name for the part and its recipe, the same wherever its files are.
  static std::string identity(const Part& part);
  /// The pictures of a part that is not finished.
  std::filesystem::path file_of(const Part& part) const;
  /// Removes what is kept of a part while it is not finished.
  void forget(const Part& part) const;

  struct Speeds {
    double seconds_per_call = 0.0, seconds_per_feature = 0.0;
  };
  /// Of a few pictures in two steps.
  Speeds measure() const;

 private:
  DataOptions data_options(std::optional<DataSplit> split) const;
  void load_data();
  void add_report(const DataReport& report);
  Recipe base_recipe() const;
  SampleOptions drawing(const PlanOptions& plan, std::int64_t count) const;
  Recipe recipe_of(const SampleOptions& sample) const;
  void add_drawing(const Noise& noise, std::int64_t S, TauKind tau);
  void add_reconstruction(std::int64_t S);
  void add_figures();

  // Each returns what it measured, and writes the cell's picture.
  Found compare(const Part& part, const RunOptions& run);
  Found reconstruct_in(std::int64_t S, const Part& part, const RunOptions& run);
  Found film_of(const Part& part, SampleOptions sample, const RunOptions& run);
  Found same_noise_of(const Part& part, const RunOptions& run);
  Found interpolated(const Part& part, SampleOptions sample, const RunOptions& run);

  /// Whether its pictures are in a file until it is finished.
  bool is_kept(const Part& part) const;
  std::filesystem::path time_file_of(const Part& part) const;
  void draw_pictures(const Part& part, const Sharing& sharing, const RunOptions& run);
  std::vector<Image> first_pictures(const Part& part, const RunOptions& run);
  FeatureSet features_of(const Part& part, const Sharing& sharing, const RunOptions& run) const;
  void find_reference(const Sharing& sharing, const RunOptions& run);
  void load_test_pictures();
  SampleOptions lines_of(SampleOptions sample) const;
  SampleOptions square_of(SampleOptions sample) const;
  Samples sample_of(const SampleOptions& options) const;
  static Values seconds_values(const Samples& samples, std::int64_t count);
  std::int64_t scale_of(std::int64_t columns) const;
  void write_picture(const std::string& name, const Image& image) const;

  const Model& model_;
  const FeatureExtractor& extractor_;
  ReproduceOptions options_;
  const Cells& cells_;
  std::vector<Part> parts_;
  std::int64_t num_reference_ = 0, num_training_ = 0;
  std::string data_hash_;
  DataReport report_;      ///< of training and test pictures together
  PictureFit seen_as_;     ///< of the training pictures, by the model
  Fit fit_ = Fit::none;    ///< of the model's pictures, for the extractor
  std::string test_kind_;  ///< "test pictures, evenly spaced"
  std::string test_hash_;
  std::optional<FeatureSet> reference_;
  FloatImages test_;
  std::vector<std::int64_t> test_classes_;
  Values seconds_, seconds_per_picture_;  ///< of drawn parts
};

}  // namespace ddim::reproduction
