#include "comm/block_claims.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <iomanip>
#include <random>
#include <system_error>

#include "base/error.h"
#include "base/file_input.h"
#include "base/folder.h"
#include "comm/processors.h"

namespace ddim::engine::comm {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxText = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxResult = std::uint64_t{1} << 40;

std::string new_token() {
  std::random_device random;
  return concat(std::hex, random(), random());
}

/// The time of the file's last change in nanoseconds, by whatever clock.
std::optional<std::int64_t> time_of(const fs::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return std::int64_t{1'000'000'000} * found.st_mtim.tv_sec + found.st_mtim.tv_nsec;
}

constexpr const char* kWorkFile = "run";
constexpr const char* kProcess = "process-";
constexpr const char* kAssembly = "assembly-";
constexpr const char* kNumBlocks = "blocks\t";

std::string name_of_block(std::int64_t block) {
  TextStream name;
  name << "block-" << std::setfill('0') << std::setw(6) << block;
  return name.str();
}

fs::path made(fs::path folder) {
  make_folders(folder);
  return folder;
}

/// Gives a file a second name; false where another has that name.
bool link_new(const fs::path& written, const fs::path& name) {
  if (::link(written.c_str(), name.c_str()) == 0) return true;
  const int error = errno;
  if (error == EEXIST) return false;
  std::error_code gone;
  fs::remove(written, gone);
  fail(ErrorCode::io, name.string(),
       ": cannot be made by a hard link: ", std::system_category().message(error),
       "; use a folder on a file system that has them");
}

std::string text_of(const BlockClaims::Settings& settings, std::int64_t num_blocks) {
  std::string text = concat(kNumBlocks, num_blocks, "\n");
  for (const auto& [key, value] : settings) text += concat(key, "\t", value, "\n");
  return text;
}

/// The first line of `there` that is not in `here`, or the other way round.
std::string first_other_line(const std::string& there, const std::string& here) {
  std::istringstream a(there), b(here);
  for (std::string left, right;;) {
    const bool more_left = static_cast<bool>(std::getline(a, left));
    const bool more_right = static_cast<bool>(std::getline(b, right));
    if (!more_left && !more_right) return "";
    if (!more_left) left = "nothing";
    if (!more_right) right = "nothing";
    if (left != right)
      return concat(left.substr(0, 80), " there and ", right.substr(0, 80), " here");
  }
}

}  // namespace

BlockClaims::State BlockClaims::state_of(const fs::path& folder) {
  const auto text = read_file_if_there(folder / kWorkFile, kMaxText);
  if (!text) return State::none;
  std::int64_t num_blocks = -1;
  if (text->starts_with(kNumBlocks))
    std::istringstream(text->substr(std::strlen(kNumBlocks))) >> num_blocks;
  const bool is_complete = num_blocks >= 0 && fs::exists(folder / name_of_block(num_blocks));
  return is_complete ? State::complete : State::begun;
}

BlockClaims::BlockClaims(fs::path folder, Work work)
    : folder_(made(std::move(folder))),
      work_(std::move(work)),
      host_(name_of_process_space()),
      token_(new_token()),
      own_(folder_ / (kProcess + token_), concat(host_, " ", ::getpid(), "\n")),
      assembly_(folder_ / (kAssembly + token_)) {
  const fs::path run = folder_ / kWorkFile;
  const std::string text = text_of(work_.settings, work_.num_blocks);
  // Written beside and linked: whoever reads it finds it complete, also after a loss of power.
  const fs::path written = folder_ / ("run-" + token_);
  write_file(written, text, Overwrite::refuse, Durability::now);
  const bool is_first = link_new(written, run);
  fs::remove(written);
  if (!is_first) {
    const std::string there = read_file_if_there(run, kMaxText).value_or("");
    if (there != text) {
      std::string shown = first_other_line(there, text);
      for (char& letter : shown)
        if (letter == '\t') letter = ' ';
      fail(ErrorCode::user, folder_.string(), ": is of a run with other options: ", shown,
           "; give the same options, or remove that folder to begin again");
    }
  }
  alive_ = std::jthread([this](const std::stop_token& stop) { keep_alive(stop); });
}

BlockClaims::~BlockClaims() { try_remove_tree(assembly_); }

std::chrono::duration<double> BlockClaims::between_signs() const {
  return std::chrono::duration<double>(std::min(5.0, work_.timeout_seconds / 6));
}

void BlockClaims::keep_alive(const std::stop_token& stop) {
  while (!until_next_sign_.stopped_within(between_signs(), stop)) {
    ::utimensat(AT_FDCWD, own_.path().c_str(), nullptr, 0);
    ++num_signs_;
  }
}

fs::path BlockClaims::file_of(std::int64_t block) const { return folder_ / name_of_block(block); }

fs::path BlockClaims::claim_of(std::int64_t block) const {
  fs::path claim = file_of(block);
  claim += ".claim";
  return claim;
}

bool BlockClaims::is_done(std::int64_t block) const { return fs::exists(file_of(block)); }

bool BlockClaims::is_alive(const std::string& token) {
  const fs::path process = folder_ / (kProcess + token);
  const std::optional<std::int64_t> time = time_of(process);
  if (!time) return false;
  const std::int64_t now = num_signs_;
  Seen& seen = seen_.try_emplace(token, Seen{.time = *time, .signs = now}).first->second;
  if (seen.time != *time) seen = {.time = *time, .signs = now};
  if (static_cast<double>(now - seen.signs) * between_signs().count() > work_.timeout_seconds)
    return false;
  std::istringstream words(read_file_if_there(process, kMaxText).value_or(""));
  std::string host;
  pid_t pid = 0;
  words >> host >> pid;
  return words.fail() || host != host_ || ::kill(pid, 0) == 0 || errno != ESRCH;
}

/// An owner that is gone has one successor: a claim has one of each name CLAIM.OWNER. (A loss of
/// power may have left it empty.) While an owner is alive, those who wait only read.
bool BlockClaims::claim(std::int64_t block) {
  fs::path claim = claim_of(block);
  while (true) {
    while (const std::optional<std::string> owner = read_file_if_there(claim, kMaxText)) {
      if (is_done(block) || is_alive(*owner)) return false;
      claim = claim_of(block).string() + "." + *owner;
    }
    const fs::path written = folder_ / ("claim-" + token_);
    write_file(written, token_, Overwrite::allow, Durability::later);
    const bool is_mine = link_new(written, claim);
    std::error_code gone;
    fs::remove(written, gone);
    if (is_mine) return true;
  }
}

void BlockClaims::remove_claims(std::int64_t block) {
  std::error_code gone;
  const std::string name = claim_of(block).filename().string();
  for (const std::string& other : readable_names_in(folder_))
    if (other.starts_with(name)) fs::remove(folder_ / other, gone);
}

std::optional<std::int64_t> BlockClaims::next(const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kLongestWait(2000);  // others' file system is not idle
  StoppableWait between_looks;
  for (std::chrono::milliseconds wait(5);; wait = std::min(2 * wait, kLongestWait)) {
    if (is_complete()) return std::nullopt;
    bool all_done = true;
    for (std::int64_t block = 0; block < work_.num_blocks; ++block) {
      if (stop.stop_requested()) fail(ErrorCode::interrupted, "stopped");
      if (is_done(block)) continue;
      if (claim(block)) {
        // It may have been finished since, and its result removed with all others.
        const bool is_over = is_complete();
        if (!is_over && !is_done(block)) return block;
        remove_claims(block);
        if (is_over) return std::nullopt;
      } else {
        all_done = false;
      }
    }
    if (all_done && !is_complete() && claim(work_.num_blocks)) {
      if (is_complete()) return std::nullopt;
      return work_.num_blocks;
    }
    if (between_looks.stopped_within(wait, stop)) fail(ErrorCode::interrupted, "stopped");
  }
}

void BlockClaims::finish(std::int64_t block, const FileContent& result) {
  write_file_durably(file_of(block), result, Overwrite::allow);
  remove_claims(block);
  // By one that was taken for gone: the others may have removed all results meanwhile.
  std::error_code gone;
  if (block < work_.num_blocks && is_complete()) fs::remove(file_of(block), gone);
}

std::vector<std::byte> BlockClaims::result(std::int64_t block, std::size_t num_bytes) const {
  const std::string bytes = read_file_if_there(file_of(block), kMaxResult).value_or("");
  if (bytes.size() != num_bytes)
    fail(ErrorCode::corrupt, folder_.string(), ": block ", block, " has ", bytes.size(),
         " bytes, expected ", num_bytes, "; remove its file, and join again");
  const auto view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

std::string BlockClaims::last_result() const {
  return read_file_if_there(file_of(work_.num_blocks), kMaxText).value_or("");
}

std::int64_t BlockClaims::num_done() const {
  std::int64_t count = 0;
  for (std::int64_t block = 0; block < work_.num_blocks; ++block) count += is_done(block) ? 1 : 0;
  return count;
}

fs::path BlockClaims::begin_assembly() {
  const std::string_view kind = kAssembly;
  for (const std::string& name : readable_names_in(folder_))
    if (name.starts_with(kind) && !is_alive(name.substr(kind.size())))
      try_remove_tree(folder_ / name);
  make_folders(assembly_);
  return assembly_;
}

void BlockClaims::remove_results() {
  ensure(is_complete(), "results of unfinished work are removed");
  for (const std::string& name : readable_names_in(folder_))
    if (name.starts_with(kAssembly)) try_remove_tree(folder_ / name);
  std::error_code gone;
  for (std::int64_t block = 0; block < work_.num_blocks; ++block) fs::remove(file_of(block), gone);
}

}  // namespace ddim::engine::comm
