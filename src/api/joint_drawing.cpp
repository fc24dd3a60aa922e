#include "api/joint_drawing.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/picture_folder.h"
#include "api/picture_progress.h"
#include "api/shared_work.h"
#include "base/error.h"
#include "base/folder.h"
#include "base/sha256.h"
#include "base/text.h"
#include "comm/block_claims.h"
#include "comm/communicator.h"
#include "io/image_grid.h"

namespace ddim {

using namespace engine;
namespace {

namespace fs = std::filesystem;
using io::PictureRange;

std::vector<fs::path> outputs_of(const PictureJob& job) {
  std::vector<fs::path> outputs = {job.files.out};
  if (!job.files.tensors.empty()) outputs.push_back(job.files.tensors);
  return outputs;
}

/// What is there before a process begins.
class OutputsBefore {
 public:
  OutputsBefore(const PictureJob& job, OutputKind kind) : job_(job), kind_(kind) {
    for (const fs::path& file : files()) before_.push_back(time_of(file));
  }

  /// Whether others have made all outputs.
  bool are_made_since() const {
    if (kind_ == OutputKind::folder && PictureFolder(job_).num_pictures() < job_.count())
      return false;
    const std::vector<fs::path> now = files();
    for (std::size_t i = 0; i < now.size(); ++i)
      if (!fs::is_regular_file(now[i]) || time_of(now[i]) == before_[i]) return false;
    return true;
  }

 private:
  std::vector<fs::path> files() const {
    std::vector<fs::path> files = outputs_of(job_);
    if (kind_ == OutputKind::folder) files.erase(files.begin());
    return files;
  }
  static std::optional<fs::file_time_type> time_of(const fs::path& file) {
    std::error_code none;
    const fs::file_time_type time = fs::last_write_time(file, none);
    return none ? std::nullopt : std::optional(time);
  }

  const PictureJob& job_;
  const OutputKind kind_;
  std::vector<std::optional<fs::file_time_type>> before_;
};

/// A path as seen from the folder of another one, be it relative or not.
std::string path_beside(const fs::path& path, const fs::path& other) {
  const auto folder_of = [](const fs::path& file) {
    return fs::weakly_canonical(fs::absolute(file).parent_path());
  };
  return (folder_of(path) / path.filename()).lexically_proximate(folder_of(other)).string();
}

/// What the outputs are: of a file size and SHA-256, of a folder how many of the pictures it has.
std::map<fs::path, std::string> identities_of(const PictureJob& job, OutputKind kind,
                                              std::int64_t num_pictures) {
  const auto of_file = [](const fs::path& file) {
    return !fs::is_regular_file(file)
               ? "no file"
               : concat(fs::file_size(file), " bytes ", sha256_hex_of_file(file));
  };
  std::map<fs::path, std::string> identities;
  identities[job.files.out] =
      kind == OutputKind::folder ? concat(num_pictures, " pictures") : of_file(job.files.out);
  if (!job.files.tensors.empty()) identities[job.files.tensors] = of_file(job.files.tensors);
  return identities;
}

/// Work that processes share: its blocks of pictures.
class JointRun {
 public:
  JointRun(const PictureJob& job, const Plan& plan, OutputKind kind)
      : job_(job),
        plan_(plan),
        kind_(kind),
        blocks_(blocks_of({0, job.count()}, pictures_of_block(job.count()), job)),
        claims_(blocks_folder(job.files.out), work()) {}

  std::int64_t num_pictures_done() const {
    return std::min(claims_.num_done() * blocks_.front().count, job_.count());
  }
  bool is_complete() const { return claims_.is_complete(); }

  /// When all is done: Error(user) unless the outputs are there, and are those that were made.
  void require_outputs() const {
    const fs::path folder = blocks_folder(job_.files.out);
    for (const fs::path& output : outputs_of(job_)) require_result(folder, output);
    const std::string made = claims_.last_result();
    const std::int64_t num_pictures =
        kind_ == OutputKind::folder ? PictureFolder(job_).num_pictures() : job_.count();
    for (const auto& [output, identity] : identities_of(job_, kind_, num_pictures))
      require(made.find(line_of(output, identity)) != std::string::npos, folder.string(),
              " says that all is done, but ", output.string(),
              " was replaced or changed since; remove that folder to begin again");
  }

  /// Draws blocks until all are there, and puts them together unless another process does. Adds to
  /// `drawn` what this one draws.
  void draw(const RunOptions& run, DrawnFiles& drawn) {
    double evaluations = 0.0;
    PictureProgress progress(run, job_.count(), plan_.nfe, num_pictures_done());
    while (const std::optional<std::int64_t> block = claims_.next(run.stop)) {
      if (*block == std::ssize(blocks_)) {
        finish_last(claims_, [this] { put_together(); });
        continue;
      }
      const PictureRange& range = blocks_[static_cast<std::size_t>(*block)];
      const Samples samples =
          sample(job_.model, plan_,
                 part_of(job_, range,
                         progress.part(std::min(num_pictures_done(), job_.count() - range.count),
                                       range.count)));
      drawn.num_drawn += range.count;
      evaluations += static_cast<double>(samples.nfe * range.count);
      drawn.nfe = evaluations / static_cast<double>(drawn.num_drawn);
      claims_.finish(*block, std::as_bytes(std::span(samples.x_0.values)));
      progress.finished(range.count);
    }
    claims_.remove_results();
  }

 private:
  /// All that the blocks and the outputs depend on.
  comm::BlockClaims::Work work() const {
    const SampleFiles& files = job_.files;
    comm::BlockClaims::Settings settings = settings_of(job_);
    if (!files.tensors.empty()) settings["tensors"] = path_beside(files.tensors, files.out);
    if (kind_ == OutputKind::grid) {
      settings = io::with_grid(std::move(settings), job_.count(), files.grid);
      settings["padding"] = std::to_string(files.grid.padding);
      settings["title"] = files.grid.title;
      settings["row_labels"] = join(files.grid.row_labels, ", ");
      settings["column_labels"] = join(files.grid.column_labels, ", ");
    }
    const bool is_png = kind_ == OutputKind::grid || kind_ == OutputKind::folder;
    if (is_png && files.recipe && files.recipe->empty()) settings["metadata"] = "left out";
    return {.settings = std::move(settings),
            .num_blocks = std::ssize(blocks_),
            .timeout_seconds = files.sharing.timeout_seconds};
  }

  std::string line_of(const fs::path& output, const std::string& identity) const {
    return concat(output == job_.files.out ? "out" : "tensors", "\t", identity, "\n");
  }

  void put_together() {
    PictureJob job = job_;
    job.logs = claims_.begin_assembly();
    const auto destinations = destinations_of(job, kind_);
    for (std::size_t k = 0; k < blocks_.size(); ++k) {
      FloatImages pictures{.count = blocks_[k].count, .shape = job_.shape()};
      const auto size = static_cast<std::size_t>(pictures.count) * pictures.shape.size();
      const std::vector<std::byte> bytes =
          claims_.result(static_cast<std::int64_t>(k), size * sizeof(float));
      pictures.values.resize(size);
      std::ranges::copy(bytes, std::as_writable_bytes(std::span(pictures.values)).begin());
      for (const auto& each : destinations) each->add(blocks_[k].first, pictures);
    }
    finish_all(destinations);
    std::string made = "complete\n";
    for (const auto& [output, identity] : identities_of(job_, kind_, job_.count()))
      made += line_of(output, identity);
    claims_.finish(std::ssize(blocks_), made);
  }

  const PictureJob& job_;
  const Plan& plan_;
  const OutputKind kind_;
  const std::vector<PictureRange> blocks_;
  comm::BlockClaims claims_;
};

/// Before this process begins, or all ranks do: what is there may be in the way. Whether it is all
/// that is wanted.
bool check_joint(const PictureJob& job, OutputKind kind) {
  using State = comm::BlockClaims::State;
  const SampleFiles& files = job.files;
  const fs::path folder = blocks_folder(files.out);
  require(!files.sharing.join || !files.resume,
          "join goes on with a run that was stopped; leave --resume out");
  State state = comm::BlockClaims::state_of(folder);
  if (state != State::none && !files.sharing.join && !files.resume) {
    require(
        files.overwrite == Overwrite::allow, folder.string(),
        state == State::complete
            ? " says that all is done, by processes that joined; remove the folder to begin again"
            : " holds blocks of a run that was stopped; resume that run, or remove the folder "
              "to begin again");
    remove_tree(folder);
    state = State::none;
  }
  if (state == State::complete) return false;  // require_outputs() has a look at it
  std::int64_t num_there = 0;
  if (kind == OutputKind::folder) {
    // A process that put the pictures together may have made some of those that are there.
    const Unknown unknown = state == State::begun ? Unknown::is_the_same : Unknown::is_another;
    const PictureFolder pictures(job);
    for (std::int64_t k = 0; k < job.count(); ++k)
      num_there += pictures.has_picture(k, unknown) ? 1 : 0;
  }
  if (files.overwrite == Overwrite::allow || state == State::begun) return false;
  for (const fs::path& file : outputs_of(job))
    require((kind == OutputKind::folder && file == files.out) || !fs::exists(file), file.string(),
            " exists already and is not overwritten: choose another name, or remove it");
  return num_there == job.count() && files.tensors.empty();
}

}  // namespace

DrawnFiles draw_jointly(const PictureJob& job, const Plan& plan, OutputKind kind) {
  const Sharing& sharing = job.files.sharing;
  const RunOptions run = options_of_part(job.runs.front().run, sharing);
  const bool is_first = sharing.ranks.is_first();
  if (first_says(sharing, is_first && check_joint(job, kind))) return {.num_found = job.count()};
  const auto& ranks = sharing.ranks.communicator();
  require_common_folder(sharing, job.files.out);
  const OutputsBefore before(job, kind);
  DrawnFiles drawn;
  std::int64_t num_found = 0;
  const auto work = [&] {
    JointRun joint(job, plan, kind);
    num_found = joint.is_complete() ? job.count() : joint.num_pictures_done();
    if (joint.is_complete()) joint.require_outputs();
    try {
      joint.draw(run, drawn);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::interrupted) throw;
      fail(ErrorCode::interrupted, "stopped: finished blocks are kept in ",
           blocks_folder(job.files.out).string());
    }
  };
  share_work(job.files.out, work, [&] { return before.are_made_since(); });
  end_sharing(sharing, job.files.out);
  if (ranks) drawn.num_drawn = job.count() - num_found;
  drawn.num_found = job.count() - drawn.num_drawn;
  return drawn;
}

}  // namespace ddim
