#include "http_server.h"

#include <sys/resource.h>

#include "http_session.h"

namespace ddim::server {
namespace {

constexpr std::int64_t kMostTurnedAway = 64;  // that are told so, at the same time

/// As many descriptors as the system lets us have, up to what `connections` need.
void allow_descriptors(std::int64_t connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto wanted = static_cast<rlim_t>(connections + 256);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::string address_in_numbers(const std::string& address) {
  if (address == "localhost") return "127.0.0.1";
  const bool has_brackets = address.starts_with('[') && address.ends_with(']');
  error_code error;
  const auto found = has_brackets
                         ? asio::ip::make_address_v6(address.substr(1, address.size() - 2), error)
                         : asio::ip::make_address(address, error);
  if (error)
    throw Error(ErrorCode::user, fmt::format("--address must be localhost or an address in "
                                             "numbers, such as 127.0.0.1 or ::1; got {}",
                                             address));
  return found.to_string();
}

void HttpServer::Implementation::listen(const ListenOptions& options) {
  error_code error;
  const auto address = asio::ip::make_address(address_in_numbers(options.address));
  if (!options.certificate.empty()) tls = Tls::load(options.certificate, options.key);
  const tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    throw Error(ErrorCode::io,
                fmt::format("{} port {}: {}", options.address, options.port, error.message()));
}

void HttpServer::Implementation::serve() {
  while (true) {
    try {
      if (!accepting && acceptor.is_open()) accept();
      io.run();
      return;
    } catch (const std::exception&) {
      std::this_thread::sleep_for(kForMemory);
    }
  }
}

void HttpServer::Implementation::accept() {
  acceptor.async_accept([this](error_code error, tcp::socket socket) {
    accepting = false;
    if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (!error) {
      on_accept(std::move(socket));
      return accept();
    }
    // Too many descriptors are open: some will be closed soon.
    pause.expires_after(milliseconds(100));
    pause.async_wait([this](error_code stopped) {
      accepting = false;
      if (!stopped) accept();
    });
    accepting = true;
  });
  accepting = true;
}

void HttpServer::Implementation::on_accept(tcp::socket socket) {
  error_code error;
  const std::string peer = socket.remote_endpoint(error).address().to_string();
  if (error) return;
  if (const auto status = make_room(peer)) {
    ++num_refused;
    return turn_away(std::move(socket), *status);
  }
  socket.set_option(tcp::no_delay(true), error);
  std::make_shared<Session>(*this, stream_of(std::move(socket)), peer)->start();
}

std::unique_ptr<Stream> HttpServer::Implementation::stream_of(tcp::socket socket) {
  if (tls) return tls->stream(std::move(socket));
  return std::make_unique<PlainStream>(std::move(socket));
}

void HttpServer::Implementation::turn_away(tcp::socket socket, int status) {
  if (tls || num_turned_away >= kMostTurnedAway) return;
  Response refusal = api.refusal(status, "too many connections are open; try again later", {});
  refusal.headers.emplace_back("Content-Length", std::to_string(refusal.body.size()));
  std::string text = head_of(false, refusal.status, refusal.type, refusal.headers, false);
  std::make_shared<TurnedAway>(*this, std::move(socket), text + refusal.body)->start();
}

std::optional<int> HttpServer::Implementation::make_room(const std::string& peer) {
  const auto here = by_address.find(peer);
  const bool too_many_here =
      here != by_address.end() && here->second >= limits.connections_per_address;
  if (!too_many_here && std::ssize(sessions) < limits.connections) return std::nullopt;
  Session* leaving = nullptr;
  for (Session* session : sessions) {
    if (!session->is_asking() || (too_many_here && session->peer() != peer)) continue;
    if (leaving == nullptr || session->is_idle()) leaving = session;
    if (session->is_idle()) break;
  }
  if (leaving == nullptr) return too_many_here ? 429 : 503;
  leaving->close();  // it goes in a moment
  ++num_refused;
  return std::nullopt;
}

void HttpServer::Implementation::close_idle() {
  for (Session* session : sessions)
    if (session->is_asking()) session->close();
}

HttpServer::HttpServer(Api& api, const Limits& limits, const ListenOptions& options,
                       std::function<void(const AccessRecord&)> log)
    : implementation_(std::make_unique<Implementation>(api, limits, std::move(log))) {
  allow_descriptors(limits.connections);
  Implementation& server = *implementation_;
  server.listen(options);
  api.watch_connections([&server] {
    return ConnectionCounts{.open = server.num_open, .refused = server.num_refused};
  });
  server.accept();
  server.thread = std::jthread([&server] { server.serve(); });
}

HttpServer::~HttpServer() { stop(); }

std::uint16_t HttpServer::port() const { return implementation_->acceptor.local_endpoint().port(); }

void HttpServer::stop_accepting() {
  asio::post(implementation_->io, [server = implementation_.get()] {
    error_code ignored;
    server->stopping = true;
    server->acceptor.close(ignored);
    server->pause.cancel();
    server->close_idle();
  });
}

void HttpServer::wait_until_quiet(milliseconds quiet, milliseconds time) {
  const auto end = Clock::now() + time;
  auto last = Clock::now();
  std::int64_t known = implementation_->num_ended;
  while (Clock::now() < std::min(end, last + quiet)) {
    std::this_thread::sleep_for(milliseconds(5));
    if (known == implementation_->num_ended) continue;
    known = implementation_->num_ended;
    last = Clock::now();
  }
}

void HttpServer::wait_for_answers(milliseconds time) {
  const auto end = Clock::now() + time;
  while (implementation_->num_open > 0 && Clock::now() < end)
    std::this_thread::sleep_for(milliseconds(5));
}

void HttpServer::stop() {
  Implementation& server = *implementation_;
  if (!server.thread.joinable()) return;
  server.handlers.join();
  server.io.stop();
  server.thread.join();
  for (auto session = server.sessions.begin(); session != server.sessions.end();)
    (*session++)->forget_work();
}

}  // namespace ddim::server
