#include "tls.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <boost/asio/ssl.hpp>

namespace ddim::server {
namespace {

namespace ssl = boost::asio::ssl;

class TlsStream : public Stream {
 public:
  TlsStream(tcp::socket socket, ssl::context& context) : stream_(std::move(socket), context) {}
  void begin(std::function<void(error_code)> done) override {
    stream_.async_handshake(ssl::stream_base::server, std::move(done));
  }
  void read(asio::mutable_buffer into, Done done) override {
    stream_.async_read_some(into, std::move(done));
  }
  void write(asio::const_buffer from, Done done) override {
    stream_.async_write_some(from, std::move(done));
  }
  // A client takes an end without close_notify for an answer that was cut short.
  void end_writing(std::function<void()> done) override {
    stream_.async_shutdown([this, done = std::move(done)](error_code) {
      end_sending();
      done();
    });
  }
  tcp::socket& socket() override { return stream_.next_layer(); }

 private:
  ssl::stream<tcp::socket> stream_;
};

class OpenSsl : public Tls {
 public:
  OpenSsl(const std::filesystem::path& certificate, const std::filesystem::path& key)
      : context_(ssl::context::tls_server) {
    error_code error;
    context_.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 |
                         ssl::context::no_tlsv1_1);
    context_.use_certificate_chain_file(certificate.string(), error);
    if (error)
      throw Error(ErrorCode::user, fmt::format("{}: holds no certificate: {}", certificate.string(),
                                               error.message()));
    context_.use_private_key_file(key.string(), ssl::context::pem, error);
    if (error)
      throw Error(ErrorCode::user, fmt::format("{}: is not the key of {}: {}", key.string(),
                                               certificate.string(), error.message()));
  }
  std::unique_ptr<Stream> stream(tcp::socket socket) override {
    return std::make_unique<TlsStream>(std::move(socket), context_);
  }

 private:
  ssl::context context_;
};

}  // namespace

std::unique_ptr<Tls> Tls::load(const std::filesystem::path& certificate,
                               const std::filesystem::path& key) {
  return std::make_unique<OpenSsl>(certificate, key);
}

}  // namespace ddim::server
