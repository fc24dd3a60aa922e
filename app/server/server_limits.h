#pragma once

#include <chrono>
#include <cstdint>

namespace ddim::server {

/// What a server puts up with. Each is a flag of ddim serve.
struct Limits {
  std::int64_t header_bytes = 8 << 10;
  std::int64_t header_lines = 100;
  std::int64_t body_bytes = 1 << 20;      ///< of a request
  std::int64_t upload_bytes = 16 << 20;   ///< of one that brings a file
  std::int64_t queue = 64;                ///< jobs that wait, of all models
  std::int64_t pictures = 1024;           ///< of one job
  std::int64_t pixels = 64'000'000;       ///< of all files that one job is to read
  std::int64_t kept_bytes = 256 << 20;    ///< of results and uploads
  std::chrono::seconds kept_time{600};    ///< the same
  std::chrono::seconds unload_time{300};  ///< for a model's weights, once nobody uses it
  std::int64_t connections = 1024;
  std::int64_t connections_per_address = 512;
  std::chrono::seconds header_time{10};  ///< for a request's head, from its first byte
  std::chrono::seconds body_time{30};    ///< for its body
  std::chrono::seconds idle_time{60};    ///< between requests, and for a client that does not read
  std::chrono::seconds stop_time{60};    ///< for running jobs, once the server is to stop
};

/// To wait for memory, when there is none.
constexpr std::chrono::milliseconds kForMemory{10};

/// Of pictures in answers.
constexpr std::int64_t kMostScale = 64;
constexpr std::int64_t kMostColumns = 10'000;

}  // namespace ddim::server
