#include "backend/cuda/open_library.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.h"
#include "base/error.h"

namespace ddim::engine::cuda {
namespace {

namespace fs = std::filesystem;

constexpr char kFileName[] = "libddim_cuda.so";

std::vector<fs::path> places() {
  std::vector<fs::path> found;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) {
    found.push_back(program.parent_path() / kFileName);
    found.push_back(
        (program.parent_path() / DDIM_PLUGINS_OF_PROGRAM / kFileName).lexically_normal());
  }
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&places), &self) != 0 && self.dli_fname != nullptr) {
    found.push_back(fs::path(self.dli_fname).parent_path() / kFileName);
    found.push_back(fs::path(self.dli_fname).parent_path() / "ddim" / kFileName);
  }
  found.emplace_back(kFileName);  // by the system's rules
  return found;
}

struct Opened {
  std::string place;
  void* handle;
};

Opened open_file() {
  const auto open = [](const fs::path& place) { return dlopen(place.c_str(), RTLD_NOW); };
  if (const auto named = environment("DDIM_CUDA_LIBRARY")) {
    void* handle = open(*named);
    if (handle == nullptr) fail(ErrorCode::user, "DDIM_CUDA_LIBRARY: ", dlerror());
    return {*named, handle};
  }
  std::error_code unknown;
  for (const fs::path& place : places()) {
    if (place.has_parent_path() && !fs::exists(place, unknown)) continue;
    if (void* handle = open(place)) return {place.string(), handle};
    const char* error = dlerror();
    if (place.has_parent_path())  // there is a file
      fail(ErrorCode::user, "device cuda: ", error);
  }
  fail(ErrorCode::user, "device cuda: ", kFileName,
       " was not found; where nvcc is (scripts/setup.sh --cuda), cmake --build build --target "
       "ddim_cuda makes it, and DDIM_CUDA_LIBRARY can name it; see docs/gpu.md");
}

}  // namespace

const Library& open_library() {
  const Opened opened = open_file();  // never closed: its functions are used until the process ends
  const auto function = reinterpret_cast<LibraryFunction>(dlsym(opened.handle, kLibraryFunction));
  require(function != nullptr, "device cuda: ", opened.place, " has no function ", kLibraryFunction,
          "; build it again with this program");
  const Library& library = *function();
  require(library.version == kLibraryVersion, "device cuda: ", opened.place, " has version ",
          library.version, ", and this program needs ", kLibraryVersion,
          "; build it again with this program");
  return library;
}

}  // namespace ddim::engine::cuda
