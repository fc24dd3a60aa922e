#include "api/feature_log.h"

#include <ddim/counts.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "api/settings_difference.h"
#include "api/shared_work.h"
#include "base/error.h"
#include "base/file_output.h"
#include "base/sha256.h"
#include "comm/block_claims.h"
#include "comm/communicator.h"

namespace ddim {

using namespace engine;
namespace fs = std::filesystem;
using io::PictureLog;
using io::PictureRange;

namespace {

std::string name_of(const FeatureLog::Settings& settings) {
  std::string text;
  for (const auto& [key, value] : settings) text += concat(key, "=", value, "\n");
  return "features-" + sha256_hex(std::as_bytes(std::span(text))).substr(0, 16) + ".partial";
}

std::int64_t num_rows_of(const FeatureLog::Rows& rows) {
  std::int64_t count = 0;
  for (const PictureRange& range : rows) count += range.count;
  return count;
}

}  // namespace

FeatureLog::FeatureLog(const FeatureOptions& options, const Settings& settings, FeatureSet& set)
    : options_(options), settings_(settings), set_(set), missing_{{0, set.count}} {
  require(!options.folder.empty() || !options.sharing.join,
          "features: processes that join find each other's features in a folder; name it "
          "(--features DIR)");
  if (options.folder.empty()) return;
  make_folders(options.folder);
  path_ = options.folder / name_of(settings);
  require_common_folder(options.sharing, path_);
  if (fs::exists(path_)) {
    const PictureLog found = PictureLog::open_to_read(path_);
    require_same(found);
    if (found.missing().empty()) read_found(found);
  }
  // Shared work begins anew unless it is done: who comes later could not go on in this file.
  if (missing_.empty() || options.sharing.is_shared()) return;
  log_.emplace(fs::exists(path_) ? PictureLog::open(path_) : PictureLog::create(path_, header()));
  require_same(*log_);
  read_found(*log_);  // under its lock, until which another process may have added to it
}

void FeatureLog::require_same(const PictureLog& log) const {
  const PictureLog::Header expected = header();
  const std::string difference = first_difference(log.header().settings, settings_);
  require(difference.empty() && log.header().count == expected.count &&
              log.header().picture_bytes == expected.picture_bytes,
          path_.string(), ": holds features of other pictures: ",
          difference.empty() ? "their number or size is another" : difference,
          "; remove the file, and they are taken again");
}

PictureLog::Header FeatureLog::header() const {
  return {.count = set_.count, .picture_bytes = row_bytes(), .settings = settings_};
}

void FeatureLog::take(const PictureRange& rows, std::span<const std::byte> values) {
  const std::size_t feature_bytes = static_cast<std::size_t>(set_.dimensions) * sizeof(float);
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row) {
    std::memcpy(set_.features.data() + row * set_.dimensions, values.data(), feature_bytes);
    if (set_.classes > 0)
      std::memcpy(set_.probabilities.data() + row * set_.classes, values.data() + feature_bytes,
                  row_bytes() - feature_bytes);
    values = values.subspan(row_bytes());
  }
}

void FeatureLog::read_found(const PictureLog& log) {
  missing_ = log.missing();
  num_done_ = set_.count - num_rows_of(missing_);
  for (const PictureRange& range : io::gaps_between(missing_, set_.count)) {
    std::int64_t row = range.first;
    log.read(range, [&](std::span<const std::byte> piece) {
      const auto rows = static_cast<std::int64_t>(piece.size() / row_bytes());
      take({row, rows}, piece);
      row += rows;
    });
  }
}

std::vector<std::byte> FeatureLog::bytes_of(const PictureRange& rows) const {
  std::vector<std::byte> bytes;
  const auto add = [&](const std::vector<float>& values, std::int64_t row, std::int64_t size) {
    const auto some = std::as_bytes(std::span(values).subspan(static_cast<std::size_t>(row * size),
                                                              static_cast<std::size_t>(size)));
    bytes.insert(bytes.end(), some.begin(), some.end());
  };
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row) {
    add(set_.features, row, set_.dimensions);
    add(set_.probabilities, row, set_.classes);
  }
  return bytes;
}

void FeatureLog::keep(std::int64_t first, std::int64_t count) {
  num_done_ += count;
  if (log_) log_->add(first, bytes_of({first, count}));
}

void FeatureLog::fill(const std::function<void(const Rows&)>& compute,
                      const std::stop_token& stop) {
  if (!missing_.empty()) {
    if (!options_.sharing.is_shared()) {
      compute(missing_);
    } else if (path_.empty()) {
      fill_by_ranks(compute);
    } else {
      share_work(
          path_, [&] { fill_by_blocks(compute, stop); }, [&] { return fs::exists(path_); });
      read_found(PictureLog::open_to_read(path_));
      ensure(missing_.empty(), path_.string(), ": features are missing");
    }
  }
  if (!path_.empty()) end_sharing(options_.sharing, path_);
}

void FeatureLog::fill_by_ranks(const std::function<void(const Rows&)>& compute) {
  comm::Communicator& ranks = *options_.sharing.ranks.communicator();
  if (const auto other = comm::find_difference(ranks, concat(name_of(settings_), " ", set_.count)))
    fail(ErrorCode::user, "features: rank ", other->rank,
         " has other pictures, another network or other instructions than rank 0; all must see "
         "the same files (DDIM_ISA makes instructions the same)");
  // What MPI can count.
  require(set_.count * std::max(set_.dimensions, set_.classes) <=
              std::numeric_limits<std::int32_t>::max(),
          "features: those of ", ddim::count_of(set_.count, "pictures"),
          " are too many to be exchanged at once; name a folder for them (--features DIR)");
  std::vector<std::int64_t> num_features, num_probabilities;
  for (std::int64_t rank = 0; rank < ranks.size(); ++rank) {
    const std::int64_t first = set_.count * rank / ranks.size();
    const std::int64_t count = set_.count * (rank + 1) / ranks.size() - first;
    if (rank == ranks.rank() && count > 0) compute({{first, count}});
    num_features.push_back(count * set_.dimensions);
    num_probabilities.push_back(count * set_.classes);
  }
  ranks.all_gather(set_.features, num_features);
  ranks.all_gather(set_.probabilities, num_probabilities);
  num_done_ = set_.count;
}

void FeatureLog::fill_by_blocks(const std::function<void(const Rows&)>& compute,
                                const std::stop_token& stop) {
  const std::int64_t size = pictures_of_block(set_.count);
  Rows blocks;
  for (std::int64_t first = 0; first < set_.count; first += size)
    blocks.push_back({first, std::min(size, set_.count - first)});
  comm::BlockClaims claims(blocks_folder(path_),
                           {.settings = settings_,
                            .num_blocks = std::ssize(blocks),
                            .timeout_seconds = options_.sharing.timeout_seconds});
  if (claims.is_complete()) require_result(blocks_folder(path_), path_);
  const auto next = [&] {
    try {
      return claims.next(stop);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::interrupted) throw;
      fail_stopped();
    }
  };
  while (const std::optional<std::int64_t> block = next()) {
    if (*block == std::ssize(blocks)) {
      finish_last(claims, [&] {
        for (std::int64_t k = 0; k < std::ssize(blocks); ++k) {
          const PictureRange& rows = blocks[static_cast<std::size_t>(k)];
          take(rows, claims.result(k, static_cast<std::size_t>(rows.count) * row_bytes()));
        }
        write_all(claims.begin_assembly());
        claims.finish(*block, "complete\n");
      });
      continue;
    }
    const PictureRange& rows = blocks[static_cast<std::size_t>(*block)];
    num_done_ = std::min(claims.num_done() * size, set_.count - rows.count);
    compute({rows});
    claims.finish(*block, std::span<const std::byte>(bytes_of(rows)));
  }
  claims.remove_results();
}

void FeatureLog::write_all(const fs::path& folder) const {
  // There, and then in its place: whoever opens it finds all.
  PictureLog log = PictureLog::create(folder / path_.filename(), header());
  constexpr std::int64_t kRows = 1024;
  for (std::int64_t first = 0; first < set_.count; first += kRows)
    log.add(first, bytes_of({first, std::min(kRows, set_.count - first)}));
  log.move_to(path_);
}

void FeatureLog::fail_stopped() const {
  if (path_.empty()) fail(ErrorCode::interrupted, "evaluate: stopped");
  const fs::path place = options_.sharing.is_shared() ? blocks_folder(path_) : path_;
  fail(ErrorCode::interrupted, "evaluate: stopped: features of ", with_thousands(num_done_), " of ",
       ddim::count_of(set_.count, "pictures"), " are kept in ", place.string());
}

}  // namespace ddim
