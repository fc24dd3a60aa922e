// The bytes of a connection. For the server's own files, which read Boost anyway.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <utility>

namespace ddim::server {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

using Done = std::function<void(error_code, std::size_t)>;

/// A connection's bytes, with or without TLS.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void begin(std::function<void(error_code)> done) = 0;
  virtual void read(asio::mutable_buffer into, Done done) = 0;
  virtual void write(asio::const_buffer from, Done done) = 0;
  /// Says that nothing more is written. Then what still comes can be read from socket().
  virtual void end_writing(std::function<void()> done) = 0;
  virtual tcp::socket& socket() = 0;

  void close() {
    error_code ignored;
    socket().close(ignored);
  }

 protected:
  void end_sending() {
    error_code ignored;
    socket().shutdown(tcp::socket::shutdown_send, ignored);
  }
};

class PlainStream : public Stream {
 public:
  explicit PlainStream(tcp::socket socket) : socket_(std::move(socket)) {}
  void begin(std::function<void(error_code)> done) override { done({}); }
  void read(asio::mutable_buffer into, Done done) override {
    socket_.async_read_some(into, std::move(done));
  }
  void write(asio::const_buffer from, Done done) override {
    socket_.async_write_some(from, std::move(done));
  }
  void end_writing(std::function<void()> done) override {
    end_sending();
    done();
  }
  tcp::socket& socket() override { return socket_; }

 private:
  tcp::socket socket_;
};

}  // namespace ddim::server
