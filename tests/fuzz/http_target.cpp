#include "app/server/http_parser.h"
#include "tests/fuzz/target.h"

/// What a connection brings, request after request, as a session reads it: in pieces, as long as
/// the first byte says.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ddim::server;
  constexpr std::int64_t kBody = 1000, kUpload = 2000;
  constexpr Limits limits{.header_bytes = 500};  // which inputs of some thousand bytes come to
  std::string_view text = ddim::fuzz::text_of(std::as_bytes(std::span(data, size)));
  if (text.empty()) return 0;
  const std::size_t piece = data[0] == 0 ? text.size() : data[0];
  text.remove_prefix(1);
  const auto limit_of = [](const Request& request) {
    return request.method == "POST" && request.path == "/api/uploads" ? kUpload : kBody;
  };
  const auto admit = [&](const Request& head, std::int64_t length) -> std::optional<std::int64_t> {
    if (head.method.empty() || head.path.empty() || length < 0) std::abort();
    if (head.path == "/nowhere") return std::nullopt;
    return limit_of(head);
  };
  std::string ahead;  // of the next request
  while (!text.empty() || !ahead.empty()) {
    HttpParser parser(limits, admit);
    parser.put(std::exchange(ahead, ""));
    using State = HttpParser::State;
    const auto wants_more = [&] {
      return parser.state() == State::nothing || parser.state() == State::head ||
             parser.state() == State::body;
    };
    while (wants_more() && !text.empty()) {
      parser.put(text.substr(0, piece));
      text.remove_prefix(std::min(piece, text.size()));
      if (wants_more() && parser.take_continue() && parser.take_continue()) std::abort();
    }
    if (wants_more() && std::ssize(parser.rest()) > limits.header_bytes) std::abort();
    if (parser.state() == State::refused &&
        (parser.status() / 100 != 4 || parser.problem().empty()))
      std::abort();
    if (parser.state() != State::done) return 0;
    const bool goes_on = parser.keeps_alive();
    const bool is_http_1_0 = parser.is_http_1_0();
    const Request request = parser.take();
    ahead = parser.rest();
    if (std::ssize(request.body) > limit_of(request)) std::abort();
    if ((!request.headers.contains("host") && !is_http_1_0) || request.method.empty() ||
        request.path.empty())
      std::abort();
    if (!goes_on) return 0;
  }
  return 0;
}
