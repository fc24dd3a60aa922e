#include "model/verification.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/sha256.h"
#include "base/workers.h"
#include "io/digests.h"

namespace ddim::engine::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRemedy =
    "; fetch or make the file again, or use it as it is with --no-verify";

bool holds(const io::MappedFile& file, std::span<const std::byte> bytes) {
  const std::span<const std::byte> all = file.bytes();
  return !bytes.empty() && bytes.data() >= all.data() && bytes.data() < all.data() + all.size();
}

/// Pieces of work, the longest first so that the last ones are short.
class Checks {
 public:
  void add(std::size_t num_bytes, std::function<void()> check) {
    checks_.push_back({num_bytes, std::move(check)});
  }
  void run() {
    std::ranges::stable_sort(checks_, std::greater<>(), &Check::num_bytes);
    run_workers(num_threads_of(0), std::ssize(checks_),
                [&](std::int64_t i) { checks_[static_cast<std::size_t>(i)].run(); });
  }

 private:
  struct Check {
    std::size_t num_bytes;
    std::function<void()> run;
  };
  std::vector<Check> checks_;
};

}  // namespace

void verify_weights(const ModelFiles& files, const std::vector<const StoredWeights*>& sets) {
  if (!files.damage.empty()) fail(ErrorCode::corrupt, files.damage, kRemedy);
  Checks checks;
  std::set<const std::byte*> seen;       // several tensors may share their bytes
  std::set<const io::MappedFile*> bare;  // that hold weights without a digest
  for (const StoredWeights* set : sets) {
    for (const io::TensorEntry& entry : *set) {
      const auto file = std::ranges::find_if(
          files.files, [&](const auto& each) { return holds(*each, entry.bytes); });
      if (file == files.files.end()) continue;  // no bytes
      if (entry.checked.empty()) bare.insert(file->get());
      if (entry.checked.empty() || !seen.insert(entry.checked.data()).second) continue;
      checks.add(entry.checked.size(), [&entry, file] {
        if (io::crc32_in(**file, entry.checked) != entry.crc32)
          fail(ErrorCode::corrupt, (*file)->path().string(), ": ", io::damaged_tensor(entry),
               kRemedy);
      });
    }
  }
  for (const ListedFile& listed : files.listed) {
    const auto file =
        std::ranges::find(files.files, listed.path, [](const auto& each) { return each->path(); });
    const bool is_mapped = file != files.files.end();
    if (is_mapped && !bare.contains(file->get())) continue;
    checks.add(is_mapped ? (*file)->bytes().size() : 0, [&listed, file, is_mapped] {
      Sha256 hash;
      const auto add = [&](std::span<const std::byte> bytes) { hash.update(bytes); };
      if (is_mapped) {
        io::for_each_piece(**file, (*file)->bytes(), add);
      } else {
        read_pieces(listed.path, add);
      }
      if (hash.finish_hex() != listed.sha256)
        fail(ErrorCode::corrupt, listed.path.string(),
             " is damaged: its SHA-256 is not that of the manifest beside it", kRemedy);
    });
  }
  checks.run();
}

void verify_weights(const ModelFiles& files) {
  std::vector<const StoredWeights*> sets{&files.weights};
  if (files.trained) sets.push_back(&*files.trained);
  if (files.adam) sets.insert(sets.end(), {&files.adam->m, &files.adam->v});
  verify_weights(files, sets);
}

}  // namespace ddim::engine::model
