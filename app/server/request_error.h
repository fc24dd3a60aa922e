#pragma once

#include <stdexcept>
#include <string>

namespace ddim::server {

/// A request that cannot be answered as it wishes: what the client gets instead.
class RequestError : public std::runtime_error {
 public:
  /// `field` names what is wrong in the request, where it is one thing.
  RequestError(int status, std::string field, const std::string& message)
      : std::runtime_error(message), status_(status), field_(std::move(field)) {}

  int status() const noexcept { return status_; }
  const std::string& field() const noexcept { return field_; }

 private:
  int status_;
  std::string field_;
};

}  // namespace ddim::server
