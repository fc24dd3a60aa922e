#include "hub/download.h"

#include <charconv>
#include <span>
#include <utility>

#include "base/error.h"

namespace ddim::engine::hub {
namespace {

/// What a server says, for a message: on one line, not too long, without control characters.
std::string shown(const std::string& text) {
  constexpr std::size_t kMaxShown = 200;
  std::string line = text.substr(0, kMaxShown);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

std::optional<std::chrono::seconds> retry_after_of(const HttpHead& head) {
  constexpr std::uint64_t kMaxSeconds = 1 << 30;
  const auto seconds = number_of(head.header("retry-after"));
  return seconds && *seconds <= kMaxSeconds ? std::optional(std::chrono::seconds(*seconds))
                                            : std::nullopt;
}

/// "bytes 100-199/200", of which a server may leave the 200 out (`*`).
struct ContentRange {
  std::optional<std::uint64_t> first = {}, total = {};
};
ContentRange content_range_of(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return {};
  text.remove_prefix(kUnit.size());
  ContentRange range{.first = number_of(text.substr(0, text.find('-')))};
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) range.total = number_of(text.substr(slash + 1));
  return range;
}

/// One download, over several connections if need be.
class Fetcher {
 public:
  Fetcher(HttpClient& http, const Download& file, PartialFile& part, const ReportDownload& report)
      : http_(http),
        file_(file),
        part_(part),
        report_(report),
        size_(file.size_bytes),
        served_etag_(file.http_etag) {}

  bool is_whole() const { return size_ ? part_.size_bytes() == *size_ : has_ended_; }

  /// Asks once. TransientFailure when the file is not whole then.
  void fetch_rest() {
    const std::uint64_t start = part_.size_bytes();
    HttpRequest request{.url = file_.url, .token = file_.token};
    if (start > 0) {
      request.headers.push_back(concat("Range: bytes=", start, "-"));
      // Only the tag of the host that serves the bytes means something to it.
      if (served_etag_.starts_with('"')) request.headers.push_back("If-Range: " + served_etag_);
    }
    bool begun = false;
    const HttpHead head =
        http_.get(request, [&](const HttpHead& answer, std::span<const std::byte> bytes) {
          if (!begun) begin(answer, start);
          begun = true;
          take(bytes);
        });
    if (head.status == 416) {
      // Once, what an earlier process left may be too long.
      if (std::exchange(was_refused_, true))
        fail(ErrorCode::corrupt, file_.what, ": the server has only ", start, " bytes",
             size_ ? concat(" of the ", *size_, " that it announced") : "");
      part_.clear();
      throw TransientFailure(file_.url + ": sends nothing after the part that was already fetched");
    }
    require_willing(head, file_.what, file_.advice);
    has_ended_ = true;
    if (size_ && part_.size_bytes() < *size_) {
      throw TransientFailure(
          concat(file_.url, ": ends after ", part_.size_bytes(), " of ", *size_, " bytes"));
    }
  }

 private:
  void begin(const HttpHead& answer, std::uint64_t start) {
    served_etag_ = answer.header("etag");
    if (answer.status != 206 && start > 0) part_.clear();  // the whole file, from its beginning
    const ContentRange range = content_range_of(answer.header("content-range"));
    if (answer.status == 206 && range.first != start)
      throw TransientFailure(file_.url + ": answers with a range that was not asked for");
    if (!file_.size_bytes)
      size_ = answer.status == 206 ? range.total : number_of(answer.header("content-length"));
  }

  void take(std::span<const std::byte> bytes) {
    if (size_ && part_.size_bytes() + bytes.size() > *size_) {
      fail(ErrorCode::corrupt, file_.what, ": the server sends more than the ", *size_,
           " bytes that it announced");
    }
    part_.append(bytes);
    report_({.bytes_done = part_.size_bytes(), .bytes = size_});
  }

  HttpClient& http_;
  const Download& file_;
  PartialFile& part_;
  const ReportDownload& report_;
  std::optional<std::uint64_t> size_;
  std::string served_etag_;
  bool has_ended_ = false;
  bool was_refused_ = false;
};

}  // namespace

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void require_willing(const HttpHead& head, const std::string& what, const Advice& advice) {
  if (head.status / 100 == 2 || (head.status / 100 == 3 && !head.redirect.empty())) return;
  const std::string& said = head.header("x-error-message");
  const std::string quoted = said.empty() ? "" : concat(" (it says: ", shown(said), ")");
  const bool busy = head.status == 408 || head.status == 429 || head.status / 100 == 5;
  if (busy) {
    throw TransientFailure(concat(what, ": the server answers ", head.status, quoted),
                           retry_after_of(head));
  }
  const bool refused = head.status == 401 || head.status == 403 || head.status == 404;
  if (refused) {
    fail(ErrorCode::user, what, ": ", advice(head), "; the server answers ", head.status, quoted);
  }
  fail(ErrorCode::io, what, ": the server answers ", head.status, quoted);
}

void download(HttpClient& http, Retry retry, const Download& file, PartialFile& part,
              const ReportDownload& report) {
  if (file.size_bytes && part.size_bytes() > *file.size_bytes) part.clear();
  Fetcher fetcher(http, file, part, report);
  while (!fetcher.is_whole()) {
    const std::uint64_t start = part.size_bytes();
    try {
      fetcher.fetch_rest();
    } catch (const TransientFailure& failure) {
      if (part.size_bytes() > start) retry.progress();
      retry.wait_after(failure);
    }
  }
}

}  // namespace ddim::engine::hub
