#include "api/shared_work.h"

#include <algorithm>

#include "base/error.h"
#include "base/folder.h"
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

void require_result(const fs::path& result) {
  require(fs::exists(result), blocks_folder(result).string(), " says that all is done, but ",
          result.string(), " is not there; remove that folder to begin again");
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
  if (ranks->is_first()) engine::remove_tree(blocks_folder(result));
}

}  // namespace ddim
