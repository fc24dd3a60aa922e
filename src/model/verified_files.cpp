#include "model/verified_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/folder.h"
#include "base/workers.h"
#include "io/diffusers_layout.h"
#include "io/digests.h"
#include "io/json_fields.h"
#include "io/safetensors.h"
#include "io/torch_file.h"
#include "io/zip_reader.h"
#include "model/run_folder.h"

namespace ddim::engine::model {
namespace {

namespace fs = std::filesystem;

std::string num_checked(std::size_t number, const char* what) {
  return number == 0 ? "" : concat("CRC-32 of ", number, " ", what);
}

/// Compares every entry of a zip archive with its CRC-32.
std::string check_archive(const io::MappedFile& file) {
  const std::string name = file.path().string();
  const std::vector<io::ZipEntry> entries =
      io::parse_zip(file.bytes(), name, io::ZipMethods::stored_or_deflated);
  for (const io::ZipEntry& entry : entries) {
    if (entry.method == io::ZipMethod::deflated) {
      io::inflated(entry, name);
    } else if (io::crc32_in(file, entry.bytes) != entry.crc32) {
      fail(ErrorCode::corrupt, name, ": entry ", io::display_name(entry.name),
           " is damaged: its bytes do not have the CRC-32 that the file states");
    }
  }
  return num_checked(entries.size(), "entries");
}

std::string check_safetensors(const std::shared_ptr<const io::MappedFile>& file) {
  const io::SafetensorsFile tensors = io::SafetensorsFile::open(file->path(), file);
  std::size_t number = 0;
  for (const io::TensorEntry& entry : tensors.entries()) {
    if (entry.checked.empty()) continue;
    if (io::crc32_in(*file, entry.checked) != entry.crc32)
      fail(ErrorCode::corrupt, file->path().string(), ": ", io::damaged_tensor(entry));
    ++number;
  }
  return num_checked(number, "tensors");
}

constexpr std::array<std::string_view, 6> kEndings{".safetensors", ".bin",  ".pth",
                                                   ".pt",          ".ckpt", ".npz"};

bool is_named_as_weights(const fs::path& path) {
  return std::ranges::count(kEndings, path.extension().string()) > 0;
}

/// A file of weights, by its content.
VerifiedFile verified_weights(const fs::path& path) {
  const auto file = std::make_shared<const io::MappedFile>(path);
  VerifiedFile result{.path = path, .size_bytes = file->bytes().size()};
  try {
    if (io::looks_like_zip(file->bytes())) {
      result.digest = check_archive(*file);
    } else if (io::looks_like_torch(file->bytes())) {
      io::open_torch_file(path, file);  // has no digests
    } else {
      result.digest = check_safetensors(file);
    }
    file->require_whole();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) throw;
    require(is_named_as_weights(path) || io::looks_like_torch(file->bytes()), path.string(),
            ": nothing here can be verified: it is no file of weights");
    result.problem = error.what();
  }
  return result;
}

void add_listed(const fs::path& folder, std::vector<VerifiedFile>& files) {
  const fs::path manifest = folder / kManifestName;
  const auto entries = read_manifest(folder);
  if (!entries) {
    files.push_back(
        {.path = manifest,
         .problem = concat(manifest.string(), is_there(manifest) ? " is damaged" : " is missing")});
    return;
  }
  const std::size_t first = files.size();
  for (const ManifestEntry& entry : *entries) {
    VerifiedFile file{.path = folder / entry.name, .digest = "SHA-256 of the manifest"};
    std::from_chars(entry.size_bytes.data(), entry.size_bytes.data() + entry.size_bytes.size(),
                    file.size_bytes);
    files.push_back(std::move(file));
  }
  run_workers(num_threads_of(0), std::ssize(*entries), [&](std::int64_t index) {
    const auto i = static_cast<std::size_t>(index);
    files[first + i].problem = verify_entry(folder, (*entries)[i]).value_or("");
  });
}

/// A file that says what the weights mean. It has no digest; that it can be read is all that shows.
VerifiedFile verified_configuration(const fs::path& path) {
  VerifiedFile result{.path = path};
  try {
    const std::string text = read_file(path, io::kMaxJsonBytes);
    result.size_bytes = text.size();
    io::JsonFields(text, path.string());
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) throw;
    result.problem = error.what();
  }
  return result;
}

bool is_named_as_configuration(const fs::path& path) {
  static const io::DiffusersLayout names{.unet = "", .scheduler = ""};
  const std::string name = path.filename().string();
  return name == io::kModelIndexFile || name == names.unet_config() ||
         name == names.scheduler_config();
}

void add_files_of_model(const fs::path& folder, std::vector<VerifiedFile>& files) {
  for (const fs::path& path : files_below(folder)) {
    if (is_named_as_weights(path)) files.push_back(verified_weights(path));
    if (is_named_as_configuration(path)) files.push_back(verified_configuration(path));
  }
}

}  // namespace

std::vector<VerifiedFile> verified_files(const fs::path& path) {
  require(is_there(path), path.string(), ": no such file or folder");
  std::vector<VerifiedFile> files;
  if (!fs::is_directory(path)) {
    files.push_back(verified_weights(path));
  } else if (is_there(path / kManifestName)) {
    add_listed(path, files);
  } else if (fs::is_directory(path / kCheckpointsFolder)) {
    for (const fs::path& checkpoint : checkpoints_in(path / kCheckpointsFolder))
      add_listed(checkpoint, files);
  } else {
    add_files_of_model(path, files);
  }
  require(!files.empty(), path.string(),
          ": nothing here can be verified: it is no training run, no checkpoint and no model");
  return files;
}

}  // namespace ddim::engine::model
