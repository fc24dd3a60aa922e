#include "app/server/http_parser.h"
#include "tests/fuzz/target.h"

/// What a connection brings, request after request, as a session reads it: in pieces, as long as
/// the first byte says.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ddim::server;
  constexpr std::int64_t kBody = 1000, kUpload = 2000;
  std::string_view text = ddim::fuzz::text_of(std::as_bytes(std::span(data, size)));
  if (text.empty()) return 0;
  const std::size_t piece = data[0] == 0 ? text.size() : data[0];
  text.remove_prefix(1);
  const auto limit_of = [](const std::string& method, const std::string& path) {
    return method == "POST" && path == "/api/uploads" ? kUpload : kBody;
  };
  std::string ahead;  // of the next request
  while (!text.empty() || !ahead.empty()) {
    HttpParser parser({}, limit_of);
    parser.put(std::exchange(ahead, ""));
    using State = HttpParser::State;
    const auto wants_more = [&] {
      return parser.state() != State::done && parser.state() != State::refused;
    };
    while (wants_more() && !text.empty()) {
      parser.put(text.substr(0, piece));
      text.remove_prefix(std::min(piece, text.size()));
      if (wants_more() && parser.take_continue() && parser.take_continue()) std::abort();
    }
    if (parser.state() == State::refused &&
        (parser.status() / 100 != 4 || parser.problem().empty()))
      std::abort();
    if (parser.state() != State::done) return 0;
    const bool goes_on = parser.keeps_alive();
    parser.is_http_1_0();
    const Request request = parser.take();
    ahead = parser.rest();
    if (std::ssize(request.body) > limit_of(request.method, request.path)) std::abort();
    if (!request.headers.contains("host") || request.method.empty() || request.path.empty())
      std::abort();
    if (!goes_on) return 0;
  }
  return 0;
}
