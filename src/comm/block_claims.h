#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/file_output.h"
#include "base/presence_file.h"
#include "base/stoppable_wait.h"

namespace ddim::engine::comm {

/// Work that processes share through a folder that all of them see, on one machine or many; they
/// may come and go at any time. It is cut into blocks, whose results are files in the folder. Who
/// computes a block claims it, and the claim of a process that ends or does not run any more is
/// taken over. In rare cases two processes compute the same block: the result is the same, too.
///
///     run                  what the work is
///     process-TOKEN        of a process: machine and number; touched every moment while it lives
///     block-000012.claim   the token of the process that computes it; with .TOKEN behind, of the
///                          one that took over from that, which is gone
///     block-000012         its result
///     assembly-TOKEN/      what the process makes of the results that has the last block
class BlockClaims {
 public:
  using Settings = std::map<std::string, std::string>;
  struct Work {
    Settings settings;  ///< the same for all who join
    std::int64_t num_blocks =
        0;  ///< and one more, the last, which is claimed when all others are done
    double timeout_seconds = 60.0;  ///< of silence, after which a process counts as gone
  };
  /// How far the work of a folder is.
  enum class State { none, begun, complete };
  static State state_of(const std::filesystem::path& folder);

  /// Joins the work, or begins it. Error(user) when the folder is that of other work.
  BlockClaims(std::filesystem::path folder, Work work);
  BlockClaims(const BlockClaims&) = delete;
  BlockClaims& operator=(const BlockClaims&) = delete;
  ~BlockClaims();

  /// Whether the last block is done, and so all the work.
  bool is_complete() const { return is_done(work_.num_blocks); }
  /// Claims a block that is not done, and waits while others have what is left; nothing when all
  /// are done. The last block comes only when the others are done. Error(interrupted) when `stop`
  /// is requested.
  std::optional<std::int64_t> next(const std::stop_token& stop);
  /// Hands in the result of a claimed block.
  void finish(std::int64_t block, const FileContent& result);
  /// Of a block that is done. Error(corrupt) unless it has `num_bytes`.
  std::vector<std::byte> result(std::int64_t block, std::size_t num_bytes) const;
  /// That of the last block, which stays.
  std::string last_result() const;
  std::int64_t num_done() const;
  /// Begins a folder for what is made of the results by who has the last block: new, and gone with
  /// this object. Removes those of processes that are gone.
  std::filesystem::path begin_assembly();
  /// Removes the results and all that is made of them, when the last block is done: by everyone
  /// who finds it done, as the one who did it may have been stopped since.
  void remove_results();

 private:
  std::filesystem::path file_of(std::int64_t block) const;
  std::filesystem::path claim_of(std::int64_t block) const;
  bool is_done(std::int64_t block) const;
  /// Whether this process has it now.
  bool claim(std::int64_t block);
  void remove_claims(std::int64_t block);
  /// Whether it has not ended, as far as is known. By no clock of another machine, which may be
  /// ahead: a process is silent while the time of its file stays what it was, and time is counted
  /// in signs of life of this one, so what stops both counts for neither.
  bool is_alive(const std::string& token);
  void keep_alive(const std::stop_token& stop);
  std::chrono::duration<double> between_signs() const;

  std::filesystem::path folder_;
  Work work_;
  std::string host_;
  std::string token_;
  PresenceFile own_;  ///< process-TOKEN: without it, the claims of this one are free
  std::filesystem::path assembly_;
  struct Seen {
    std::int64_t time = 0;   ///< of the file, in nanoseconds
    std::int64_t signs = 0;  ///< of this process, when the file first had that time
  };
  std::map<std::string, Seen> seen_;  ///< of each token
  std::atomic<std::int64_t> num_signs_ = 0;
  StoppableWait until_next_sign_;
  std::jthread alive_;  ///< last: it ends before the rest goes
};

}  // namespace ddim::engine::comm
