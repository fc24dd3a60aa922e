#pragma once

#include <ddim/ranks.h>
#include <ddim/run_options.h>

#include <cstdint>
#include <filesystem>
#include <functional>

namespace ddim::engine::comm {
class BlockClaims;
}

namespace ddim {

/// The options of a process that has its part of the processors.
RunOptions options_of_part(RunOptions run, const Sharing& sharing);

/// Where the blocks of a shared piece of work are, whose result gets this name.
std::filesystem::path blocks_folder(const std::filesystem::path& result);

/// Pictures of a block: enough blocks for many processes, and no more pictures than one can lose.
/// It depends on nothing else, as all must have the same.
std::int64_t pictures_of_block(std::int64_t count);

/// What the first rank says, in all ranks, before any of them goes on; without ranks `value`.
bool first_says(const Sharing& sharing, bool value);

/// By all ranks, before the first block of the work: Error(user) in all of them unless they see the
/// same folder for the result.
void require_common_folder(const Sharing& sharing, const std::filesystem::path& result);

/// Where the folder `blocks` says that all is done: Error(user) unless the result is there.
void require_result(const std::filesystem::path& blocks, const std::filesystem::path& result);

/// Does the work whose result this is. Where others end it meanwhile and remove its folder (ranks
/// do, which know nothing of a process that joined), an error is none if `is_made` finds the
/// result.
void share_work(const std::filesystem::path& result, const std::function<void()>& work,
                const std::function<bool()>& is_made);

/// Does the last block of work. When it fails because another process has done it meanwhile (which
/// had been taken for one that is gone), all is well.
void finish_last(const engine::comm::BlockClaims& claims, const std::function<void()>& work);

/// When all ranks have what they need of the blocks: removes their folder, unless others may join
/// later.
void end_sharing(const Sharing& sharing, const std::filesystem::path& result);

}  // namespace ddim
