#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace ddim::test {

using namespace engine;

enum class Repeat { once, persistent };
enum class Fault { error, short_write };

/// The real calls, except that number `failing_call` (from 0, not counting those that clean up)
/// fails, or writes half of its bytes. Persistent faults hit every later call of the same name too.
class FaultyFileSystem : public FileSystem {
 public:
  FaultyFileSystem() = default;
  FaultyFileSystem(int failing_call, int reason, Repeat repeat, Fault fault = Fault::error)
      : failing_call_(failing_call), reason_(reason), repeat_(repeat), fault_(fault) {}

  int num_calls() const { return static_cast<int>(calls_.size()); }
  bool hit() const { return !hit_name_.empty(); }
  const std::string& hit_name() const { return hit_name_; }

  int call_open(const char* path, int flags, mode_t mode) override {
    return fails("open") ? -1 : FileSystem::call_open(path, flags, mode);
  }
  ssize_t call_write(int descriptor, const std::byte* bytes, std::size_t size) override {
    if (!fails("write")) return FileSystem::call_write(descriptor, bytes, size);
    if (fault_ == Fault::short_write) {
      return FileSystem::call_write(descriptor, bytes, std::max<std::size_t>(size / 2, 1));
    }
    return -1;
  }
  int call_fsync(int) override { return fails("fsync") ? -1 : 0; }  // the real one is slow
  int call_close(int descriptor) override {
    // As the kernel does it: the descriptor is gone whatever the call returns.
    const int result = FileSystem::call_close(descriptor);
    return fails("close") ? -1 : result;
  }
  int call_mkdir(const char* path, mode_t mode) override {
    return fails("mkdir") ? -1 : FileSystem::call_mkdir(path, mode);
  }
  int call_rename(const char* from, const char* to) override {
    return fails("rename") ? -1 : FileSystem::call_rename(from, to);
  }
  int call_rename_no_replace(const char* from, const char* to) override {
    return fails("rename") ? -1 : FileSystem::call_rename_no_replace(from, to);
  }

 private:
  bool fails(const std::string& name) {
    const int number = num_calls();
    calls_.push_back(name);
    if (number == failing_call_) hit_name_ = name;
    const bool now =
        number == failing_call_ || (repeat_ == Repeat::persistent && hit() && name == hit_name_);
    if (now) errno = reason_;
    return now;
  }

  int failing_call_ = -1;
  int reason_ = 0;
  Repeat repeat_ = Repeat::once;
  Fault fault_ = Fault::error;
  std::vector<std::string> calls_;
  std::string hit_name_;
};

}  // namespace ddim::test
