#include "base/file_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <system_error>
#include <thread>

#include "base/appended_file.h"
#include "base/error.h"
#include "base/folder.h"
#include "tests/base_files/faulty_file_system.h"
#include "tests/base_files/power_loss.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine {
namespace {

/// Of no earlier version.
bool no_names(std::string_view, TemporaryKind) { return false; }

namespace fs = std::filesystem;
using test::Fault;
using test::FaultyFileSystem;
using test::read_text;
using test::Repeat;
using test::TemporaryFolder;
using test::write_text;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::string kOld = "old content";
const std::string kNew(5000, 'n');

/// kNew in pieces of 1000 bytes.
FileContent new_content() {
  return {kNew.size(), [](const ByteSink& sink) {
            const auto bytes = std::as_bytes(std::span(kNew));
            for (std::size_t i = 0; i < bytes.size(); i += 1000) sink(bytes.subspan(i, 1000));
          }};
}

TEST(WriteFileDurably, WritesAndReplaces) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.bin";
  write_file_durably(path, kOld, Overwrite::refuse);
  EXPECT_EQ(read_text(path), kOld);
  write_file_durably(path, new_content(), Overwrite::allow);
  EXPECT_EQ(read_text(path), kNew);
  write_file_durably(path, "", Overwrite::allow);
  EXPECT_EQ(read_text(path), "");
  EXPECT_THAT(names_in(folder.path()), ElementsAre("a.bin"));
}

TEST(WriteFileDurably, AReplacedFileKeepsItsMode) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.bin";
  for (const unsigned mode : {0600U, 0640U, 0666U}) {
    write_text(path, kOld);
    fs::permissions(path, fs::perms{mode});
    write_file_durably(path, kNew, Overwrite::allow);
    EXPECT_EQ(fs::status(path).permissions(), fs::perms{mode});
    EXPECT_EQ(read_text(path), kNew);
  }
}

TEST(WriteFileDurably, WritesIntoTheWorkingFolder) {
  const TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  write_file_durably("plain.txt", kNew, Overwrite::refuse);
  fs::current_path(before);
  EXPECT_EQ(read_text(folder / "plain.txt"), kNew);
}

TEST(WriteFileDurably, RefusesToOverwrite) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.bin";
  write_text(path, kOld);
  const auto write = [&] { write_file_durably(path, new_content(), Overwrite::refuse); };
  test::expect_error(ErrorCode::user, AllOf(HasSubstr(path.string()), HasSubstr("exists")), write);
  // A dangling link is something that exists, too.
  fs::remove(path);
  fs::create_symlink(folder / "nowhere", path);
  test::expect_error(ErrorCode::user, HasSubstr("exists"), write);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("a.bin"));
}

TEST(WriteFileDurably, ReplacesWhatALinkNames) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "far");
  fs::create_symlink("far/second", folder / "first");
  fs::create_symlink("a.bin", folder / "far/second");
  const auto expect_written = [&](const std::string& content) {
    write_file_durably(folder / "first", content, Overwrite::allow);
    EXPECT_EQ(fs::read_symlink(folder / "first"), "far/second");
    EXPECT_EQ(fs::read_symlink(folder / "far/second"), "a.bin");
    EXPECT_EQ(read_text(folder / "far/a.bin"), content);
    EXPECT_THAT(names_in(folder / "far"), UnorderedElementsAre("a.bin", "second"));
    EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("far", "first"));
  };
  expect_written(kOld);  // which the links named before it was there
  expect_written(kNew);

  fs::remove(folder / "far/second");
  fs::create_symlink(folder / "far/a.bin", folder / "far/second");  // absolute
  write_file_durably(folder / "first", kOld, Overwrite::allow);
  EXPECT_EQ(read_text(folder / "far/a.bin"), kOld);
}

TEST(WriteFileDurably, LinksThatLeadNowhereAreAnError) {
  const TemporaryFolder folder;
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("missing/a.bin", folder / "lost");
  for (const char* name : {"loop", "lost"}) {
    test::expect_error(ErrorCode::io, HasSubstr("cannot write"),
                       [&] { write_file_durably(folder / name, kNew, Overwrite::allow); });
  }
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("loop", "lost"));
}

// /dev/stdout, where that is a file: whoever has it open is to see what was written.
TEST(WriteFileDurably, AnOpenFileIsAddedToWhereItStands) {
  const TemporaryFolder folder;
  const fs::path path = folder / "out.txt";
  test::write_text(path, "before ");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  for (const std::string name : {"/dev/fd/", "/proc/self/fd/"})
    write_file_durably(name + std::to_string(descriptor), "more ", Overwrite::allow);
  fs::create_symlink("/dev/fd/" + std::to_string(descriptor), folder / "link");
  write_file_durably(folder / "link", "end", Overwrite::allow);
  std::array<char, 64> read{};
  EXPECT_EQ(::pread(descriptor, read.data(), read.size(), 0), 20);
  EXPECT_STREQ(read.data(), "before more more end");
  ::close(descriptor);
}

TEST(WriteFileDurably, DevicesAndPipesStayWhatTheyAre) {
  const TemporaryFolder folder;
  write_file_durably("/dev/null", kNew, Overwrite::allow);
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  fs::create_symlink("/dev/full", folder / "full");
  test::expect_error(ErrorCode::io, HasSubstr("No space left"),
                     [&] { write_file_durably(folder / "full", kNew, Overwrite::allow); });

  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::string read;
  std::thread reader([&] { read = read_text(pipe); });
  write_file_durably(pipe, new_content(), Overwrite::allow);
  reader.join();
  EXPECT_EQ(read, kNew);
  EXPECT_TRUE(fs::is_fifo(pipe));

  const int listening = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = folder / "socket";
  ASSERT_LT(name.size(), sizeof address.sun_path);
  name.copy(address.sun_path, name.size());
  ASSERT_EQ(bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  test::expect_error(ErrorCode::user, HasSubstr("is a socket"),
                     [&] { write_file_durably(name, kNew, Overwrite::allow); });
  close(listening);
  EXPECT_TRUE(fs::is_socket(name));
}

TEST(WriteFileDurably, RefusesWhatAppearsWhileItWrites) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.bin";
  const FileContent slow{3, [&](const ByteSink& sink) {
                           write_text(path, kOld);
                           sink(std::as_bytes(std::span("new", 3)));
                         }};
  test::expect_error(ErrorCode::user, HasSubstr("exists"),
                     [&] { write_file_durably(path, slow, Overwrite::refuse); });
  EXPECT_EQ(read_text(path), kOld);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("a.bin"));
}

TEST(WriteFileDurably, LeavesNothingWhenTheContentThrows) {
  const TemporaryFolder folder;
  const FileContent bad{10, [](const ByteSink& sink) {
                          sink(std::as_bytes(std::span("half", 4)));
                          fail(ErrorCode::numeric, "NaN in the middle");
                        }};
  test::expect_error(ErrorCode::numeric, HasSubstr("NaN in the middle"),
                     [&] { write_file_durably(folder / "a.bin", bad, Overwrite::refuse); });
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
}

TEST(WriteFileDurably, LeavesNothingWhenTheContentHasAnotherSize) {
  const TemporaryFolder folder;
  const FileContent bad(4, [](const ByteSink& sink) { sink(std::as_bytes(std::span("abc", 3))); });
  const auto expect_refused = [](const auto& write) {
    test::expect_error(ErrorCode::internal, HasSubstr("3 bytes were written in place of 4"), write);
  };
  expect_refused([&] { write_file_durably(folder / "a.bin", bad, Overwrite::refuse); });
  expect_refused([&] { DurableFolder(folder / "b", Manifest::write).write_file("a.bin", bad); });
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
}

TEST(WriteFileDurably, RemovesWhatAKilledProcessLeft) {
  const TemporaryFolder folder;
  write_text(folder / "a.bin.tmp-ddim-0", "half");
  write_text(folder / "a.bin.tmp-ddim-1", "half");
  write_text(folder / "notes.tmp-ddim-0", "of another file");
  write_file_durably(folder / "a.bin", kNew, Overwrite::refuse);
  EXPECT_EQ(read_text(folder / "a.bin"), kNew);
  EXPECT_THAT(names_in(folder.path()),
              ElementsAre("a.bin", "a.bin.tmp-ddim-1", "notes.tmp-ddim-0"));
  remove_leftovers(folder.path(), no_names);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("a.bin"));

  write_text(folder / "b.tmp-ddim-0" / "unet" / "config.json", "half");
  { DurableFolder(folder / "b", Manifest::leave_out).commit(); }
  EXPECT_THAT(names_in(folder.path()), ElementsAre("a.bin", "b"));
}

// As two processes that write the same file do: locks are of the open file, not of the process.
TEST(WriteFileDurably, KeepsWhatIsBeingWritten) {
  const TemporaryFolder folder;
  const auto write_inside = [&](const std::string& name) {
    return FileContent{3, [&, name](const ByteSink& sink) {
                         remove_leftovers(folder.path(), no_names);
                         write_file_durably(folder / name, "inner", Overwrite::allow);
                         EXPECT_TRUE(fs::exists(folder / (name + ".tmp-ddim-0")));
                         sink(std::as_bytes(std::span("new", 3)));
                       }};
  };
  write_file_durably(folder / "a.bin", write_inside("a.bin"), Overwrite::allow);
  EXPECT_EQ(read_text(folder / "a.bin"), "new");
  {
    DurableFolder output(folder / "b", Manifest::leave_out);
    output.write_file("x", "1");
    remove_leftovers(folder.path(), no_names);
    output.commit();
  }
  EXPECT_EQ(read_text(folder / "b" / "x"), "1");
  EXPECT_THAT(names_in(folder.path()), ElementsAre("a.bin", "b"));
}

TEST(WriteFileDurably, TheLockLastsUntilTheRename) {
  // Between the closing of the file and the rename, another process looks for leftovers.
  class Cleaning : public FileSystem {
   public:
    explicit Cleaning(fs::path folder) : folder_(std::move(folder)) {}
    int call_rename_no_replace(const char* from, const char* to) override {
      remove_leftovers(folder_, no_names);
      return FileSystem::call_rename_no_replace(from, to);
    }

   private:
    fs::path folder_;
  };
  const TemporaryFolder folder;
  Cleaning file_system(folder.path());
  write_file_durably(folder / "a.bin", kNew, Overwrite::refuse, file_system);
  EXPECT_EQ(read_text(folder / "a.bin"), kNew);
}

TEST(RemoveLeftovers, KnowsNamesAndOwnersOfEarlierVersionsToo) {
  for (const char* name : {"a.tmp-ddim-0", "a.png.tmp-ddim-17"})
    EXPECT_TRUE(is_temporary_name(name)) << name;
  for (const char* name : {"a.bin", "a.tmp-x", "a.tmp-", "a.tmp-123-0", "a.tmp-ddim-",
                           "a.tmp-ddim-x", "a.tmp-ddim-2026-11-28", "a.tmp"})
    EXPECT_FALSE(is_temporary_name(name)) << name;

  const TemporaryFolder folder;
  const std::string of_this_process = "a.tmp-" + std::to_string(::getpid()) + "-0";
  write_text(folder / of_this_process, "half");
  write_text(folder / "a.tmp-999999999-0", "half");
  write_text(folder / "a.tmp-999999998-0" / "x", "a person's");
  write_text(folder / "b.tmp-999999998-0" / "x", "half");
  write_text(folder / "b.tmp-999999999-0", "a person's");
  write_text(folder / "backup.tmp-2026-11-28" / "x", "a person's");
  write_text(folder / "mine.tmp", "a person's");
  write_text(folder / "target", "a person's");
  fs::create_symlink("target", folder / "link.tmp-ddim-0");
  const auto is_ours = [](std::string_view name, TemporaryKind kind) {
    return name == (kind == TemporaryKind::file ? "a" : "b");
  };
  remove_leftovers(folder.path(), is_ours);
  EXPECT_THAT(names_in(folder.path()),
              ElementsAre(of_this_process, "a.tmp-999999998-0", "b.tmp-999999999-0",
                          "backup.tmp-2026-11-28", "link.tmp-ddim-0", "mine.tmp", "target"));
  remove_leftovers(folder / "absent", is_ours);
}

TEST(RemoveLeftovers, OfAPersonsFolderOnlyFilesOfOurNamesGo) {
  const TemporaryFolder folder;
  for (const char* name :
       {"000001.png.tmp-ddim-0", "notes.tmp-ddim-0", "000001.png.tmp-2024", "notes.tmp-2024-05-01"})
    write_text(folder / name, "half");
  write_text(folder / "000002.png.tmp-ddim-0" / "x", "a person's");
  write_text(folder / "backup.tmp-2024-05-01" / "x", "a person's");
  remove_leftover_files(folder.path(), [](std::string_view name) { return name.ends_with("png"); });
  EXPECT_THAT(names_in(folder.path()),
              ElementsAre("000001.png.tmp-2024", "000002.png.tmp-ddim-0", "backup.tmp-2024-05-01",
                          "notes.tmp-2024-05-01", "notes.tmp-ddim-0"));
  EXPECT_EQ(read_text(folder / "000002.png.tmp-ddim-0" / "x"), "a person's");

  // Who writes a file meets a folder under its temporary name.
  write_text(folder / "a.bin.tmp-ddim-0" / "x", "a person's");
  write_file_durably(folder / "a.bin", kNew, Overwrite::refuse);
  EXPECT_EQ(read_text(folder / "a.bin.tmp-ddim-0" / "x"), "a person's");
}

TEST(MakeFolders, MakesTheirNamesDurable) {
  const TemporaryFolder parent;
  test::RecordingFileSystem file_system(parent.path());
  EXPECT_TRUE(make_folders(parent / "a/b/c/", file_system));
  EXPECT_FALSE(make_folders(parent / "a/b", file_system));
  write_file_durably(parent / "a/b/c/x", kNew, Overwrite::refuse, file_system);
  file_system.visit_states([&](int done, const test::DiskFiles& files) {
    if (done == file_system.num_calls()) {
      EXPECT_EQ(files, (test::DiskFiles{{"a/b/c/x", kNew}}));
    }
  });
  write_text(parent / "file", "");
  test::expect_error(
      ErrorCode::io,
      "cannot make the folder " + (parent / "file/d/e").string() + ": Not a directory",
      [&] { make_folders(parent / "file/d/e"); });
}

struct FaultCase {
  const char* name;
  int reason;
  Repeat repeat;
  Fault fault;
  /// Whether the writer is to get over it.
  bool survivable;
};

void PrintTo(const FaultCase& fault, std::ostream* out) { *out << fault.name; }

const FaultCase kFaults[] = {
    {"ENOSPC", ENOSPC, Repeat::once, Fault::error, false},
    {"EIO", EIO, Repeat::once, Fault::error, false},
    {"ENOSPCForGood", ENOSPC, Repeat::persistent, Fault::error, false},
    {"EIOForGood", EIO, Repeat::persistent, Fault::error, false},
    {"EINTR", EINTR, Repeat::once, Fault::error, true},
    {"EINTRForGood", EINTR, Repeat::persistent, Fault::error, false},
    {"ShortWrite", ENOSPC, Repeat::once, Fault::short_write, true},
    {"ShortWritesForGood", ENOSPC, Repeat::persistent, Fault::short_write, true},
};

class FaultTest : public testing::TestWithParam<FaultCase> {
 protected:
  /// Calls attempt(file_system) with the k-th call failing, for every k there is, and check(...)
  /// with what it threw (nullopt: nothing).
  template <class Attempt, class Check>
  void for_every_call(const Attempt& attempt, const Check& check) {
    const FaultCase& fault = GetParam();
    for (int k = 0;; ++k) {
      SCOPED_TRACE(concat(fault.name, " at call ", k));
      FaultyFileSystem file_system(k, fault.reason, fault.repeat, fault.fault);
      std::optional<Error> error;
      try {
        attempt(file_system);
      } catch (const Error& thrown) {
        error = thrown;
      }
      if (!file_system.hit()) {
        EXPECT_GE(k, 8) << "the faults must have reached writes, syncs and the rename";
        EXPECT_FALSE(error);
        return;
      }
      check(file_system, error);
      if (HasFailure()) return;
    }
  }

  /// Whether this fault at a call of that name is one that the writer must get over.
  bool survives(const std::string& call) const {
    const FaultCase& fault = GetParam();
    if (fault.fault == Fault::short_write) return call == "write";
    // Linux has closed the file even so, and after the fsync nothing can be lost.
    return fault.survivable || (fault.reason == EINTR && call == "close");
  }

  void expect_message(const Error& error, const std::string& path, std::size_t bytes) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_THAT(std::string(error.what()),
                AllOf(HasSubstr("cannot write " + path),
                      HasSubstr(std::system_category().message(GetParam().reason)),
                      HasSubstr(std::to_string(bytes) + " bytes are needed")));
  }
};

TEST_P(FaultTest, FileIsOldOrNewAndNothingIsLeft) {
  for (const Overwrite overwrite : {Overwrite::refuse, Overwrite::allow}) {
    std::optional<TemporaryFolder> folder;
    for_every_call(
        [&](FileSystem& file_system) {
          folder.emplace();
          if (overwrite == Overwrite::allow) write_text(*folder / "a.bin", kOld);
          write_file_durably(*folder / "a.bin", new_content(), overwrite, file_system);
        },
        [&](const FaultyFileSystem& file_system, const std::optional<Error>& error) {
          const fs::path path = *folder / "a.bin";
          if (error) expect_message(*error, path.string(), kNew.size());
          const std::vector<std::string> names = names_in(folder->path());
          if (!error) {
            EXPECT_TRUE(survives(file_system.hit_name()) || file_system.hit_name() == "close");
            EXPECT_THAT(names, ElementsAre("a.bin"));
            EXPECT_EQ(read_text(path), kNew);
          } else if (std::string(error->what()).find("complete and in place") !=
                     std::string::npos) {
            EXPECT_EQ(read_text(path), kNew);
          } else {
            EXPECT_FALSE(survives(file_system.hit_name())) << error->what();
            const bool replacing = overwrite == Overwrite::allow;
            EXPECT_EQ(names,
                      replacing ? std::vector<std::string>{"a.bin"} : std::vector<std::string>{});
            EXPECT_EQ(read_text(path), replacing ? kOld : "");
          }
        });
  }
}

TEST_P(FaultTest, FolderIsCompleteOrNotThere) {
  std::optional<TemporaryFolder> parent;
  for_every_call(
      [&](FileSystem& file_system) {
        parent.emplace();
        DurableFolder folder(*parent / "step-1", Manifest::write, file_system);
        folder.write_file("weights.bin", new_content());
        folder.write_file("unet/config.json", kOld);
        folder.commit();
      },
      [&](const FaultyFileSystem& file_system, const std::optional<Error>& error) {
        const std::vector<std::string> names = names_in(parent->path());
        const std::string path = (*parent / "step-1").string();
        if (error) {
          EXPECT_EQ(error->code(), ErrorCode::io);
          EXPECT_THAT(std::string(error->what()), HasSubstr("cannot write " + path));
        }
        if (!error ||
            std::string(error->what()).find("complete and in place") != std::string::npos) {
          EXPECT_THAT(names, ElementsAre("step-1"));
          EXPECT_EQ(verify_manifest(*parent / "step-1"), std::nullopt);
        } else {
          EXPECT_FALSE(survives(file_system.hit_name())) << error->what();
          EXPECT_THAT(names, IsEmpty());
        }
      });
}

INSTANTIATE_TEST_SUITE_P(Every, FaultTest, testing::ValuesIn(kFaults),
                         [](const auto& fault) { return std::string(fault.param.name); });

TEST(DurableFolder, RefusesWhatExistsAndNamesThatLeaveIt) {
  const TemporaryFolder parent;
  fs::create_directory(parent / "run");
  test::expect_error(ErrorCode::user, AllOf(HasSubstr("run"), HasSubstr("exists")),
                     [&] { DurableFolder folder(parent / "run", Manifest::leave_out); });
  test::expect_error(ErrorCode::io, HasSubstr("absent"),
                     [&] { DurableFolder folder(parent / "absent" / "run", Manifest::leave_out); });
  {
    DurableFolder folder(parent / "new/", Manifest::leave_out);
    for (const char* name : {"", "/etc/x", "../x", "a/../x", "a/", "./a", "a//b", "a\"b", "a\nb"}) {
      test::expect_error(ErrorCode::user, HasSubstr("cannot name a file"),
                         [&] { folder.write_file(name, "x"); });
    }
    folder.write_file("twice", "x");
    test::expect_error(ErrorCode::user, HasSubstr("twice already"),
                       [&] { folder.write_file("twice", "y"); });
  }
  EXPECT_THAT(names_in(parent.path()), ElementsAre("run"));
}

TEST(DurableFolder, RefusesWhatAppearsWhileItWrites) {
  const TemporaryFolder parent;
  {
    DurableFolder folder(parent / "run", Manifest::leave_out);
    folder.write_file("a", "x");
    fs::create_directory(parent / "run");
    test::expect_error(ErrorCode::user, HasSubstr("exists"), [&] { folder.commit(); });
  }
  EXPECT_THAT(names_in(parent.path()), ElementsAre("run"));
  EXPECT_THAT(names_in(parent / "run"), IsEmpty());
}

TEST(DurableFolder, WithoutManifestHoldsTheFilesOnly) {
  const TemporaryFolder parent;
  DurableFolder folder(parent / "model", Manifest::leave_out);
  folder.write_file("unet/config.json", "{}");
  folder.write_file("scheduler/a/b", "deep");
  folder.commit();
  EXPECT_THAT(names_in(parent / "model"), ElementsAre("scheduler", "unet"));
  EXPECT_EQ(read_text(parent / "model" / "scheduler/a/b"), "deep");
}

// The real system refuses: a limit on file sizes does to write() what a full disk does.
TEST(WriteFileDurably, RealLimitOfTheSystem) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.bin";
  write_text(path, kOld);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{3500, before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  try {
    write_file_durably(path, new_content(), Overwrite::allow);
    ADD_FAILURE() << "the limit did not bite";
  } catch (const Error& error) {
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_THAT(std::string(error.what()),
                AllOf(HasSubstr(path.string()), HasSubstr("5000 bytes are needed")));
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(read_text(path), kOld);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("a.bin"));
}

TEST(AppendedFile, GrowsAtOnceAndSaysWhyItCannot) {
  const TemporaryFolder folder;
  write_text(folder / "a.csv", "one\n");
  AppendedFile file(folder / "a.csv");
  file.add("two\n");
  EXPECT_EQ(read_text(folder / "a.csv"), "one\ntwo\n");
  test::expect_error(ErrorCode::io, "cannot write /dev/full: No space left on device",
                     [] { AppendedFile("/dev/full").add("x"); });
  test::expect_error(ErrorCode::io, "b.csv: No such file",
                     [&] { AppendedFile absent(folder / "b.csv"); });
}

TEST(WriteFileDurably, FolderThatCannotBeWritten) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "locked");
  fs::permissions(folder / "locked", fs::perms::owner_read | fs::perms::owner_exec);
  // Permissions do not stop root; nobody creates files in /proc.
  const fs::path locked = ::geteuid() == 0 ? fs::path("/proc") : folder / "locked";
  const fs::path path = locked / "a.bin";
  test::expect_error(ErrorCode::io,
                     AllOf(HasSubstr("cannot write " + path.string()), HasSubstr("5000 bytes")),
                     [&] { write_file_durably(path, new_content(), Overwrite::allow); });
  test::expect_error(ErrorCode::io, HasSubstr(path.string()),
                     [&] { DurableFolder output(path, Manifest::leave_out); });
  test::expect_error(ErrorCode::io, HasSubstr("No such file"), [&] {
    write_file_durably(folder / "absent" / "a.bin", kNew, Overwrite::refuse);
  });
  test::expect_error(ErrorCode::user, HasSubstr("does not name a file"),
                     [&] { write_file_durably(folder / "x/", kNew, Overwrite::refuse); });
}

}  // namespace
}  // namespace ddim::engine
