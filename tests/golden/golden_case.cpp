#include "tests/golden/golden_case.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "tensor/kernels.h"
#include "tests/support/devices.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;

fs::path path_of(const std::string& folder) {
  return folder == "micro" ? "tests/golden/micro" : shared_folder() / folder;
}

/// [N,C,H,W] to [N,H,W,C].
Tensor upload_nchw(const Device& device, const Shape& nchw, std::span<const float> values) {
  const std::int64_t channels = nchw[1];
  const std::int64_t pixels = nchw[2] * nchw[3];
  std::vector<float> nhwc(values.size());
  for (std::int64_t n = 0; n < nchw[0]; ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t p = 0; p < pixels; ++p) {
        nhwc[static_cast<std::size_t>((n * pixels + p) * channels + c)] =
            values[static_cast<std::size_t>((n * channels + c) * pixels + p)];
      }
    }
  }
  Tensor result(device, {nchw[0], nchw[2], nchw[3], channels});
  device.kernels().upload(nhwc, result);
  return result;
}

}  // namespace

fs::path shared_folder() {
  const char* shared = std::getenv("DDIM_SHARED");
  return fs::path(shared != nullptr ? shared : "../shared") / "goldens";
}

void GoldenTest::load(const GoldenCase& golden, Precision precision) {
  folder_ = path_of(golden.folder);
  if (!fs::exists(folder_))
    GTEST_SKIP() << folder_.string() << " is not there (DDIM_SHARED can say where to look)";
  model_ = model::load_model(folder_, test::device(golden.backend, {.precision = precision}));
}

io::SafetensorsFile GoldenTest::open(const char* name) const {
  return io::SafetensorsFile::open(folder_ / name);
}

Tensor GoldenTest::images(const io::SafetensorsFile& file, const std::string& name) const {
  return upload_nchw(device(), Shape(file.at(name).shape), file.read(name));
}

Tensor GoldenTest::images(const io::SafetensorsFile& file, const std::string& name,
                          std::int64_t step) const {
  const std::span<const std::int64_t> shape(file.at(name).shape);
  const Shape of_step(shape.subspan(1));
  const std::vector<float> values = file.read(name);
  return upload_nchw(device(), of_step,
                     std::span(values).subspan(static_cast<std::size_t>(step * of_step.size()),
                                               static_cast<std::size_t>(of_step.size())));
}

std::vector<std::int64_t> read_i64(const io::SafetensorsFile& file, const std::string& name) {
  const io::TensorEntry& entry = file.at(name);
  EXPECT_EQ(entry.type, io::StoredType::i64);
  std::vector<std::int64_t> values(entry.bytes.size() / sizeof(std::int64_t));
  std::memcpy(values.data(), entry.bytes.data(), entry.bytes.size());
  return values;
}

std::vector<float> to_nchw(const Tensor& tensor) {
  const std::vector<float> nhwc = to_host(tensor);
  const std::int64_t channels = tensor.dim(3);
  const std::int64_t pixels = tensor.dim(1) * tensor.dim(2);
  std::vector<float> nchw(nhwc.size());
  for (std::int64_t n = 0; n < tensor.dim(0); ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t p = 0; p < pixels; ++p) {
        nchw[static_cast<std::size_t>((n * channels + c) * pixels + p)] =
            nhwc[static_cast<std::size_t>((n * pixels + p) * channels + c)];
      }
    }
  }
  return nchw;
}

double rms_error(std::span<const float> found, std::span<const float> expected) {
  EXPECT_EQ(found.size(), expected.size());
  double squares = 0.0, difference_squares = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    squares += std::pow(static_cast<double>(expected[i]), 2);
    difference_squares += std::pow(static_cast<double>(found[i]) - expected[i], 2);
  }
  return std::sqrt(difference_squares / squares);
}

double relative_error(std::span<const float> found, std::span<const float> expected) {
  EXPECT_EQ(found.size(), expected.size());
  double error = 0;
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(found[i]) - expected[i]);
    if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
    error = std::max(error, difference);
    largest = std::max(largest, std::fabs(static_cast<double>(expected[i])));
  }
  return error / largest;
}

std::vector<float> thinned(const std::vector<float>& values, std::size_t num_kept,
                           const io::SafetensorsFile& file) {
  if (values.size() == num_kept) return values;
  const std::size_t stride = std::stoul(file.metadata().at("stride"));
  std::vector<float> kept;
  for (std::size_t i = 0; i < values.size(); i += stride) kept.push_back(values[i]);
  EXPECT_EQ(kept.size(), num_kept);
  return kept;
}

std::vector<GoldenCase> golden_cases() {
  std::vector<GoldenCase> cases;
  for (const DeviceKind kind : test::device_kinds()) cases.push_back({"micro", kind});
  for (const DeviceKind kind : {DeviceKind::reference, DeviceKind::cpu})
    cases.push_back({"tiny", kind});
  return cases;
}

std::string name_of(const GoldenCase& golden) {
  return std::string(golden.folder) + "_" + test::name_of(golden.backend);
}

}  // namespace ddim::engine
