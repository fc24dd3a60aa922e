#pragma once

#include <ddim/reproduce.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ddim::reproduction {

/// A row of table 1: how random the sampler is.
struct Noise {
  std::string name;  ///< "eta 0.2"
  Eta eta = 0.0;
  Clip clip = {};               ///< as the paper's code has it: with sigma-hat only
  const char* colour = "#333";  ///< of its curve
};
const std::vector<Noise>& all_noises();
/// Those of table 3: eta 0 and 1.
const Noise& no_noise();
const Noise& ddpm_noise();
const Noise& sigma_hat_noise();

/// The numbers of steps of the paper's table 1.
std::span<const std::int64_t> steps_of_paper();
/// The FID that the paper prints for CIFAR-10 (quadratic tau) or CelebA (linear), and for the two
/// sets of table 3.
std::optional<double> paper_table_1(TauKind tau, const Noise& noise, std::int64_t steps);
std::optional<double> paper_table_3(const std::string& set, const Noise& noise, std::int64_t steps);

// The names of cells.
std::string drawn_cell(const Noise& noise, std::int64_t steps, TauKind tau);
std::string reconstructed_cell(std::int64_t steps);
inline constexpr const char* kFilmCell = "figure-1-on-the-way";
inline constexpr const char* kConsistencyCell = "figure-5-same-noise";
inline constexpr const char* kLinesCell = "figure-6-interpolation";
inline constexpr const char* kSquareCell = "figure-11-interpolation";

/// Numbers of steps of table 3: those of table 1 up to 100.
std::vector<std::int64_t> steps_of_table_3(const ReproduceSize& size);
/// Pictures of a cell of table 1 or 3.
std::int64_t count_of_cell(const ReproduceSize& size, std::int64_t steps);

/// A recipe without what may differ: names of files, whose contents are known by their hashes, and
/// what says who computed it.
Recipe without_names(Recipe recipe);

/// The finished cells of a report and their pictures.
class Cells {
 public:
  /// Makes the folder where it is not there.
  explicit Cells(std::filesystem::path folder);

  /// Nothing for one that is not finished, or whose picture is gone. Error(corrupt) for a file that
  /// is no cell.
  std::optional<ReproducedCell> find(const std::string& name) const;
  /// Error(user), naming what is different, unless a finished cell is what `recipe` asks for.
  void require_same(const ReproducedCell& found, const Recipe& recipe) const;
  void keep(const ReproducedCell& cell) const;

  std::filesystem::path picture(const std::string& name) const;  ///< the PNG of a cell
  /// What is kept of a cell that is not finished.
  std::filesystem::path unfinished(const std::string& name) const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path file_of(const std::string& name) const;
  std::filesystem::path folder_;
};

/// What the page says about the report as a whole.
struct PageContext {
  std::string model;
  std::string model_hash;
  std::string data;
  std::string reference;  ///< "training pictures"
  std::string extractor;
  ReproduceOptions options;
};

/// The page with the cells that are finished.
std::string page_of(const PageContext& context, const Cells& cells);

}  // namespace ddim::reproduction
