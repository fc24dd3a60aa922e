// A library to be preloaded into the program: the N-th system call of a kind fails, where
// DDIM_FAIL_CALL is "KIND:FAULT:N", or it and all after it, where that is "KIND:FAULT:N+".
//   KIND    open, read, write, fsync, rename, close, mmap, mkdir or truncate
//   FAULT   ENOSPC, EIO, EINTR, EACCES or ENOMEM; or short: half of the bytes
// Only calls count that concern files below the folder DDIM_FAIL_BELOW. At the end of the process,
// the number of calls of each kind is written to the file DDIM_COUNT_CALLS, a line each, and
// whether one of them has failed.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum Kind { kOpen, kRead, kWrite, kFsync, kRename, kClose, kMmap, kMkdir, kTruncate, kNumKinds };
constexpr const char* kNames[kNumKinds] = {"open",  "read", "write", "fsync",   "rename",
                                           "close", "mmap", "mkdir", "truncate"};
constexpr struct {
  const char* name;
  int reason;  ///< 0: half of the bytes
} kFaults[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EINTR", EINTR},
               {"EACCES", EACCES}, {"ENOMEM", ENOMEM}, {"short", 0}};

std::array<std::atomic<long>, kNumKinds> num_calls{};
std::atomic<bool> hit = false;

/// What fails, from the environment. No memory is asked for: calls come from everywhere.
struct Plan {
  int kind = -1;
  int reason = 0;
  long first = 0;
  bool persistent = false;
  char below[PATH_MAX] = "";
  std::size_t below_size = 0;

  Plan() {
    if (const char* const folder = std::getenv("DDIM_FAIL_BELOW")) {
      std::snprintf(below, sizeof below, "%s", folder);
      below_size = std::strlen(below);
    }
    const char* const text = std::getenv("DDIM_FAIL_CALL");
    char name[16] = "", fault[16] = "", plus = 0;
    if (text == nullptr ||
        std::sscanf(text, "%15[^:]:%15[^:]:%ld%c", name, fault, &first, &plus) < 3)
      return;
    persistent = plus == '+';
    for (int i = 0; i < kNumKinds; ++i)
      if (std::strcmp(kNames[i], name) == 0) kind = i;
    for (const auto& known : kFaults)
      if (std::strcmp(known.name, fault) == 0) reason = known.reason;
  }
};

const Plan& plan() {
  static const Plan plan;
  return plan;
}

bool is_below(const char* path) {
  if (plan().below_size == 0) return false;
  return path[0] != '/' || std::strncmp(path, plan().below, plan().below_size) == 0;
}

bool is_below(int descriptor) {
  char link[64], path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  if (size <= 0 || path[0] != '/') return false;
  path[size] = '\0';
  return is_below(path);
}

/// Counts a call on a path or a descriptor; whether it is to fail. Leaves the reason in errno.
template <class Where>
bool fails(Kind kind, Where where) {
  const int before = errno;
  const bool counts = is_below(where);
  errno = before;
  if (!counts) return false;
  const long call = ++num_calls[static_cast<std::size_t>(kind)];
  if (kind != plan().kind || call < plan().first || (call > plan().first && !plan().persistent))
    return false;
  hit = true;
  errno = plan().reason;
  return true;
}

/// No signal interrupts the opening of a folder.
bool fails_to_open(int flags, auto where) {
  if ((flags & O_DIRECTORY) != 0 && plan().reason == EINTR) return false;
  return fails(kOpen, where);
}

/// The function of this name that would have been called.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// A call that moves `size` bytes, or half of them, or fails.
template <class Call>
ssize_t moving(Kind kind, int descriptor, std::size_t size, const Call& call) {
  if (!fails(kind, descriptor)) return call(size);
  if (plan().reason != 0) return -1;
  return call(size > 1 ? size / 2 : size);
}

struct Report {
  ~Report() {
    const char* const path = std::getenv("DDIM_COUNT_CALLS");
    if (path == nullptr) return;
    std::FILE* const file = next<std::FILE*(const char*, const char*)>("fopen")(path, "w");
    if (file == nullptr) return;
    for (int i = 0; i < kNumKinds; ++i)
      std::fprintf(file, "%s %ld\n", kNames[i], num_calls[static_cast<std::size_t>(i)].load());
    std::fprintf(file, "hit %d\n", hit ? 1 : 0);
    std::fclose(file);
  }
} report;

mode_t mode_in(int flags, va_list& arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

#define DDIM_OPEN(NAME)                                                \
  int NAME(const char* path, int flags, ...) {                         \
    va_list arguments;                                                 \
    va_start(arguments, flags);                                        \
    const mode_t mode = mode_in(flags, arguments);                     \
    va_end(arguments);                                                 \
    static auto* const real = next<int(const char*, int, ...)>(#NAME); \
    return fails_to_open(flags, path) ? -1 : real(path, flags, mode);  \
  }                                                                    \
  static_assert(true)
DDIM_OPEN(open);
DDIM_OPEN(open64);

#define DDIM_OPENAT(NAME)                                                                 \
  int NAME(int folder, const char* path, int flags, ...) {                                \
    va_list arguments;                                                                    \
    va_start(arguments, flags);                                                           \
    const mode_t mode = mode_in(flags, arguments);                                        \
    va_end(arguments);                                                                    \
    static auto* const real = next<int(int, const char*, int, ...)>(#NAME);               \
    const bool by_folder = path[0] != '/' && folder != AT_FDCWD;                          \
    if (by_folder ? fails_to_open(flags, folder) : fails_to_open(flags, path)) return -1; \
    return real(folder, path, flags, mode);                                               \
  }                                                                                       \
  static_assert(true)
DDIM_OPENAT(openat);
DDIM_OPENAT(openat64);

#define DDIM_FOPEN(NAME)                                                         \
  std::FILE* NAME(const char* path, const char* how) {                           \
    static auto* const real = next<std::FILE*(const char*, const char*)>(#NAME); \
    return fails(kOpen, path) ? nullptr : real(path, how);                       \
  }                                                                              \
  static_assert(true)
DDIM_FOPEN(fopen);
DDIM_FOPEN(fopen64);

// The library reads by a call of its own, which nobody can replace: where the open file becomes a
// folder, it fails.
std::size_t fread(void* bytes, std::size_t size, std::size_t count, std::FILE* file) {
  static auto* const real = next<std::size_t(void*, std::size_t, std::size_t, std::FILE*)>("fread");
  if (fails(kRead, fileno(file)) && plan().reason != 0 && plan().reason != EINTR) {
    static auto* const real_open = next<int(const char*, int, ...)>("open");
    const int folder = real_open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ::dup3(folder, fileno(file), O_CLOEXEC);
    next<int(int)>("close")(folder);
  }
  return real(bytes, size, count, file);
}

ssize_t read(int descriptor, void* bytes, std::size_t size) {
  static auto* const real = next<ssize_t(int, void*, std::size_t)>("read");
  return moving(kRead, descriptor, size,
                [&](std::size_t count) { return real(descriptor, bytes, count); });
}
ssize_t pread(int descriptor, void* bytes, std::size_t size, off_t offset) {
  static auto* const real = next<ssize_t(int, void*, std::size_t, off_t)>("pread");
  return moving(kRead, descriptor, size,
                [&](std::size_t count) { return real(descriptor, bytes, count, offset); });
}
ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  static auto* const real = next<ssize_t(int, const void*, std::size_t)>("write");
  return moving(kWrite, descriptor, size,
                [&](std::size_t count) { return real(descriptor, bytes, count); });
}
ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  static auto* const real = next<ssize_t(int, const void*, std::size_t, off_t)>("pwrite");
  return moving(kWrite, descriptor, size,
                [&](std::size_t count) { return real(descriptor, bytes, count, offset); });
}
ssize_t writev(int descriptor, const iovec* pieces, int count) {
  static auto* const real = next<ssize_t(int, const iovec*, int)>("writev");
  if (!fails(kWrite, descriptor)) return real(descriptor, pieces, count);
  return plan().reason != 0 ? -1 : real(descriptor, pieces, count > 1 ? count / 2 : 1);
}

#define DDIM_SYNC(NAME)                                \
  int NAME(int descriptor) {                           \
    /* the real one is slow, and shows nothing here */ \
    return fails(kFsync, descriptor) ? -1 : 0;         \
  }                                                    \
  static_assert(true)
DDIM_SYNC(fsync);
DDIM_SYNC(fdatasync);
DDIM_SYNC(syncfs);

int rename(const char* from, const char* to) noexcept {
  static auto* const real = next<int(const char*, const char*)>("rename");
  return fails(kRename, to) ? -1 : real(from, to);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  static auto* const real = next<int(int, const char*, int, const char*, unsigned)>("renameat2");
  return fails(kRename, to) ? -1 : real(from_folder, from, to_folder, to, flags);
}
int mkdir(const char* path, mode_t mode) noexcept {
  static auto* const real = next<int(const char*, mode_t)>("mkdir");
  return fails(kMkdir, path) ? -1 : real(path, mode);
}
int truncate(const char* path, off_t size) noexcept {
  static auto* const real = next<int(const char*, off_t)>("truncate");
  return fails(kTruncate, path) ? -1 : real(path, size);
}
int ftruncate(int descriptor, off_t size) noexcept {
  static auto* const real = next<int(int, off_t)>("ftruncate");
  return fails(kTruncate, descriptor) ? -1 : real(descriptor, size);
}

// As the kernel does it: the descriptor is gone whatever the call returns.
int close(int descriptor) {
  static auto* const real = next<int(int)>("close");
  const bool failed = fails(kClose, descriptor);
  const int reason = errno;
  const int result = real(descriptor);
  if (!failed) return result;
  errno = reason;
  return -1;
}

#define DDIM_MMAP(NAME)                                                                     \
  void* NAME(void* address, std::size_t size, int protection, int flags, int descriptor,    \
             off_t offset) noexcept {                                                       \
    static auto* const real = next<void*(void*, std::size_t, int, int, int, off_t)>(#NAME); \
    if (descriptor >= 0 && fails(kMmap, descriptor)) return MAP_FAILED;                     \
    return real(address, size, protection, flags, descriptor, offset);                      \
  }                                                                                         \
  static_assert(true)
DDIM_MMAP(mmap);
DDIM_MMAP(mmap64);

}  // extern "C"
