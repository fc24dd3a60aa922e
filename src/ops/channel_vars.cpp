#include "ops/channel_vars.h"

#include "base/error.h"

namespace ddim::engine {

void require_images(const char* op, const char* channels, const ChannelVars& x) {
  const Shape& first = x.first.value().shape();
  require(first.rank() == 4, op, ": x must be [N,H,W,", channels, "], found ", first);
  if (!x.second.defined()) return;
  const Shape& second = x.second.value().shape();
  require(second.rank() == 4 && first.with(3, second[3]) == second, op,
          ": the parts of x must agree in N, H and W, found ", first, " and ", second);
}

}  // namespace ddim::engine
