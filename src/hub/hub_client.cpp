#include "hub/hub_client.h"

#include <optional>

#include "base/error.h"
#include "hub/checksum.h"
#include "hub/download.h"
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

/// What the user can do about an answer that refuses.
std::string advice_for(const HttpHead& head) {
  const int status = head.status;
  const std::string& code = head.header("x-error-code");
  if (code == "GatedRepo" || status == 403)
    return "access is refused: request it on the model's page, and set HF_TOKEN to your token";
  if (code == "RepoNotFound" || status == 401)
    return "no such model, or it is private: check the name; for a private one, set HF_TOKEN to a "
           "token that may read it";
  if (code == "RevisionNotFound") return "no such revision";
  if (code == "EntryNotFound") return "no such file";
  return "not found on this server: check the name and HF_ENDPOINT";
}

std::string without_quotes(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

Listing parse_listing(const std::string& text, const std::string& url) {
  io::JsonFields fields(text, url);
  Listing listing;
  fields.read({"sha"}, listing.commit);
  if (!is_commit(listing.commit)) fields.fail_file("it names no commit; is this a hub?");
  const Json* siblings = fields.take({"siblings"});
  if (siblings == nullptr || !siblings->is_list()) fields.fail_file("it lists no files");
  for (const Json& sibling : siblings->items()) {
    const Json* name = sibling.is_object() ? sibling.find("rfilename") : nullptr;
    if (name != nullptr && name->is_string()) listing.files.insert(name->string());
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
    require_willing(http_.get({.url = url, .token = settings_.token}, take), to_string(repository),
                    advice_for);
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
      require_willing(answer, what, advice_for);
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
  const auto size = number_of(head.header(linked ? "x-linked-size" : "content-length"));
  RemoteFile remote{.name = file, .etag = without_quotes(etag)};
  if (!is_checksum(remote.etag) || !size) {
    fail(ErrorCode::io, what, ": the server sends no ", size ? "checksum" : "size",
         ", which a hub does; check HF_ENDPOINT");
  }
  remote.size_bytes = *size;
  if (head.redirect.empty()) remote.http_etag = head.header("etag");
  return remote;
}

void HubClient::fetch(const Repository& repository, const std::string& commit,
                      const RemoteFile& file, PartialFile& part, const Report& report) {
  const Download wanted{.url = file_url(repository, commit, file.name),
                        .token = settings_.token,
                        .what = concat(to_string(repository), ", file ", file.name),
                        .size_bytes = file.size_bytes,
                        .http_etag = file.http_etag,
                        .advice = advice_for};
  download(http_, retry_, wanted, part,
           [&](const DownloadState& state) { report(state.bytes_done); });
}

}  // namespace ddim::engine::hub
