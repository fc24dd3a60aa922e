#include "backend/cuda/open_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace ddim::engine::cuda {
namespace {

namespace fs = std::filesystem;

constexpr char kFileName[] = "libddim_cuda.so";

std::vector<fs::path> places() {
  if (const char* named = std::getenv("DDIM_CUDA_LIBRARY"); named != nullptr && *named != '\0')
    return {named};
  std::vector<fs::path> found;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) {
    found.push_back(program.parent_path() / kFileName);
    found.push_back(program.parent_path().parent_path() / "lib" / "ddim" / kFileName);
  }
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&places), &self) != 0 && self.dli_fname != nullptr)
    found.push_back(fs::path(self.dli_fname).parent_path() / kFileName);
  found.emplace_back(kFileName);  // by the system's rules
  return found;
}

}  // namespace

const Library& open_library() {
  std::string error;
  void* opened = nullptr;
  for (const fs::path& place : places()) {
    if (place.has_parent_path() && !fs::exists(place)) continue;
    opened = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (opened != nullptr) break;
    error = dlerror();
  }
  if (opened == nullptr) {
    fail(ErrorCode::user, "--device cuda: ", kFileName, " was not found", error.empty() ? "" : " (",
         error, error.empty() ? "" : ")",
         "; it is built where nvcc is (scripts/setup.sh --cuda, then make), and DDIM_CUDA_LIBRARY "
         "can name it; see docs/gpu.md");
  }
  // Never closed: its functions are used until the process ends.
  const auto function = reinterpret_cast<LibraryFunction>(dlsym(opened, kLibraryFunction));
  require(function != nullptr, "--device cuda: ", kFileName, " has no function ", kLibraryFunction,
          "; build it again with this program");
  const Library& library = *function();
  require(library.version == kLibraryVersion, "--device cuda: ", kFileName, " has version ",
          library.version, ", and this program needs ", kLibraryVersion,
          "; build it again with this program");
  return library;
}

}  // namespace ddim::engine::cuda
