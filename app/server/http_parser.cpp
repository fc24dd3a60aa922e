#include "http_parser.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cctype>
#include <limits>
#include <optional>
#include <utility>

namespace ddim::server {
namespace {

namespace http = boost::beast::http;

int hex_digit(char c) {
  const int lowered = std::tolower(static_cast<unsigned char>(c));
  if (c >= '0' && c <= '9') return c - '0';
  return lowered >= 'a' && lowered <= 'f' ? lowered - 'a' + 10 : -1;
}

/// "%41+b" -> "A b"; nothing for escapes that are none, and for control characters.
std::optional<std::string> decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i] == '+' ? ' ' : text[i];
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (std::iscntrl(static_cast<unsigned char>(c)) != 0) return std::nullopt;
    result += c;
  }
  return result;
}

/// "a=1&b=2"
bool read_query(std::string_view text, std::map<std::string, std::string>& query) {
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    const std::size_t equals = std::min(item.find('='), item.size());
    const auto name = decoded(item.substr(0, equals));
    const auto value = decoded(item.substr(std::min(equals + 1, item.size())));
    if (!name || !value) return false;
    query[*name] = *value;
  }
  return true;
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 32);
  return result;
}

struct HttpParser::Implementation {
  http::request_parser<http::string_body> parser;
};

HttpParser::HttpParser(const Limits& limits, Admit admit)
    : limits_(limits),
      admit_(std::move(admit)),
      implementation_(std::make_unique<Implementation>()) {
  auto& parser = implementation_->parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // check_body() knows better
  parser.eager(false);
}

HttpParser::~HttpParser() = default;

void HttpParser::put(std::string_view bytes) {
  buffer_ += bytes;
  auto& parser = implementation_->parser;
  if (state_ == State::nothing && !buffer_.empty()) state_ = State::head;
  while ((state_ == State::head || state_ == State::body) && !buffer_.empty()) {
    boost::beast::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(buffer_), error);
    buffer_.erase(0, used);
    if (error == http::error::need_more) {
      // Of the head, of what stands beside a chunk, or of what follows the last one.
      if (std::ssize(buffer_) > limits_.header_bytes)
        refuse(state_ == State::head ? 431 : 400,
               fmt::format("what stands between the chunks of a body may have {} bytes",
                           limits_.header_bytes));
      return;
    }
    if (error == http::error::header_limit)
      return refuse(431,
                    fmt::format("the head of a request may have {} bytes", limits_.header_bytes));
    if (error == http::error::body_limit) return refuse(413, "the body is too long");
    if (error) return refuse(400, "this is no HTTP request: " + error.message());
    if (state_ == State::head && parser.is_header_done()) {
      check_head();
      if (state_ == State::head && !parser.is_done()) check_body();
      if (state_ != State::head) return;
      state_ = State::body;
      parser.eager(true);
    }
    if (parser.is_done()) {
      state_ = State::done;
    } else if (used == 0) {
      return;
    }
  }
}

void HttpParser::refuse(int status, const std::string& problem) {
  state_ = State::refused;
  status_ = status;
  problem_ = problem;
}

void HttpParser::check_head() {
  auto& parser = implementation_->parser;
  const auto& message = parser.get();
  request_.method = std::string(view(message.method_string()));
  const std::string_view target = view(message.target());
  const std::size_t question = std::min(target.find('?'), target.size());
  request_.path = std::string(target.substr(0, question));
  if (!request_.path.starts_with('/') && request_.path != "*")
    return refuse(400, "the target of a request must begin with /");
  if (!read_query(target.substr(std::min(question + 1, target.size())), request_.query))
    return refuse(400, "what follows ? is not encoded as it must be");
  std::int64_t num_lines = 0, num_hosts = 0;
  for (const auto& field : message) {
    if (++num_lines > limits_.header_lines)
      return refuse(431, fmt::format("a request may have {} header lines", limits_.header_lines));
    const std::string name = lower(view(field.name_string()));
    num_hosts += name == "host" ? 1 : 0;
    std::string& value = request_.headers[name];
    value += (value.empty() ? "" : ", ") + std::string(view(field.value()));
  }
  if (num_hosts > 1 || (num_hosts == 0 && !is_http_1_0()))
    return refuse(400, "a request must have one Host line");
  if (message.find(http::field::transfer_encoding) != message.end() &&
      message.find(http::field::content_length) != message.end())
    return refuse(400, "a request has either Transfer-Encoding or Content-Length");
  const std::string encoding = lower(request_.header("transfer-encoding"));
  if (!encoding.empty() && encoding != "chunked")
    return refuse(400, "Transfer-Encoding: only chunked is known");
  const std::string content = lower(request_.header("content-encoding"));
  if (!content.empty() && content != "identity")
    return refuse(415, "Content-Encoding: compressed bodies are not read");
  const std::string expected = lower(request_.header("expect"));
  if (!expected.empty() && expected != "100-continue")
    return refuse(417, "Expect: only 100-continue is known");
}

void HttpParser::check_body() {
  auto& parser = implementation_->parser;
  const std::uint64_t length = parser.content_length() ? *parser.content_length() : 0;
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  const std::optional<std::int64_t> most =
      admit_(request_, static_cast<std::int64_t>(std::min(length, kLargest)));
  if (!most) {
    state_ = State::unwanted;
    return;
  }
  if (length > static_cast<std::uint64_t>(*most))
    return refuse(413, fmt::format("the body may have {} bytes", *most));
  parser.body_limit(static_cast<std::uint64_t>(*most));
  wants_continue_ = !request_.header("expect").empty() && !is_http_1_0();
}

std::int64_t HttpParser::body_bytes() const {
  return std::ssize(implementation_->parser.get().body());
}

bool HttpParser::take_continue() { return std::exchange(wants_continue_, false); }

Request HttpParser::take() {
  request_.body = std::move(implementation_->parser.get().body());
  return std::move(request_);
}

bool HttpParser::keeps_alive() const { return implementation_->parser.get().keep_alive(); }

bool HttpParser::is_http_1_0() const { return implementation_->parser.get().version() < 11; }

}  // namespace ddim::server
