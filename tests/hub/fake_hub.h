#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "tests/hub/http_server.h"

namespace ddim::hub_test {

/// How a hub keeps a file: in git, or in the large file storage that another host serves.
enum class Storage { git, large };

/// A hub with the model "owner/name", whose one commit is on the branch main; and the host that
/// serves its large files.
class FakeHub {
 public:
  FakeHub();

  static constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

  void add(const std::string& file, const std::string& content, Storage storage);
  void remove(const std::string& file);
  /// Looks at, and may change, what is about to be answered: from the hub, or from the other host.
  void on_reply(std::function<void(const Request&, Reply&)> change);

  std::string url() const { return hub_.url(); }
  std::vector<Request> hub_requests() const { return hub_.requests(); }
  std::vector<Request> storage_requests() const { return storage_.requests(); }

  /// The checksum by which the hub names a file.
  static std::string etag(const std::string& content, Storage storage);

 private:
  struct File {
    std::string content;
    Storage storage;
  };
  Reply answer_as_hub(const Request& request) const;
  Reply answer_as_storage(const Request& request) const;
  Reply changed(const Request& request, Reply reply) const;

  mutable std::mutex mutex_;
  std::map<std::string, File> files_;
  std::function<void(const Request&, Reply&)> change_;
  HttpServer storage_;
  HttpServer hub_;
};

}  // namespace ddim::hub_test
