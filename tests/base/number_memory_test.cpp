#include "base/number_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace ddim::engine {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// What the system notes of the mapping that holds `address`: two letters each.
std::string notes_of(const std::byte* address) {
  const auto place = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool is_there = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    if (std::istringstream(line) >> std::hex >> begin >> dash >> end && dash == '-')
      is_there = begin <= place && place < end;
    if (is_there && line.starts_with("VmFlags:")) return line;
  }
  return "";
}

TEST(NumberMemory, IsAlignedAndWritable) {
  for (const std::size_t num_bytes :
       {std::size_t{1}, std::size_t{100}, kHugePage - 1, kHugePage, 5 * kHugePage / 2}) {
    std::byte* const data = allocate_numbers(num_bytes);
    ASSERT_NE(data, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % kNumberAlignment, 0U) << num_bytes;
    std::memset(data, 1, num_bytes);
    free_numbers(data, num_bytes);
  }
}

TEST(NumberMemory, IsNullWhereThereIsNone) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer ends the process instead";
#endif
  EXPECT_EQ(allocate_numbers(std::numeric_limits<std::size_t>::max() / 2), nullptr);
}

TEST(NumberMemory, LargeOnesAskForHugePages) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage"))
    GTEST_SKIP() << "this system has no huge pages to be asked for";
  std::byte* const data = allocate_numbers(3 * kHugePage);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % kHugePage, 0U);
  EXPECT_NE(notes_of(data).find(" hg"), std::string::npos) << notes_of(data);
  EXPECT_NE(notes_of(data + 3 * kHugePage - 1).find(" hg"), std::string::npos);
  free_numbers(data, 3 * kHugePage);
}

}  // namespace
}  // namespace ddim::engine
