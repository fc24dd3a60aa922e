#include <ddim/error.h>

#include "tls.h"

namespace ddim::server {

std::unique_ptr<Tls> Tls::load(const std::filesystem::path&, const std::filesystem::path&) {
  throw Error(ErrorCode::user,
              "--tls-certificate: this build of ddim was made without OpenSSL, and serves without "
              "TLS; let a proxy such as nginx or Caddy serve TLS before it, or build ddim with "
              "libssl-dev");
}

}  // namespace ddim::server
