// TLS for connections, by OpenSSL; in a build without it, a refusal (no_tls.cpp).
#pragma once

#include <filesystem>
#include <memory>

#include "http_stream.h"

namespace ddim::server {

/// A certificate and its key.
class Tls {
 public:
  /// From PEM files. Error(user) where they hold something else, and where the build has no TLS.
  static std::unique_ptr<Tls> load(const std::filesystem::path& certificate,
                                   const std::filesystem::path& key);
  virtual ~Tls() = default;
  /// A connection that begins with a handshake. Needs this certificate as long as it lives.
  virtual std::unique_ptr<Stream> stream(tcp::socket socket) = 0;
};

}  // namespace ddim::server
