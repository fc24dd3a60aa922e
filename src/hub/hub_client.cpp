#include "hub/hub_client.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "hub/checksum.h"
#include "io/json_fields.h"

namespace ddim::engine::hub {
namespace {

constexpr std::size_t kMaxListingBytes = 64 << 20;
constexpr int kMaxRedirects = 10;

/// A path as it stands in a URL: everything but letters, digits and `-_.~/` as %XX.
std::string escaped(std::string_view path, std::string_view also_plain) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
  std::string text;
  for (const char c : path) {
    if (kPlain.find(c) != std::string_view::npos || also_plain.find(c) != std::string_view::npos) {
      text += c;
    } else {
      const auto code = static_cast<unsigned char>(c);
      text += '%';
      text += "0123456789ABCDEF"[code >> 4];
      text += "0123456789ABCDEF"[code & 15];
    }
  }
  return text;
}

/// What a server says, for a message: on one line, not too long, without control characters.
std::string shown(const std::string& text) {
  constexpr std::size_t kMaxShown = 200;
  std::string line = text.substr(0, kMaxShown);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::chrono::seconds> retry_after_of(const HttpHead& head) {
  const auto seconds = number_of<std::uint32_t>(head.header("retry-after"));
  return seconds ? std::optional(std::chrono::seconds(*seconds)) : std::nullopt;
}

/// What the user can do about an answer that refuses.
std::string advice_for(int status, const std::string& code) {
  if (code == "RepoNotFound" || status == 401)
    return "no such model, or it is private: check the name; for a private one, set HF_TOKEN to a "
           "token that may read it";
  if (code == "RevisionNotFound") return "no such revision";
  if (code == "EntryNotFound") return "no such file";
  if (code == "GatedRepo" || status == 403)
    return "access is refused: request it on the model's page, and set HF_TOKEN to your token";
  return "not found on this server: check the name and HF_ENDPOINT";
}

/// Throws unless `head` is a success or a redirect.
void require_willing(const HttpHead& head, const std::string& what) {
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
    fail(ErrorCode::user, what, ": ", advice_for(head.status, head.header("x-error-code")),
         "; the server answers ", head.status, quoted);
  }
  fail(ErrorCode::io, what, ": the server answers ", head.status, quoted);
}

std::string without_quotes(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

/// The first byte of "bytes 100-199/200".
std::optional<std::uint64_t> range_start(std::string_view content_range) {
  constexpr std::string_view kUnit = "bytes ";
  if (!content_range.starts_with(kUnit)) return std::nullopt;
  content_range.remove_prefix(kUnit.size());
  return number_of<std::uint64_t>(content_range.substr(0, content_range.find('-')));
}

Listing parse_listing(const std::string& text, const std::string& url) {
  io::JsonFields fields(text, url);
  Listing listing;
  fields.read({"sha"}, listing.commit);
  if (!is_commit(listing.commit)) fields.fail_file("it names no commit; is this a hub?");
  const nlohmann::json* siblings = fields.take({"siblings"});
  if (siblings == nullptr || !siblings->is_array()) fields.fail_file("it lists no files");
  for (const nlohmann::json& sibling : *siblings) {
    const auto name = sibling.is_object() ? sibling.find("rfilename") : sibling.end();
    if (name != sibling.end() && name->is_string()) listing.files.insert(name->get<std::string>());
  }
  return listing;
}

}  // namespace

HubClient::HubClient(const Settings& settings, const std::stop_token& stop)
    : settings_(settings), http_(settings, stop), retry_(settings.patience, stop) {}

std::string HubClient::file_url(const Repository& repository, const std::string& commit,
                                const std::string& file) const {
  return concat(settings_.endpoint, "/", repository.id, "/resolve/", commit, "/",
                escaped(file, "/"));
}

Listing HubClient::list(const Repository& repository) {
  const std::string url = concat(settings_.endpoint, "/api/models/", repository.id, "/revision/",
                                 escaped(repository.revision, ""));
  return with_retries(retry_, [&] {
    std::string text;
    const auto take = [&](const HttpHead&, std::span<const std::byte> bytes) {
      if (text.size() + bytes.size() > kMaxListingBytes)
        fail(ErrorCode::io, url, ": answers with more than ", kMaxListingBytes, " bytes");
      text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    require_willing(http_.get({.url = url, .token = settings_.token}, take), to_string(repository));
    return parse_listing(text, url);
  });
}

RemoteFile HubClient::look_up(const Repository& repository, const std::string& commit,
                              const std::string& file) {
  const std::string what = concat(to_string(repository), ", file ", file);
  HttpRequest request{.url = file_url(repository, commit, file), .token = settings_.token};
  const HttpHead head = with_retries(retry_, [&] {
    for (int i = 0;; ++i) {
      HttpHead answer = http_.head(request);
      require_willing(answer, what);
      // A renamed model is elsewhere on the same host; a large file is on another, which need not
      // answer such questions.
      const bool moved = answer.header("x-linked-etag").empty() && !answer.redirect.empty() &&
                         same_origin(request.url, answer.redirect) && i < kMaxRedirects;
      if (!moved) return answer;
      request.url = answer.redirect;
    }
  });

  const bool linked = !head.header("x-linked-etag").empty();
  const std::string& etag = head.header(linked ? "x-linked-etag" : "etag");
  const auto size =
      number_of<std::uint64_t>(head.header(linked ? "x-linked-size" : "content-length"));
  RemoteFile remote{.name = file, .etag = without_quotes(etag)};
  if (!is_checksum(remote.etag) || !size) {
    fail(ErrorCode::io, what, ": the server sends no ", size ? "checksum" : "size",
         ", which a hub does; check HF_ENDPOINT");
  }
  remote.size_bytes = *size;
  if (head.redirect.empty()) remote.http_etag = head.header("etag");
  return remote;
}

void HubClient::fetch_rest(const HttpRequest& request, const Repository& repository,
                           const RemoteFile& file, PartialFile& part, std::string& served_etag,
                           const Report& report) {
  const std::uint64_t start = part.size_bytes();
  bool begun = false;
  const auto take = [&](const HttpHead& head, std::span<const std::byte> bytes) {
    if (!begun) {
      begun = true;
      served_etag = head.header("etag");
      if (head.status != 206 && start > 0) part.clear();  // the whole file, from its beginning
      if (head.status == 206 && range_start(head.header("content-range")) != start)
        throw TransientFailure(request.url + ": answers with a range that was not asked for");
    }
    if (part.size_bytes() + bytes.size() > file.size_bytes) {
      fail(ErrorCode::corrupt, file.name, " of ", to_string(repository),
           ": the server sends more than the ", file.size_bytes, " bytes that it announced");
    }
    part.append(bytes);
    report(part.size_bytes());
  };
  const HttpHead head = http_.get(request, take);
  if (head.status == 416) {
    part.clear();
    throw TransientFailure(request.url + ": sends nothing after the part that was already fetched");
  }
  require_willing(head, concat(to_string(repository), ", file ", file.name));
  if (part.size_bytes() < file.size_bytes) {
    throw TransientFailure(
        concat(request.url, ": ends after ", part.size_bytes(), " of ", file.size_bytes, " bytes"));
  }
}

void HubClient::fetch(const Repository& repository, const std::string& commit,
                      const RemoteFile& file, PartialFile& part, const Report& report) {
  if (part.size_bytes() > file.size_bytes) part.clear();
  std::string served_etag = file.http_etag;
  Retry retry = retry_;
  while (part.size_bytes() < file.size_bytes) {
    const std::uint64_t start = part.size_bytes();
    HttpRequest request{.url = file_url(repository, commit, file.name), .token = settings_.token};
    if (start > 0) {
      request.headers.push_back(concat("Range: bytes=", start, "-"));
      // Only the tag of the host that serves the bytes means something to it.
      if (served_etag.starts_with('"')) request.headers.push_back("If-Range: " + served_etag);
    }
    try {
      fetch_rest(request, repository, file, part, served_etag, report);
    } catch (const TransientFailure& failure) {
      if (part.size_bytes() > start) retry.progress();
      retry.wait_after(failure);
    }
  }
}

}  // namespace ddim::engine::hub
