#include <ddim/models.h>
#include <dlfcn.h>

#include <algorithm>
#include <set>

#include "api/shipped.h"
#include "base/environment.h"
#include "base/error.h"
#include "base/file_input.h"
#include "base/folder.h"
#include "hub/cache.h"
#include "hub/pull.h"
#include "hub/settings.h"
#include "io/diffusers_layout.h"
#include "model/run_folder.h"

namespace ddim {

using namespace engine;
namespace {

namespace fs = std::filesystem;

/// Of the program, and of the shared library that this function is in (the program itself where
/// the library is static).
std::vector<fs::path> folders_of_code() {
  std::vector<fs::path> folders;
  std::error_code unknown;
  const fs::path program = fs::read_symlink("/proc/self/exe", unknown);
  if (!program.empty()) folders.push_back(program.parent_path());
  Dl_info library{};
  if (dladdr(reinterpret_cast<const void*>(&shipped_folders), &library) != 0) {
    const fs::path file = fs::weakly_canonical(library.dli_fname, unknown);
    if (file.has_parent_path()) folders.push_back(file.parent_path());
  }
  return folders;
}

/// Names of the folders in `folder`; none where it cannot be read.
std::vector<std::string> folders_in(const fs::path& folder) {
  std::vector<std::string> names = readable_names_in(folder);
  std::erase_if(names, [&](const std::string& name) {
    std::error_code unknown;
    return !fs::is_directory(folder / name, unknown);
  });
  return names;
}

bool is_model(const fs::path& folder) {
  std::error_code unknown;
  return fs::is_regular_file(folder / io::kModelIndexFile, unknown);
}

bool is_run(const fs::path& folder) {
  return !folders_in(folder / model::kCheckpointsFolder).empty() &&
         !model::checkpoints_in(folder / model::kCheckpointsFolder).empty();
}

/// Empty where there is no home folder: then nothing was kept.
fs::path cache_if_any() {
  try {
    return hub::cache_of_process();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

std::vector<fs::path> shipped_folders() {
  std::vector<fs::path> folders;
  const auto add = [&](const fs::path& folder) {
    if (std::ranges::find(folders, folder) == folders.end()) folders.push_back(folder);
  };
  if (const auto said = environment("DDIM_MODELS")) {
    for (std::string rest = *said; !rest.empty();) {
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) add(rest.substr(0, colon));
      rest.erase(0, colon + 1);
    }
  }
  for (const fs::path& code : folders_of_code()) {
    add(code / "models");                // a Python package
    add(code.parent_path() / "models");  // a build folder in the project's
    // bin, lib, lib/x86_64-linux-gnu
    for (fs::path prefix = code.parent_path(); prefix.has_relative_path();
         prefix = prefix.parent_path())
      add(prefix / "share" / "ddim" / "models");
  }
  add(DDIM_INSTALLED_MODELS);
  return folders;
}

std::vector<FoundModel> find_models(const fs::path& folder) {
  require(is_folder(folder), folder.string(), ": no such folder; models are looked for in one");
  std::vector<FoundModel> found;
  std::set<fs::path> seen;
  const auto add = [&](const std::string& name, const fs::path& path, ModelPlace place) {
    std::error_code unknown;
    if (seen.insert(fs::weakly_canonical(path, unknown)).second)
      found.push_back({.name = name, .folder = path, .place = place});
  };
  std::set<std::string> names;
  for (const fs::path& shipped : shipped_folders())
    for (const std::string& name : folders_in(shipped))
      if (is_model(shipped / name) && names.insert(name).second)
        add(name, shipped / name, ModelPlace::shipped);

  const fs::path cache = cache_if_any();
  std::vector<hub::Repository> cached;
  if (!cache.empty()) cached = hub::Cache(cache).repositories();
  for (const hub::Repository& repository : cached) {
    try {
      add(repository.id, hub::find_snapshot(cache, repository), ModelPlace::cached);
    } catch (const Error&) {  // not all of it is there
    }
  }

  for (const char* inner : {"", "models", "runs"}) {
    for (const std::string& name : folders_in(folder / inner)) {
      const fs::path path = (folder / inner / name).lexically_normal();
      if (is_model(path)) add(path.string(), path, ModelPlace::local);
      if (is_run(path)) add(path.string(), model::newest_checkpoint(path), ModelPlace::local);
    }
  }
  std::ranges::stable_sort(found, [](const FoundModel& a, const FoundModel& b) {
    return std::pair(a.place, a.name) < std::pair(b.place, b.name);
  });
  return found;
}

}  // namespace ddim
