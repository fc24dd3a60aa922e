// A library to be preloaded into the program: the N-th call of operator new that comes from main()
// or after it fails, where DDIM_FAIL_NEW is "N", or it and all after it, where that is "N+". At the
// end of the process, the number of calls is written to the file DDIM_COUNT_NEW. Calls by oneDNN do
// not count: some of its functions end the process where there is no memory.
#include <dlfcn.h>
#include <execinfo.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<long> num_calls = 0;
std::atomic<bool> has_failed = false;

struct Failing {
  long first = 0;
  bool persistent = false;
  Failing() {
    const char* const text = std::getenv("DDIM_FAIL_NEW");
    if (text == nullptr) return;
    char* end = nullptr;
    first = std::strtol(text, &end, 10);
    persistent = *end == '+';
  }
};

/// From main() on: who runs out of memory before cannot tell anybody.
std::atomic<bool> is_counting = false;
int (*real_main)(int, char**, char**) = nullptr;

int counted_main(int argc, char** argv, char** environment) {
  is_counting = true;
  return real_main(argc, argv, environment);
}

bool is_of_onednn(const void* caller) {
  Dl_info info{};
  return dladdr(caller, &info) != 0 && info.dli_fname != nullptr &&
         std::strstr(info.dli_fname, "libdnnl") != nullptr;
}

/// Whether oneDNN asks, be it through the standard library. What it could not finish stays in its
/// cache, with pointers to what is gone.
bool comes_through_onednn() {
  std::array<void*, 64> callers{};
  const int count = backtrace(callers.data(), static_cast<int>(callers.size()));
  return std::any_of(callers.begin(), callers.begin() + count, is_of_onednn);
}

bool fails(const void* caller) {
  if (!is_counting || is_of_onednn(caller)) return false;
  static const Failing failing;
  const long call = ++num_calls;
  if (failing.first == 0 || call < failing.first || (has_failed && !failing.persistent) ||
      comes_through_onednn())
    return false;
  return !has_failed.exchange(true) || failing.persistent;
}

void* allocate(std::size_t size, std::size_t alignment, const void* caller) noexcept {
  if (fails(caller)) return nullptr;
  if (alignment == 0) return std::malloc(size == 0 ? 1 : size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment, const void* caller) {
  void* const memory = allocate(size, alignment, caller);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

struct Count {
  ~Count() {
    const char* const path = std::getenv("DDIM_COUNT_NEW");
    std::FILE* const file = path == nullptr ? nullptr : std::fopen(path, "w");
    if (file == nullptr) return;
    std::fprintf(file, "%ld\n", num_calls.load());
    std::fclose(file);
  }
} count;

}  // namespace

/// What the program's first instructions call.
extern "C" __attribute__((visibility("default"))) int __libc_start_main(
    int (*main)(int, char**, char**), int argc, char** argv, void (*init)(), void (*fini)(),
    void (*rtld_fini)(), void* stack_end) {
  real_main = main;
  const auto start =
      reinterpret_cast<decltype(&__libc_start_main)>(dlsym(RTLD_NEXT, "__libc_start_main"));
  return start(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

void* operator new(std::size_t size) {
  return allocate_or_throw(size, 0, __builtin_return_address(0));
}
void* operator new[](std::size_t size) {
  return allocate_or_throw(size, 0, __builtin_return_address(0));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, 0, __builtin_return_address(0));
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, 0, __builtin_return_address(0));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment), __builtin_return_address(0));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment), __builtin_return_address(0));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
