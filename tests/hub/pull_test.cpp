#include "hub/pull.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_lock.h"
#include "hub/cache.h"
#include "hub/published_file.h"
#include "tests/hub/fake_hub.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::hub {
namespace {

namespace fs = std::filesystem;
using hub_test::FakeHub;
using hub_test::Reply;
using hub_test::Request;
using hub_test::Storage;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kWeights = "unet/diffusion_pytorch_model.safetensors";
constexpr std::size_t kNumWeightBytes = 200'000;

std::string random_bytes(std::size_t size) {
  std::mt19937 generator(7);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(generator() & 0xff);
  return bytes;
}

class Pulling : public testing::Test {
 protected:
  Pulling() : weights_(random_bytes(kNumWeightBytes)) {
    ::setenv("no_proxy", "127.0.0.1", 1);
    settings_.endpoint = hub_.url();
    settings_.cache = folder_ / "hub";
    settings_.patience.first_delay = std::chrono::milliseconds(1);
    settings_.patience.max_delay = std::chrono::milliseconds(20);
    hub_.add("README.md", "not needed", Storage::git);
    hub_.add("model_index.json",
             R"({"_class_name":"DDPMPipeline","scheduler":["diffusers","DDPMScheduler"],)"
             R"("unet":["diffusers","UNet2DModel"]})",
             Storage::git);
    hub_.add("unet/config.json", "{}", Storage::git);
    hub_.add("scheduler/scheduler_config.json", "{\"a\": 1}", Storage::git);
    hub_.add(kWeights, weights_, Storage::large);
  }

  Pulled pull_model() {
    return pull(settings_, repository_, [](const PullState&) {}, {});
  }
  /// The folder that keeps everything of the model.
  fs::path kept() const { return folder_ / "hub/models--owner--name"; }
  fs::path blob(Storage storage, const std::string& content) const {
    return kept() / "blobs" / FakeHub::etag(content, storage);
  }
  std::string pulled_weights() const {
    return read_file(kept() / "snapshots" / FakeHub::kCommit / kWeights, 1 << 20);
  }
  static bool is_get_of_storage(const Request& request) {
    return request.method == "GET" && request.path.find('/', 1) == std::string::npos;
  }

  test::TemporaryFolder folder_;
  std::string weights_;
  FakeHub hub_;
  Settings settings_;
  Repository repository_{.id = "owner/name"};
};

TEST_F(Pulling, FillsTheCacheAsTheHubsOwnLibraryLaysItOut) {
  const Pulled pulled = pull_model();
  EXPECT_EQ(pulled.commit, FakeHub::kCommit);
  EXPECT_EQ(pulled.snapshot, kept() / "snapshots" / FakeHub::kCommit);
  EXPECT_EQ(pulled.files.size(), 4U);
  EXPECT_GT(pulled.bytes, kNumWeightBytes);
  EXPECT_EQ(pulled_weights(), weights_);
  EXPECT_EQ(read_file(kept() / "refs/main", 100), FakeHub::kCommit);
  EXPECT_EQ(fs::read_symlink(pulled.snapshot / kWeights),
            "../../../blobs/" + FakeHub::etag(weights_, Storage::large));
  EXPECT_EQ(fs::read_symlink(pulled.snapshot / "unet/config.json"),
            "../../../blobs/" + FakeHub::etag("{}", Storage::git));
  EXPECT_EQ(test::names_in(kept()), (std::vector<std::string>{"blobs", "refs", "snapshots"}));
  EXPECT_EQ(test::names_in(kept() / "blobs").size(), 4U);  // nothing incomplete, no README
  EXPECT_TRUE(fs::exists(folder_ / "hub/.locks/models--owner--name" /
                         (FakeHub::etag(weights_, Storage::large) + ".lock")));
  EXPECT_EQ(find_snapshot(settings_.cache, repository_), pulled.snapshot);
}

TEST_F(Pulling, FetchesNothingTwice) {
  const Pulled first = pull_model();
  EXPECT_EQ(first.bytes_fetched, first.bytes);
  const std::size_t num_requests = hub_.storage_requests().size();
  const Pulled second = pull_model();
  EXPECT_EQ(second.bytes_fetched, 0U);
  EXPECT_EQ(second.bytes, first.bytes);
  EXPECT_EQ(hub_.storage_requests().size(), num_requests);
}

TEST_F(Pulling, FetchesHalfPrecisionWhereThereIsNothingElse) {
  const std::string half = "unet/diffusion_pytorch_model.fp16.safetensors";
  hub_.add(half, random_bytes(1000), Storage::large);
  EXPECT_EQ(pull_model().files.back(), kWeights);
  hub_.remove(kWeights);
  const Pulled pulled = pull_model();
  EXPECT_EQ(pulled.files.back(), half);
  EXPECT_EQ(read_file(pulled.snapshot / half, 1 << 20), random_bytes(1000));
}

TEST_F(Pulling, ACommitNeedsNoReference) {
  repository_.revision = FakeHub::kCommit;
  const Pulled pulled = pull_model();
  EXPECT_FALSE(fs::exists(kept() / "refs"));
  EXPECT_EQ(find_snapshot(settings_.cache, repository_), pulled.snapshot);
}

TEST_F(Pulling, TellsHowFarItIs) {
  std::uint64_t last = 0;
  const auto watch = [&](const PullState& state) {
    EXPECT_GE(state.bytes_done, last);
    EXPECT_GT(state.bytes, kNumWeightBytes);
    last = state.bytes_done;
  };
  const Pulled pulled = pull(settings_, repository_, watch, {});
  EXPECT_GT(last, kNumWeightBytes);
  EXPECT_LE(last, pulled.bytes);
}

// The check that issue 5 asks for.
TEST_F(Pulling, InterruptedAtTwentyRandomBytesItGoesOnWhereItEnded) {
  std::mt19937 generator(20);
  std::size_t rest = kNumWeightBytes;
  int cuts_left = 20;
  hub_.on_reply([&](const Request& request, Reply& reply) {
    if (!is_get_of_storage(request) || cuts_left == 0) return;
    ASSERT_EQ(reply.body.size(), rest) << "not resumed where it ended";
    reply.cut_after = 1 + generator() % (2 * rest / 20);
    rest -= *reply.cut_after;
    --cuts_left;
  });
  pull_model();
  EXPECT_EQ(cuts_left, 0);
  EXPECT_EQ(pulled_weights(), weights_);
  EXPECT_EQ(hub_.storage_requests().size(), 21U);
}

TEST_F(Pulling, AnotherProcessGoesOnWhereTheFirstWasStopped) {
  settings_.patience.max_failures = 1;
  hub_.on_reply([](const Request& request, Reply& reply) {
    if (is_get_of_storage(request)) reply.cut_after = 70'000;
  });
  for (int i = 0; i < 2; ++i) {
    test::expect_error(ErrorCode::io,
                       AllOf(HasSubstr(": the connection ended after 70000 of "),
                             HasSubstr("run the command again")),
                       [&] { pull_model(); });
    EXPECT_FALSE(fs::exists(kept() / "refs")) << "an incomplete model has a name";
  }
  EXPECT_EQ(fs::file_size(blob(Storage::large, weights_).string() + ".incomplete"), 140'000U);
  pull_model();  // the last 60,000
  EXPECT_EQ(pulled_weights(), weights_);
  EXPECT_EQ(hub_.storage_requests().back().header("range"), "bytes=140000-");
}

TEST_F(Pulling, BeginsAgainWhereTheServerHasNoRanges) {
  int num_served = 0;
  hub_.on_reply([&](const Request& request, Reply& reply) {
    if (!is_get_of_storage(request)) return;
    if (num_served++ == 0) {
      reply.cut_after = 100'000;
    } else {
      reply = {.body = weights_};  // 200, in spite of Range
    }
  });
  pull_model();
  EXPECT_EQ(pulled_weights(), weights_);
  EXPECT_EQ(num_served, 2);
}

TEST_F(Pulling, ResumesOnlyTheSameFile) {
  int num_served = 0;
  hub_.on_reply([&](const Request& request, Reply& reply) {
    if (is_get_of_storage(request) && num_served++ == 0) reply.cut_after = 100'000;
  });
  pull_model();
  EXPECT_EQ(hub_.storage_requests().at(0).header("if-range"), "");
  EXPECT_EQ(hub_.storage_requests().at(1).header("if-range"), "\"of-storage\"");
}

TEST_F(Pulling, CountsWhatItFetchesItself) {
  const Pulled whole = pull_model();
  const std::string incomplete = blob(Storage::large, weights_).string() + ".incomplete";
  fs::remove(blob(Storage::large, weights_));
  test::write_text(incomplete, weights_.substr(0, 60'000));
  EXPECT_EQ(pull_model().bytes_fetched, kNumWeightBytes - 60'000);

  // While this one fetches the small files, another process fetches the weights.
  fs::remove_all(kept());
  hub_.on_reply([&](const Request& request, Reply&) {
    if (request.method == "GET" && request.path.ends_with("scheduler_config.json"))
      test::write_text(blob(Storage::large, weights_), weights_);
  });
  EXPECT_EQ(pull_model().bytes_fetched, whole.bytes - kNumWeightBytes);
}

TEST_F(Pulling, RefusesARangeThatItDidNotAskFor) {
  hub_.on_reply([](const Request& request, Reply& reply) {
    if (!is_get_of_storage(request)) return;
    if (reply.status == 206) reply.headers["Content-Range"] = "bytes 0-199999/200000";
    reply.cut_after = 50'000;
  });
  test::expect_error(ErrorCode::io, HasSubstr("range that was not asked for"),
                     [&] { pull_model(); });
}

TEST_F(Pulling, ALeftoverThatIsWrongIsFetchedAgain) {
  make_folders(kept() / "blobs");
  const std::string incomplete = blob(Storage::large, weights_).string() + ".incomplete";
  for (const std::size_t size : {std::size_t{1000}, kNumWeightBytes, kNumWeightBytes + 5}) {
    test::write_text(incomplete, std::string(size, 'x'));
    pull_model();
    EXPECT_EQ(pulled_weights(), weights_) << size;
    EXPECT_FALSE(fs::exists(incomplete));
    fs::remove(blob(Storage::large, weights_));
  }
}

TEST_F(Pulling, RepairsADamagedBlob) {
  pull_model();
  const fs::path damaged = blob(Storage::large, weights_);
  std::string content = weights_;
  content[1234] = static_cast<char>(content[1234] + 1);
  test::write_text(damaged, content);
  EXPECT_EQ(pull_model().bytes_fetched, kNumWeightBytes);
  EXPECT_EQ(pulled_weights(), weights_);
}

TEST_F(Pulling, RefusesContentThatIsNotWhatWasAnnounced) {
  int num_served = 0;
  hub_.on_reply([&](const Request& request, Reply& reply) {
    if (!is_get_of_storage(request)) return;
    ++num_served;
    reply.body[17] = static_cast<char>(reply.body[17] + 1);
  });
  test::expect_error(ErrorCode::corrupt,
                     AllOf(HasSubstr(kWeights), HasSubstr(FakeHub::etag(weights_, Storage::large))),
                     [&] { pull_model(); });
  EXPECT_EQ(num_served, 2);
  EXPECT_FALSE(fs::exists(blob(Storage::large, weights_)));
}

TEST_F(Pulling, RefusesMoreThanWasAnnounced) {
  hub_.on_reply([](const Request& request, Reply& reply) {
    if (!is_get_of_storage(request)) return;
    reply.body += "and more";
  });
  test::expect_error(ErrorCode::corrupt, HasSubstr("200000"), [&] { pull_model(); });
  EXPECT_LE(fs::file_size(blob(Storage::large, weights_).string() + ".incomplete"),
            kNumWeightBytes);
}

// Of a file that an earlier process has begun, only the rest needs room.
TEST_F(Pulling, NeedsRoomForWhatIsToCome) {
  const std::uint64_t announced = fs::space(folder_.path()).available + (std::uint64_t{1} << 30);
  hub_.on_reply([&](const Request& request, Reply& reply) {
    if (request.method == "HEAD" && request.path.ends_with(kWeights))
      reply.headers["X-Linked-Size"] = std::to_string(announced);
  });
  test::expect_error(ErrorCode::io, HasSubstr("bytes are needed but only"), [&] { pull_model(); });
  test::write_text(blob(Storage::large, weights_).string() + ".incomplete", "begun");
  fs::resize_file(blob(Storage::large, weights_).string() + ".incomplete",
                  announced - kNumWeightBytes);
  // There it asks for the rest; and a server that never has it is not asked for ever.
  test::expect_error(ErrorCode::corrupt, HasSubstr("the server has only 200000 bytes of the"),
                     [&] { pull_model(); });
}

TEST_F(Pulling, RefusesLessThanWasAnnounced) {
  hub_.on_reply([](const Request& request, Reply& reply) {
    if (!is_get_of_storage(request)) return;
    if (reply.status == 206) {
      reply.body.clear();
    } else {
      reply.body.resize(1000);
    }
    reply.headers["Content-Length"] = std::to_string(reply.body.size());
  });
  test::expect_error(ErrorCode::io, HasSubstr("ends after 1000 of 200000 bytes"),
                     [&] { pull_model(); });
}

TEST_F(Pulling, GivesUpOnAServerThatStalls) {
  settings_.patience.stall_timeout = std::chrono::seconds(1);
  settings_.patience.max_failures = 1;
  hub_.on_reply([](const Request& request, Reply& reply) {
    if (is_get_of_storage(request)) reply.stall_after = 10'000;
  });
  test::expect_error(ErrorCode::io,
                     AllOf(HasSubstr("less than 100 bytes/s for 1 s"), HasSubstr("attempt 1 of 1")),
                     [&] { pull_model(); });
  EXPECT_EQ(fs::file_size(blob(Storage::large, weights_).string() + ".incomplete"), 10'000U);
}

TEST_F(Pulling, WaitsForAServerThatIsBusy) {
  int num_busy = 0;
  hub_.on_reply([&](const Request&, Reply& reply) {
    if (num_busy++ % 3 == 0) reply = {.status = num_busy % 2 == 0 ? 429 : 503};
  });
  pull_model();
  EXPECT_EQ(pulled_weights(), weights_);

  hub_.on_reply([](const Request&, Reply& reply) {
    reply = {.status = 500, .headers = {{"X-Error-Message", "on \x1b[31mfire"}}};
  });
  test::expect_error(
      ErrorCode::io,
      AllOf(HasSubstr("500"), HasSubstr("on  [31mfire"), HasSubstr("attempt 5 of 5")),
      [&] { pull_model(); });
}

TEST_F(Pulling, WaitsAsLongAsTheServerAsksFor) {
  settings_.patience.max_delay = std::chrono::milliseconds(300);
  hub_.on_reply([num = 0](const Request&, Reply& reply) mutable {
    if (num++ == 0) reply = {.status = 429, .headers = {{"Retry-After", "3600"}}};
  });
  const auto start = std::chrono::steady_clock::now();
  pull_model();
  EXPECT_GE(std::chrono::steady_clock::now() - start, settings_.patience.max_delay);
}

TEST_F(Pulling, SaysWhyTheHubRefuses) {
  const auto expect_refused = [&](int status, const std::string& code, const std::string& message) {
    hub_.on_reply([&](const Request&, Reply& reply) {
      reply = {.status = status, .headers = {{"X-Error-Code", code}}};
    });
    test::expect_error(
        ErrorCode::user,
        AllOf(HasSubstr("owner/name"), HasSubstr(std::to_string(status)), HasSubstr(message)),
        [&] { pull_model(); });
  };
  expect_refused(401, "RepoNotFound", "HF_TOKEN");
  expect_refused(401, "", "HF_TOKEN");
  expect_refused(403, "GatedRepo", "access is refused");
  expect_refused(401, "GatedRepo", "access is refused");
  expect_refused(404, "RepoNotFound", "check the name");
  expect_refused(404, "RevisionNotFound", "no such revision");
  expect_refused(404, "EntryNotFound", "no such file");
  expect_refused(404, "", "HF_ENDPOINT");
}

TEST_F(Pulling, SaysWhatIsNoHub) {
  const auto expect_nonsense = [&](const Reply& nonsense, ErrorCode code,
                                   const std::string& message) {
    hub_.on_reply([&](const Request&, Reply& reply) { reply = nonsense; });
    test::expect_error(code, HasSubstr(message), [&] { pull_model(); });
  };
  expect_nonsense({.body = "<html>welcome"}, ErrorCode::corrupt, "not valid JSON");
  expect_nonsense({.body = "{}"}, ErrorCode::corrupt, "names no commit");
  expect_nonsense({.body = R"({"sha":"../../x","siblings":[]})"}, ErrorCode::corrupt, "commit");
  expect_nonsense({.body = std::string(R"({"sha":")") + FakeHub::kCommit + "\"}"},
                  ErrorCode::corrupt, "lists no files");
  expect_nonsense({.status = 418}, ErrorCode::io, "418");
  expect_nonsense({.status = 302}, ErrorCode::io, "302");
}

TEST_F(Pulling, SaysWhichFileHasNoChecksum) {
  hub_.on_reply([](const Request& request, Reply& reply) {
    if (request.method == "HEAD") reply.headers["ETag"] = "\"../../../home\"";
  });
  test::expect_error(ErrorCode::io, AllOf(HasSubstr("model_index.json"), HasSubstr("checksum")),
                     [&] { pull_model(); });
}

TEST_F(Pulling, SaysWhatCannotBeReached) {
  settings_.endpoint = "http://127.0.0.1:1";
  settings_.patience.max_failures = 2;
  test::expect_error(ErrorCode::io,
                     AllOf(HasSubstr("127.0.0.1"), HasSubstr(": no server answers there"),
                           HasSubstr("attempt 2 of 2")),
                     [&] { pull_model(); });
}

TEST_F(Pulling, SaysThatTheProxyCannotBeReached) {
  settings_.endpoint = "http://hub.example";
  settings_.patience.max_failures = 1;
  const auto problem_of = [&](const std::string& proxy, const char* problem) {
    ::setenv("http_proxy", proxy.c_str(), 1);
    test::expect_error(ErrorCode::io,
                       AllOf(HasSubstr("http://hub.example/"),
                             HasSubstr(std::string(problem) + " (see http_proxy)")),
                       [&] { pull_model(); });
  };
  problem_of("http://127.0.0.1:1", ": the proxy does not answer");
  const std::string no_host(64, 'x');  // too long for a part of a name, so that nobody is asked
  problem_of("http://" + no_host + ".invalid:1", ": the proxy's host is not found");
  // Nobody says so of a host that needs none.
  settings_.endpoint = "http://127.0.0.1:1";
  test::expect_error(ErrorCode::io, ": no server answers there", [&] { pull_model(); });
  ::unsetenv("http_proxy");
}

TEST_F(Pulling, RedirectsThatNeverEndAreLeft) {
  hub_.on_reply([&](const Request& request, Reply& reply) {
    reply = {.status = 307, .headers = {{"Location", hub_.url() + request.path + "x"}}};
  });
  test::expect_error(ErrorCode::io, HasSubstr("edirect"), [&] { pull_model(); });
}

TEST_F(Pulling, FollowsAModelThatWasRenamed) {
  hub_.on_reply([](const Request& request, Reply& reply) {
    if (request.path.find("/old/") == std::string::npos) return;
    std::string path = request.path;
    path.replace(path.find("/old/"), 5, "/owner/");
    reply = {.status = 307, .headers = {{"Location", path}}};
  });
  repository_.id = "old/name";
  const Pulled pulled = pull_model();
  EXPECT_EQ(read_file(pulled.snapshot / kWeights, 1 << 20), weights_);
  EXPECT_EQ(pulled.snapshot.parent_path().parent_path().filename(), "models--old--name");
}

TEST_F(Pulling, TheTokenIsForTheHubAlone) {
  settings_.token = "hf_secret";
  pull_model();
  for (const Request& request : hub_.hub_requests())
    EXPECT_EQ(request.header("authorization"), "Bearer hf_secret") << request.path;
  ASSERT_FALSE(hub_.storage_requests().empty());
  for (const Request& request : hub_.storage_requests())
    EXPECT_EQ(request.header("authorization"), "") << request.path;
  EXPECT_EQ(hub_.hub_requests().front().header("user-agent"), "ddim");
}

TEST_F(Pulling, RefusesOtherPipelinesBeforeItFetchesThem) {
  hub_.add("model_index.json",
           R"({"_class_name":"StableDiffusionPipeline","scheduler":["diffusers","DDIMScheduler"],)"
           R"("unet":["diffusers","UNet2DConditionModel"]})",
           Storage::git);
  EXPECT_THROW(pull_model(), Error);
  EXPECT_TRUE(hub_.storage_requests().empty());
  EXPECT_FALSE(fs::exists(kept() / "refs"));
}

TEST_F(Pulling, StopsWhenAskedTo) {
  std::stop_source stop;
  const auto report = [&](const PullState& state) {
    if (state.bytes_done > 1000) stop.request_stop();
  };
  hub_.on_reply([](const Request& request, Reply& reply) {
    if (is_get_of_storage(request)) reply.stall_after = 100'000;
  });
  test::expect_error(ErrorCode::interrupted, HasSubstr("stopped"),
                     [&] { pull(settings_, repository_, report, stop.get_token()); });
  const auto kept = fs::file_size(blob(Storage::large, weights_).string() + ".incomplete");
  EXPECT_GT(kept, 1000U);  // where exactly it stops is for the network to say
  EXPECT_LE(kept, 100'000U);
}

TEST_F(Pulling, WaitsForAnotherProgramThatFetchesTheSameFile) {
  const std::string etag = FakeHub::etag(weights_, Storage::large);
  const fs::path lock_file = Cache(settings_.cache).lock(repository_, etag);
  make_folders(lock_file.parent_path());
  make_folders(kept() / "blobs");
  std::thread waiting;
  {
    const FileLock other = FileLock::wait_for(lock_file, {});
    waiting = std::thread([&] { EXPECT_NO_THROW(pull_model()); });
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    EXPECT_FALSE(fs::exists(kept() / "refs")) << "did not wait";
    test::write_text(kept() / "blobs" / etag, weights_);
  }
  waiting.join();
  EXPECT_EQ(pulled_weights(), weights_);
  EXPECT_TRUE(hub_.storage_requests().empty());
}

TEST_F(Pulling, WithoutANetworkTheCacheMustDo) {
  settings_.network = Network::forbidden;
  test::expect_error(ErrorCode::user,
                     AllOf(HasSubstr("ddim pull owner/name"), HasSubstr("HF_HUB_OFFLINE")),
                     [&] { pull_model(); });
  settings_.network = Network::allowed;
  const Pulled online = pull_model();
  settings_.network = Network::forbidden;
  const std::size_t num_requests = hub_.hub_requests().size();
  const Pulled offline = pull_model();
  EXPECT_EQ(offline.snapshot, online.snapshot);
  EXPECT_EQ(offline.commit, online.commit);
  EXPECT_EQ(offline.files, online.files);
  EXPECT_EQ(offline.bytes, online.bytes);
  EXPECT_EQ(hub_.hub_requests().size(), num_requests);
}

TEST_F(Pulling, AModelOfWhichOnlyAPartIsThereIsNotUsed) {
  test::expect_error(ErrorCode::user,
                     AllOf(HasSubstr("no such model"), HasSubstr("ddim pull owner/name")),
                     [&] { find_snapshot(settings_.cache, repository_); });
  pull_model();
  fs::remove(blob(Storage::large, weights_));
  test::expect_error(ErrorCode::user,
                     AllOf(HasSubstr("only a part"), HasSubstr("ddim pull owner/name")),
                     [&] { find_snapshot(settings_.cache, repository_); });
}

// --- single files with their checksum in their names ---

class Publishing : public testing::Test {
 protected:
  Publishing() {
    ::setenv("no_proxy", "127.0.0.1", 1);
    settings_.patience.first_delay = std::chrono::milliseconds(1);
    settings_.patience.max_failures = 2;
  }

  /// Answers with `content`, or what a range asks of it.
  Reply answer(const Request& request) {
    const std::string range = request.header("range");
    const std::size_t first = range.empty() ? 0 : std::stoul(range.substr(6));
    if (request.path != "/files/" + name_) return {.status = 404};
    if (first >= content_.size()) return {.status = 416};
    Reply reply{.status = range.empty() ? 200 : 206, .body = content_.substr(first)};
    if (!range.empty()) {
      reply.headers["Content-Range"] =
          concat("bytes ", first, "-", content_.size() - 1, "/", content_.size());
    }
    if (change_) change_(reply);
    return reply;
  }
  FetchedFile fetch() {
    const PublishedFile file{.url = server_.url() + "/files/" + name_, .path = path()};
    return fetch_published(settings_, file, [this](const DownloadState& state) { last_ = state; },
                           {});
  }
  fs::path path() const { return folder_ / "checkpoints" / name_; }
  fs::path incomplete() const { return folder_ / "checkpoints" / ("." + name_ + ".incomplete"); }

  test::TemporaryFolder folder_;
  const std::string content_ = random_bytes(kNumWeightBytes);
  const std::string sha256_ = FakeHub::etag(content_, Storage::large);
  std::string name_ = "network-2015-12-05-" + sha256_.substr(0, 8) + ".pth";
  std::function<void(Reply&)> change_;
  DownloadState last_;
  Settings settings_;
  hub_test::HttpServer server_{[this](const Request& request) { return answer(request); }};
};

TEST_F(Publishing, FetchesAFileOnce) {
  const FetchedFile fetched = fetch();
  EXPECT_EQ(fetched.sha256, sha256_);
  EXPECT_EQ(fetched.bytes, kNumWeightBytes);
  EXPECT_EQ(fetched.bytes_fetched, kNumWeightBytes);
  EXPECT_EQ(last_.bytes_done, kNumWeightBytes);
  EXPECT_EQ(last_.bytes, kNumWeightBytes);
  EXPECT_EQ(read_file(path(), 1 << 20), content_);
  EXPECT_FALSE(fs::exists(incomplete()));
  EXPECT_EQ(fetch().bytes_fetched, 0U);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(Publishing, GoesOnWhereAnInterruptedDownloadEnded) {
  change_ = [n = 0](Reply& reply) mutable {
    if (n++ == 0) reply.cut_after = 50'000;
  };
  EXPECT_EQ(fetch().bytes_fetched, kNumWeightBytes);
  ASSERT_EQ(server_.requests().size(), 2U);
  EXPECT_EQ(server_.requests()[1].header("range"), "bytes=50000-");
  EXPECT_EQ(read_file(path(), 1 << 20), content_);
}

TEST_F(Publishing, GoesOnWithWhatAnotherProcessLeftAndBeginsAgainWhereThatWasDamaged) {
  fs::create_directories(incomplete().parent_path());
  test::write_text(incomplete(), content_.substr(0, 120'000));
  EXPECT_EQ(fetch().bytes_fetched, kNumWeightBytes - 120'000);
  EXPECT_EQ(read_file(path(), 1 << 20), content_);

  fs::remove(path());
  test::write_text(incomplete(), std::string(120'000, 'x'));
  fetch();
  EXPECT_EQ(read_file(path(), 1 << 20), content_);
  // Whole already, when only its last name was missing.
  fs::rename(path(), incomplete());
  fetch();
  EXPECT_EQ(read_file(path(), 1 << 20), content_);
}

TEST_F(Publishing, ReplacesAFileOfAnotherContent) {
  fs::create_directories(path().parent_path());
  test::write_text(path(), "an error page");
  fetch();
  EXPECT_EQ(read_file(path(), 1 << 20), content_);
}

TEST_F(Publishing, RefusesAnotherContentThanTheNameSays) {
  name_ = "network-00000000.pth";
  test::expect_error(ErrorCode::corrupt, AllOf(HasSubstr(name_), HasSubstr("00000000")),
                     [&] { fetch(); });
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(Publishing, SaysWhereNothingIs) {
  const PublishedFile file{.url = server_.url() + "/elsewhere", .path = path()};
  test::expect_error(ErrorCode::user, AllOf(HasSubstr("/elsewhere"), HasSubstr("404")),
                     [&] { fetch_published(settings_, file, [](const DownloadState&) {}, {}); });
  settings_.network = Network::forbidden;
  test::expect_error(ErrorCode::user, HasSubstr("HF_HUB_OFFLINE"), [&] { fetch(); });
}

}  // namespace
}  // namespace ddim::engine::hub
