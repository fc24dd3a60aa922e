#include "tests/hub/fake_hub.h"

#include <span>

#include "base/sha1.h"
#include "base/sha256.h"

namespace ddim::hub_test {

using namespace engine;
namespace {

/// The content, or the part of it from where a Range header asks for it.
Reply content_reply(const Request& request, const std::string& content, const std::string& etag) {
  Reply reply{.headers = {{"ETag", '"' + etag + '"'}}, .body = content};
  const std::string range = request.header("range");
  const std::string condition = request.header("if-range");
  if (range.empty() || (!condition.empty() && condition != '"' + etag + '"')) return reply;
  const std::size_t start = std::stoul(range.substr(std::string("bytes=").size()));
  if (start >= content.size()) return {.status = 416};
  reply.status = 206;
  reply.headers["Content-Range"] = "bytes " + std::to_string(start) + "-" +
                                   std::to_string(content.size() - 1) + "/" +
                                   std::to_string(content.size());
  reply.body = content.substr(start);
  return reply;
}

Reply not_found(const std::string& code) {
  return {.status = 404, .headers = {{"X-Error-Code", code}, {"X-Error-Message", "not here"}}};
}

}  // namespace

FakeHub::FakeHub()
    : storage_(
          [this](const Request& request) { return changed(request, answer_as_storage(request)); }),
      hub_([this](const Request& request) { return changed(request, answer_as_hub(request)); }) {}

void FakeHub::add(const std::string& file, const std::string& content, Storage storage) {
  const std::lock_guard lock(mutex_);
  files_[file] = {.content = content, .storage = storage};
}

void FakeHub::remove(const std::string& file) {
  const std::lock_guard lock(mutex_);
  files_.erase(file);
}

void FakeHub::on_reply(std::function<void(const Request&, Reply&)> change) {
  const std::lock_guard lock(mutex_);
  change_ = std::move(change);
}

std::string FakeHub::etag(const std::string& content, Storage storage) {
  if (storage == Storage::large) return sha256_hex(std::as_bytes(std::span(content)));
  const std::string blob = "blob " + std::to_string(content.size()) + '\0' + content;
  Sha1 hash;
  hash.update(std::as_bytes(std::span(blob)));
  return hash.finish_hex();
}

Reply FakeHub::changed(const Request& request, Reply reply) const {
  const std::lock_guard lock(mutex_);
  if (change_) change_(request, reply);
  return reply;
}

Reply FakeHub::answer_as_hub(const Request& request) const {
  const std::lock_guard lock(mutex_);
  if (request.path == "/api/models/owner/name/revision/main" ||
      request.path == std::string("/api/models/owner/name/revision/") + kCommit) {
    std::string siblings;
    for (const auto& [name, file] : files_) {
      siblings += siblings.empty() ? "" : ",";
      siblings += R"({"rfilename":")" + name + R"("})";
    }
    return {.body = std::string(R"({"id":"owner/name","sha":")") + kCommit + R"(","siblings":[)" +
                    siblings + "]}"};
  }
  const std::string prefix = std::string("/owner/name/resolve/") + kCommit + "/";
  if (!request.path.starts_with(prefix)) {
    return not_found(request.path.find("/owner/name/") == std::string::npos ? "RepoNotFound"
                                                                            : "RevisionNotFound");
  }
  const auto found = files_.find(request.path.substr(prefix.size()));
  if (found == files_.end()) return not_found("EntryNotFound");
  const auto& [name, file] = *found;
  const std::string tag = etag(file.content, file.storage);
  if (file.storage == Storage::git) {
    Reply reply = content_reply(request, file.content, tag);
    reply.headers["X-Repo-Commit"] = kCommit;
    return reply;
  }
  return {.status = 302,
          .headers = {{"Location", storage_.url() + "/" + tag},
                      {"X-Linked-Etag", '"' + tag + '"'},
                      {"X-Linked-Size", std::to_string(file.content.size())},
                      {"X-Repo-Commit", kCommit}}};
}

Reply FakeHub::answer_as_storage(const Request& request) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, file] : files_) {
    const std::string tag = etag(file.content, file.storage);
    if (request.path == "/" + tag) return content_reply(request, file.content, "of-storage");
  }
  return {.status = 404};
}

}  // namespace ddim::hub_test
