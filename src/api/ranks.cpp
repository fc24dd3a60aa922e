#include <ddim/ranks.h>
#include <ddim/version.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "comm/communicator.h"
#include "comm/join.h"

namespace ddim {

using namespace engine;

Ranks Ranks::join(const RanksOptions& options) {
  constexpr double kDay = 86400.0;
  require(options.timeout_seconds >= 1.0 && options.timeout_seconds <= kDay,
          "comm-timeout: ", options.timeout_seconds, " s; from 1 to ", kDay, " are possible");
  Ranks ranks;
  ranks.communicator_ = comm::join_ranks({.timeout_seconds = options.timeout_seconds});
  if (const auto other = comm::find_difference(*ranks.communicator_, version())) {
    ranks.leave();
    fail(ErrorCode::user, "rank ", other->rank, " is ddim ", other->its, ", but rank 0 is ddim ",
         other->of_first, "; start the same version on every machine");
  }
  return ranks;
}

int Ranks::launched_rank() {
  const auto launch = comm::launch_of_environment();
  return launch ? launch->rank : 0;
}

int Ranks::launched_size() {
  const auto launch = comm::launch_of_environment();
  return launch ? launch->size.value_or(1) : 1;
}

int Ranks::rank() const { return communicator_ ? communicator_->rank() : 0; }
int Ranks::size() const { return communicator_ ? communicator_->size() : 1; }

void Ranks::leave() {
  if (communicator_) communicator_->leave();
}

void Ranks::abort(int exit_code) const {
  if (communicator_) communicator_->abort(exit_code);
  std::_Exit(exit_code);
}

}  // namespace ddim
