#include "api/shared_work.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_output.h"
#include "base/folder.h"
#include "base/presence_file.h"
#include "comm/block_claims.h"
#include "comm/communicator.h"

namespace ddim {

using namespace engine;

namespace fs = std::filesystem;

RunOptions options_of_part(RunOptions run, const Sharing& sharing) {
  const auto& ranks = sharing.ranks.communicator();
  if (ranks && run.threads == 0) run.threads = ranks->num_threads();
  return run;
}

fs::path blocks_folder(const fs::path& result) {
  // A folder may be named with a slash at its end.
  return (result.has_filename() ? result : result.parent_path()).string() + ".blocks";
}

std::int64_t pictures_of_block(std::int64_t count) {
  return std::clamp<std::int64_t>(count / 64, 8, 256);
}

bool first_says(const Sharing& sharing, bool value) {
  const auto& ranks = sharing.ranks.communicator();
  return ranks ? !engine::comm::text_of_first(*ranks, value ? "yes" : "").empty() : value;
}

void require_common_folder(const Sharing& sharing, const fs::path& result) {
  const auto& ranks = sharing.ranks.communicator();
  if (!ranks || ranks->size() == 1) return;
  std::random_device random;
  const std::string token = comm::text_of_first(*ranks, concat(std::hex, random(), random()));
  // Among the blocks, with which it goes when this process is killed.
  const fs::path folder = blocks_folder(result), sign = folder / ("seen-by-all-" + token);
  std::optional<PresenceFile> written;
  if (ranks->is_first()) {
    make_folders(folder);
    written.emplace(sign, "");
  }
  ranks->barrier();
  // A file of another machine may take a moment to be seen.
  bool is_seen = fs::exists(sign);
  for (int look = 0; look < 20 && !is_seen; ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    is_seen = fs::exists(sign);
  }
  const std::vector<std::string> seen = comm::texts_of_all(*ranks, is_seen ? "yes" : "no");
  const auto blind = std::ranges::find(seen, "no");
  if (ranks->is_first() && blind != seen.end()) {
    written.reset();
    std::error_code ignored;  // with blocks in it, it stays
    fs::remove(folder, ignored);
  }
  require(blind == seen.end(), result.string(), ": rank ", blind - seen.begin(),
          " sees another folder there than rank 0; name one that all machines see");
}

void require_result(const fs::path& blocks, const fs::path& result) {
  require(fs::exists(result), blocks.string(), " says that all is done, but ", result.string(),
          " is not there; remove that folder to begin again");
}

void share_work(const fs::path& result, const std::function<void()>& work,
                const std::function<bool()>& is_made) {
  try {
    work();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::interrupted || fs::exists(blocks_folder(result)) || !is_made())
      throw;
  }
}

void finish_last(const comm::BlockClaims& claims, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception&) {
    if (!claims.is_complete()) throw;
  }
}

void end_sharing(const Sharing& sharing, const fs::path& result) {
  const auto& ranks = sharing.ranks.communicator();
  if (!ranks) return;
  ranks->barrier();
  if (!ranks->is_first()) return;
  // All at once: another process may have joined, and write into it.
  const fs::path folder = blocks_folder(result);
  fs::path ended = folder;
  ended += ".ended";
  remove_tree(ended);
  std::error_code gone;
  fs::rename(folder, ended, gone);
  remove_tree(ended);
}

}  // namespace ddim
