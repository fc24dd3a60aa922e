#include "app/server/http_parser.h"
#include "tests/fuzz/target.h"

/// The head and body of a request, in two pieces: the first byte says where the cut is.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ddim::server;
  const std::string_view text = ddim::fuzz::text_of(std::as_bytes(std::span(data, size)));
  if (text.empty()) return 0;
  HttpParser parser({}, [](const std::string&, const std::string&) { return 1000; });
  const std::size_t cut = std::min<std::size_t>(data[0], text.size());
  parser.put(text.substr(1, cut));
  parser.put(text.substr(std::min(cut + 1, text.size())));
  if (parser.state() == HttpParser::State::refused && parser.status() / 100 != 4) std::abort();
  if (parser.state() != HttpParser::State::done) return 0;
  parser.keeps_alive();
  const Request request = parser.take();
  if (request.body.size() > 1000 || !request.headers.contains("host")) std::abort();
  return 0;
}
