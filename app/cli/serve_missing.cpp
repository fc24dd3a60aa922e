#include <ddim/error.h>

#include "commands.h"

namespace ddim::cli {

void add_serve_command(Command root) {
  root.add_command("serve", "Draw in a browser, and serve programs over HTTP").callback([] {
    throw Error(ErrorCode::user,
                "serve: this ddim was built without Boost and OpenSSL; install libboost-dev "
                "and libssl-dev and build it again");
  });
}

}  // namespace ddim::cli
