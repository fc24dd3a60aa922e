#include "api/shared_work.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file_output.h"
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

void require_common_folder(const Sharing& sharing, const fs::path& result) {
  const auto& ranks = sharing.ranks.communicator();
  if (!ranks || ranks->size() == 1) return;
  fs::path folder = blocks_folder(result).parent_path();
  if (folder.empty()) folder = ".";
  std::random_device random;
  const std::string token = comm::text_of_first(*ranks, concat(std::hex, random(), random()));
  const fs::path sign = folder / ("seen-by-all-" + token);
  if (ranks->is_first()) {
    make_folders(folder);
    write_file(sign, "", Overwrite::refuse, Durability::later);
  }
  ranks->barrier();
  // A file of another machine may take a moment to be seen.
  bool is_seen = fs::exists(sign);
  for (int look = 0; look < 20 && !is_seen; ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    is_seen = fs::exists(sign);
  }
  const std::vector<std::string> seen = comm::texts_of_all(*ranks, is_seen ? "yes" : "no");
  std::error_code gone;
  if (ranks->is_first()) fs::remove(sign, gone);
  const auto blind = std::ranges::find(seen, "no");
  require(blind == seen.end(), result.string(), ": rank ", blind - seen.begin(),
          " sees another folder there than rank 0; name one that all machines see");
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
