#pragma once

#include <chrono>
#include <filesystem>

namespace ddim::reproduction {

/// How long a part has taken, in all the runs that it took: in a file as long as it is not
/// finished.
class TimeTaken {
 public:
  explicit TimeTaken(std::filesystem::path file);

  double seconds() const;
  /// What happens in `work` does not count.
  template <class Work>
  void without(const Work& work) {
    const auto begin = Clock::now();
    const auto leave_out = [&] { start_ += Clock::now() - begin; };
    try {
      work();
    } catch (...) {
      leave_out();
      throw;
    }
    leave_out();
  }
  void keep();
  void keep_now_and_then();

  double seconds_per_picture = 0.0;  ///< of drawing; 0: not known

 private:
  using Clock = std::chrono::steady_clock;

  std::filesystem::path file_;
  double before_ = 0.0;
  Clock::time_point start_ = Clock::now(), kept_ = start_;
};

}  // namespace ddim::reproduction
