#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ddim/data_options.h"
#include "ddim/export.h"
#include "ddim/model.h"
#include "ddim/quality.h"
#include "ddim/sample.h"

namespace ddim {

/// How much is drawn for a report.
struct ReproduceSize {
  /// Numbers of steps of tables 1 and 3 (the latter up to 100).
  std::vector<std::int64_t> steps = {10, 20, 50, 100, 1000};
  std::int64_t count = 5'000;        ///< pictures in each of their cells
  std::int64_t count_of_long = 500;  ///< the same in cells of more than 100 steps
  /// Numbers of steps of table 2, both ways.
  std::vector<std::int64_t> reconstruct_steps = {10, 20, 50, 100, 200, 500, 1000};
  std::int64_t num_reconstructed = 200;  ///< pictures of table 2
  /// Numbers of steps of figures 5 and 9; the last one is what the others are compared with.
  std::vector<std::int64_t> consistency_steps = {10, 20, 50, 100, 1000};
  std::int64_t figure_steps = 50;  ///< of figures 1, 6 and 11 to 13
};

/// Minutes on two cores for a small model: 128 pictures a cell; 10 to 50 steps in tables 1 and 3,
/// up to 100 in table 2.
DDIM_API ReproduceSize quick_size();
/// The paper's: 50,000 pictures in each cell, the 10,000 test pictures of CIFAR-10 in table 2.
DDIM_API ReproduceSize full_size();

/// What is still to be done before a report is complete.
struct ReproduceCost {
  std::int64_t num_cells = 0;    ///< of the report: cells of tables, and figures
  std::int64_t num_found = 0;    ///< finished by earlier runs
  std::int64_t evaluations = 0;  ///< of the network that are missing, summed over pictures;
                                 ///< guidance needs two where one would do
  double seconds = 0.0;          ///< what they will take, by timing a few
};

/// Which of the paper's evidence is made, and from what.
struct ReproduceOptions {
  ReproduceSize size = {};
  /// The split says nothing: training and test pictures are both used, of each the first
  /// max_images.
  DataOptions data = {};
  /// Of table 1: the paper has `quadratic` for CIFAR-10, `linear` for all else.
  TauKind tau = TauKind::quadratic;
  std::uint64_t seed = 0;
  /// Of a model with classes; default: all of them in turn.
  ClassChoice class_choice = {};
  RunOptions run = {};
  std::function<void(const ReproduceCost&)> told_cost = {};  ///< called before the work begins
  /// The pictures of a cell are kept in a file until it is finished, unless they need more bytes
  /// than this: then their features are taken as they are drawn.
  std::int64_t most_bytes_kept = std::int64_t{4} << 30;
  /// Pictures of a cell are drawn in blocks, everything else a cell at a time; the blocks are in
  /// the report's folder.
  Sharing sharing = {};
};

/// A cell of a table, with the recipe and the figures found, or a figure of the report.
struct ReproducedCell {
  std::string name =
      {};  ///< "drawn-eta-0.5-steps-20-quadratic"; a file of this name in cells/ holds it
  Recipe recipe = {};
  std::map<std::string, double> values = {};
  /// Figures of each picture, in the order of the pictures, which are the same in all cells of
  /// table 2: its "mean_squared_error". Cells of earlier versions have none.
  std::map<std::string, std::vector<double>> of_pictures = {};
};

/// What reproduce() found.
struct Reproduction {
  std::vector<ReproducedCell> cells = {};
  std::int64_t num_found = 0;
  double seconds = 0.0;  ///< of this call
  std::filesystem::path page = {};
};

/// The paper's evidence for a model and a data set, into the folder `out`: tables 1, 2 and 3,
/// figures 1, 3 to 6, 9 and 11 to 13, as out/index.html. Each cell is kept in out/cells as soon as
/// it is finished, and its pictures in out/pictures: when the call is stopped in any way, another
/// with the same options computes what is missing of either only, and goes on inside a cell of a
/// table where it was. Pictures are compared with the data set's training pictures, brought to the
/// model's size as seen_by() says; table 2 is about its test pictures, or about all of a set that
/// is not split, and encodes them without guidance. Error(user) also for a folder whose cells are
/// of another model, data set or extractor; other errors as sample(), encode(),
/// FeatureExtractor::extract() and compare_sets().
DDIM_API Reproduction reproduce(const Model& model, const FeatureExtractor& extractor,
                                const ReproduceOptions& options, const std::filesystem::path& out);

/// What reproduce() would refuse before anything is read or computed, also of a
/// Model::without_weights(): Error(user).
DDIM_API void check_reproduce(const Model& model, const ReproduceOptions& options);

}  // namespace ddim
