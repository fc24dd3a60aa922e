#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ddim::server_test {

/// A TCP connection to this machine.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// As much of it as the server takes.
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void end_sending() const { ::shutdown(socket_, SHUT_WR); }

  /// Some bytes; none at the end, and when nothing comes for so long.
  std::string receive(std::chrono::milliseconds patience = std::chrono::seconds(20)) const {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return "";
    std::string bytes(64 << 10, '\0');
    const ssize_t size = ::recv(socket_, bytes.data(), bytes.size(), 0);
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
  }
  /// Until `text` has come, or the end.
  std::string receive_until(std::string_view text) const {
    std::string all;
    while (all.find(text) == std::string::npos) {
      const std::string more = receive();
      if (more.empty()) break;
      all += more;
    }
    return all;
  }
  std::string receive_all() const { return receive_until("\x01no such bytes\x02"); }

 private:
  int socket_;
};

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

inline Answer parse_answer(const std::string& text) {
  Answer answer;
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || !text.starts_with("HTTP/1.")) return answer;
  answer.status = std::stoi(text.substr(9, 3));
  std::size_t at = text.find("\r\n") + 2;
  while (at < end) {
    const std::size_t line_end = text.find("\r\n", at), colon = text.find(':', at);
    std::string name = text.substr(at, colon - at);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    answer.headers[name] = text.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  answer.body = text.substr(end + 4);
  return answer;
}

using Lines = std::map<std::string, std::string>;

/// A request on a connection of its own. `lines` are more header lines, or other ones.
inline Answer ask(std::uint16_t port, const std::string& method, const std::string& target,
                  const std::string& body = "", const Lines& lines = {}) {
  Lines head = {{"Host", "127.0.0.1:" + std::to_string(port)}, {"Connection", "close"}};
  if (!body.empty()) head["Content-Length"] = std::to_string(body.size());
  for (const auto& [name, value] : lines) head[name] = value;
  std::string text = method + " " + target + " HTTP/1.1\r\n";
  for (const auto& [name, value] : head) text += name + ": " + value + "\r\n";
  const Connection connection(port);
  connection.send(text + "\r\n" + body);
  return parse_answer(connection.receive_all());
}
inline Answer get(std::uint16_t port, const std::string& target, const Lines& lines = {}) {
  return ask(port, "GET", target, "", lines);
}
inline Answer post(std::uint16_t port, const std::string& target, const std::string& body) {
  return ask(port, "POST", target, body);
}

}  // namespace ddim::server_test
