// The kernels of the other devices against `ref`, case by case (kernel_case.h): values, sentinels
// around every buffer, and the determinism contract. Those of `cpu` are run once for each
// instruction set (DDIM_ISA).
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "backend/cpu/isa.h"
#include "base/error.h"
#include "tests/ops/kernel_case.h"
#include "tests/support/devices.h"

namespace ddim::test {

std::string shape_name(const Shape& shape) {
  std::string name;
  for (const std::int64_t dim : shape.dims()) name += concat(name.empty() ? "" : "x", dim);
  return name;
}

std::vector<float> as_floats(const std::vector<double>& values) {
  std::vector<float> floats;
  for (const double value : values) {
    floats.push_back(static_cast<float>(value));
    floats.push_back(static_cast<float>(value - floats.back()));
  }
  return floats;
}

std::vector<Shape> and_odd_images(std::vector<Shape> shapes) {
  shapes.insert(shapes.end(), {{2, 1, 1, 1},
                               {2, 1, 1, 3},
                               {3, 5, 7, 3},
                               {2, 3, 5, 48},
                               {3, 4, 4, 33},
                               {2, 12, 12, 64},
                               {3, 9, 7, 130},
                               {2, 4, 4, 300},
                               {2, 3, 3, 272}});
  return shapes;
}

namespace {

using Values = std::vector<float>;

/// A quiet NaN with a payload of its own: one that is read where it should not be spoils the
/// result.
const float kSentinel = std::bit_cast<float>(0x7FC0DEADU);
const double kDoubleSentinel = std::bit_cast<double>(std::uint64_t{0x7FF8'0000'0000'DEAD});

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(a, b, [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}
bool same_bits(std::span<const double> a, std::span<const double> b) {
  return std::ranges::equal(a, b, [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  });
}

/// A tensor in the middle of a larger buffer whose other elements nobody may touch; the host sees
/// its elements as numbers of T.
template <class T>
class GuardedTensor {
 public:
  /// `margin` elements on both sides; a margin that is no multiple of 16 misaligns the tensor.
  GuardedTensor(const Device& device, const Shape& shape, const Values& values, std::int64_t margin,
                DType dtype)
      : buffer_(device, {shape.size() + 2 * margin}, dtype), margin_(margin) {
    std::vector<T> all(static_cast<std::size_t>(buffer_.size()), sentinel());
    std::ranges::copy(values, all.begin() + margin);
    write(all);
    sentinels_ = read(buffer_.slice(0, margin));  // bf16 rounds them
    tensor_ = buffer_.slice(margin, shape.size()).view(shape);
  }

  const Tensor& tensor() const { return tensor_; }
  std::vector<T> values() const { return read(tensor_); }
  bool margins_intact() const {
    const std::vector<T> elements = read(buffer_);
    const std::span all(elements);
    const auto margin = static_cast<std::size_t>(margin_);
    return same_bits(all.first(margin), std::span<const T>(sentinels_)) &&
           same_bits(all.last(margin), std::span<const T>(sentinels_));
  }

 private:
  // Elements of double exist on `ref` only, whose memory is the host's.
  void write(const std::vector<T>& all) {
    if constexpr (std::is_same_v<T, float>) buffer_.device().kernels().upload(all, buffer_);
    if constexpr (std::is_same_v<T, double>)
      std::ranges::copy(all, buffer_.template values<T>().begin());
  }
  static std::vector<T> read(const Tensor& tensor) {
    if constexpr (std::is_same_v<T, float>) return to_host(tensor);
    if constexpr (std::is_same_v<T, double>) {
      const auto elements = tensor.template values<T>();
      return {elements.begin(), elements.end()};
    }
  }
  static T sentinel() {
    if constexpr (std::is_same_v<T, float>) return kSentinel;
    if constexpr (std::is_same_v<T, double>) return kDoubleSentinel;
  }

  Tensor buffer_;
  Tensor tensor_;
  std::int64_t margin_;
  std::vector<T> sentinels_;
};

/// Which images of a case run, and into what.
struct RunOptions {
  Write write = Write::overwrite;
  std::int64_t margin = 16;
  std::int64_t only_image = -1;  ///< -1: all of them
  int only_output = -1;          ///< -1: all of them; others are undefined
};

Shape of_one_image(const Shape& shape) { return shape.with(0, 1); }

Values slice_of(const Values& values, const Shape& shape, std::int64_t image) {
  const std::int64_t size = shape.size() / shape[0];
  return {values.begin() + image * size, values.begin() + (image + 1) * size};
}

/// Normal numbers, another part of one table for each stream: to compute them all anew takes as
/// long as the kernels. As the table's length is prime, it repeats itself at no image, channel or
/// row.
Values normal_values(const Shape& shape, std::uint32_t stream) {
  static const Values table = [] {
    Values normal(65521);
    fill_normal({.seed = 42, .purpose = Purpose::evaluation}, 0, normal);
    return normal;
  }();
  Values values(static_cast<std::size_t>(shape.size()));
  std::size_t next = stream * std::size_t{7919} % table.size();
  for (float& value : values) {
    value = table[next];
    if (++next == table.size()) next = 0;
  }
  return values;
}

/// The nearest bf16, of two as near the even one.
float rounded_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7FFFU + (bits >> 16 & 1U)) & 0xFFFF0000U);
}

/// Runs the case on tensors of T and returns the outputs; the empty ones were not wanted.
template <class T = float>
std::vector<std::vector<T>> run_case(const KernelCase& test, const Device& device,
                                     const RunOptions& options) {
  const bool one_image = options.only_image >= 0;
  const bool keeps_bf16 =
      test.activations == DType::bf16 && device.activation_dtype(DType::f32) == DType::bf16;
  const auto dtype_for = [&](const auto& tensor) {
    return keeps_bf16 && tensor.is_activation ? DType::bf16 : dtype_of<T>();
  };
  std::vector<GuardedTensor<T>> inputs;
  std::uint32_t stream = 0;
  for (const Input& input : test.inputs) {
    Values values = normal_values(input.shape, stream++);
    for (float& value : values) {
      value = static_cast<float>(value * input.scale + input.offset);
      if (test.rounds_inputs || (test.activations == DType::bf16 && input.is_activation))
        value = rounded_to_bf16(value);
    }
    if (one_image && input.first_axis == Input::Axis::images) {
      inputs.emplace_back(device, of_one_image(input.shape),
                          slice_of(values, input.shape, options.only_image), options.margin,
                          dtype_for(input));
    } else {
      inputs.emplace_back(device, input.shape, values, options.margin, dtype_for(input));
    }
  }
  std::vector<GuardedTensor<T>> outputs;
  for (const Output& output : test.outputs) {
    const bool of_one = one_image && output.first_axis == Input::Axis::images;
    const Shape shape = of_one ? of_one_image(output.shape) : output.shape;
    // What an overwritten output held before must not matter.
    Values before(static_cast<std::size_t>(shape.size()), std::numeric_limits<float>::quiet_NaN());
    if (options.write == Write::accumulate) before = normal_values(shape, 100 + stream++);
    outputs.emplace_back(device, shape, before, options.margin, dtype_for(output));
  }

  Call call{
      .kernels = device.kernels(),
      .in = {},
      .out = {},
      .first_image = static_cast<std::uint32_t>(std::max<std::int64_t>(0, options.only_image))};
  std::vector<std::vector<T>> inputs_before;
  for (const GuardedTensor<T>& input : inputs) {
    call.in.push_back(input.tensor());
    inputs_before.push_back(input.values());
  }
  const auto wanted = [&](std::size_t i) {
    return options.only_output < 0 || options.only_output == static_cast<int>(i);
  };
  for (std::size_t i = 0; i < outputs.size(); ++i)
    call.out.push_back(wanted(i) ? Grad{outputs[i].tensor(), options.write} : Grad{});
  test.run(call);

  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_TRUE(same_bits(inputs[i].values(), inputs_before[i])) << "input " << i << " was changed";
    EXPECT_TRUE(inputs[i].margins_intact()) << "memory around input " << i << " was changed";
  }
  std::vector<std::vector<T>> results;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_TRUE(outputs[i].margins_intact()) << "memory around output " << i << " was changed";
    results.push_back(wanted(i) ? outputs[i].values() : std::vector<T>());
  }
  return results;
}

void expect_close(const KernelCase& test, const Values& actual, const Values& truth,
                  std::size_t output) {
  ASSERT_EQ(actual.size(), truth.size());
  double largest = test.magnitude;
  for (const float value : truth) largest = std::max(largest, std::abs(static_cast<double>(value)));
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double difference = std::abs(static_cast<double>(actual[i]) - truth[i]);
    ASSERT_TRUE(difference <= test.tolerance * largest)  // also false for NaN
        << "output " << output << ", element " << i << ": " << actual[i] << ", ref has " << truth[i]
        << "; off by " << difference / largest << " of the largest value, allowed "
        << test.tolerance;
  }
}

/// The numbers that `values` stand for in an output of a kind.
template <class T>
std::vector<double> numbers_of(const std::vector<T>& values, Output::Kind kind) {
  std::vector<double> numbers(values.begin(), values.end());
  if (kind != Output::Kind::doubles) return numbers;
  for (std::size_t i = 0; i < numbers.size() / 2; ++i)
    numbers[i] = numbers[2 * i] + numbers[2 * i + 1];
  numbers.resize(numbers.size() / 2);
  return numbers;
}

bool takes_grads(const KernelCase& test) { return test.outputs.front().kind == Output::Kind::grad; }

std::vector<Write> write_modes(const KernelCase& test) {
  if (takes_grads(test)) return {Write::overwrite, Write::accumulate};
  return {Write::overwrite};
}

Device ref() { return device(DeviceKind::reference); }
Device device_of(const KernelCase& test, int num_threads) {
  return device(test.device, {.num_threads = num_threads, .precision = test.precision});
}

/// The same cases where products are made of bf16. Both factors of a product are off by up to
/// 2^-9, and tiles of 2x2 multiply that, but random signs
/// leave less of it: 4e-3 was seen.
std::vector<KernelCase> in_bf16(std::vector<KernelCase> cases) {
  for (KernelCase& test : cases) {
    test.name += "_bf16";
    test.precision = Precision::bf16;
    test.tolerance = test.bf16_tolerance;
  }
  return cases;
}

/// Cases whose factors are bf16 already, which products take as they are: what is left are the
/// rounding errors of sums. Of convolutions where none is transformed first.
std::vector<KernelCase> exact_in_bf16() {
  std::vector<KernelCase> cases = linear_cases();
  if (cpu::active_isa() == cpu::Isa::amx_bf16)
    std::ranges::move(conv_cases(), std::back_inserter(cases));
  for (KernelCase& test : cases) {
    test.name += "_exact_in_bf16";
    test.precision = Precision::bf16;
    test.rounds_inputs = true;
  }
  return cases;
}

/// One case of `count`, and those of an emulated GPU's large tiles.
std::vector<KernelCase> one_of(std::size_t count, const std::vector<KernelCase>& cases) {
  std::vector<KernelCase> chosen;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const bool has_large_tiles = cases[i].name.find("9x9x131") != std::string::npos;
    if (i % count == 0 || has_large_tiles) chosen.push_back(cases[i]);
  }
  return chosen;
}

/// Where factors are of three bf16 each, products are those of fp32.
std::vector<KernelCase> in_bf16x3(std::vector<KernelCase> cases) {
  for (KernelCase& test : cases) {
    test.name += "_bf16x3";
    test.precision = Precision::bf16x3;
  }
  return cases;
}

/// Those that have activations, where these are bf16, and so are products. What is written is
/// rounded: by up to 2^-9 of it, and twice where it is added to what was there.
std::vector<KernelCase> with_bf16_activations(const std::vector<KernelCase>& cases) {
  std::vector<KernelCase> chosen;
  for (KernelCase test : in_bf16(cases)) {
    const auto is_activation = [](const auto& tensor) { return tensor.is_activation; };
    if (std::ranges::none_of(test.inputs, is_activation)) continue;
    test.name += "_activations";
    test.activations = DType::bf16;
    test.element_tolerance = {};
    chosen.push_back(std::move(test));
  }
  return chosen;
}

/// Those that an emulated GPU does in milliseconds, on that.
std::vector<KernelCase> on_cuda(std::vector<KernelCase> cases) {
  constexpr double kMostFlop = 4e6;
  constexpr std::int64_t kMostElements = 20000;
  std::vector<KernelCase> chosen;
  if (!has_device(DeviceKind::cuda)) return chosen;
  for (KernelCase& test : cases) {
    std::int64_t elements = 0;
    for (const Input& input : test.inputs) elements += input.shape.size();
    if (test.flop > kMostFlop || elements > kMostElements) continue;
    test.name += "_cuda";
    test.device = DeviceKind::cuda;
    chosen.push_back(std::move(test));
  }
  return chosen;
}

class DeviceKernels : public testing::TestWithParam<KernelCase> {
 protected:
  void SetUp() override {
    if (GetParam().device != DeviceKind::cpu) return;
    const char* wanted = std::getenv("DDIM_ISA");
    if (wanted != nullptr && to_string(cpu::active_isa()) != wanted)
      GTEST_SKIP() << "this processor lacks " << wanted;
  }
};

TEST_P(DeviceKernels, AgreeWithRef) {
  const KernelCase& test = GetParam();
  for (const Write write : write_modes(test)) {
    SCOPED_TRACE(write == Write::accumulate ? "accumulate" : "overwrite");
    const std::vector<Values> truth = run_case(test, ref(), {.write = write});
    const Device device = device_of(test, 2);
    for (const std::int64_t margin : {16, 19}) {
      SCOPED_TRACE(testing::Message() << "margin " << margin);
      const std::vector<Values> actual = run_case(test, device, {.write = write, .margin = margin});
      for (std::size_t i = 0; i < truth.size(); ++i) expect_close(test, actual[i], truth[i], i);
    }
  }
}

TEST_P(DeviceKernels, AgreeWithRefInDouble) {
  const KernelCase& test = GetParam();
  if (!test.element_tolerance) return;
  for (const Write write : write_modes(test)) {
    SCOPED_TRACE(write == Write::accumulate ? "accumulate" : "overwrite");
    const auto truth = run_case<double>(test, ref(), {.write = write});
    const auto actual = run_case(test, device_of(test, 1), {.write = write, .margin = 19});
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const std::vector<double> expected = numbers_of(truth[i], test.outputs[i].kind);
      const std::vector<double> found = numbers_of(actual[i], test.outputs[i].kind);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t j = 0; j < found.size(); ++j) {
        ASSERT_NEAR(found[j], expected[j], *test.element_tolerance * (1.0 + std::abs(expected[j])))
            << "output " << i << ", element " << j;
      }
    }
  }
}

// Asking for one gradient gives what asking for all of them gives.
TEST_P(DeviceKernels, SkipUnwantedGradients) {
  const KernelCase& test = GetParam();
  if (!takes_grads(test)) return;
  const Device device = device_of(test, 1);
  const std::vector<Values> all = run_case(test, device, {});
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::vector<Values> one = run_case(test, device, {.only_output = static_cast<int>(i)});
    expect_close(test, one[i], all[i], i);
  }
  run_case(test, device, {.only_output = static_cast<int>(all.size())});  // none at all
}

// On any number of threads, and in any order of a block's threads.
TEST_P(DeviceKernels, GiveTheSameBitsOnDevicesThatAreAlike) {
  const KernelCase& test = GetParam();
  std::vector<Values> first;
  for (const Device& device : devices_alike(test.device, test.precision)) {
    std::vector<Values> outputs = run_case(test, device, {});
    if (first.empty()) first = std::move(outputs);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      EXPECT_TRUE(same_bits(first[i], outputs[i])) << device.describe() << ", output " << i;
  }
}

// Gradients of what belongs to an image, too.
TEST_P(DeviceKernels, GiveAnImageTheSameBitsInAnyBatch) {
  const KernelCase& test = GetParam();
  const auto of_images = [](const Output& o) { return o.first_axis == Input::Axis::images; };
  if (std::ranges::none_of(test.outputs, of_images)) return;
  const std::vector<Values> batch = run_case(test, device_of(test, 2), {});
  const std::int64_t num_images = std::ranges::find_if(test.outputs, of_images)->shape[0];
  const Device device = device_of(test, 1);
  for (const std::int64_t image : {std::int64_t{0}, num_images / 2, num_images - 1}) {
    const std::vector<Values> alone = run_case(test, device, {.only_image = image});
    for (std::size_t i = 0; i < alone.size(); ++i) {
      if (!of_images(test.outputs[i])) continue;
      EXPECT_TRUE(same_bits(alone[i], slice_of(batch[i], test.outputs[i].shape, image)))
          << "image " << image << ", output " << i;
    }
  }
}

std::string case_name(const testing::TestParamInfo<KernelCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Conv, DeviceKernels, testing::ValuesIn(conv_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Linear, DeviceKernels, testing::ValuesIn(linear_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Attention, DeviceKernels, testing::ValuesIn(attention_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(ConvBf16, DeviceKernels, testing::ValuesIn(in_bf16(conv_cases())),
                         case_name);
INSTANTIATE_TEST_SUITE_P(LinearBf16, DeviceKernels, testing::ValuesIn(in_bf16(linear_cases())),
                         case_name);
INSTANTIATE_TEST_SUITE_P(AttentionBf16, DeviceKernels,
                         testing::ValuesIn(in_bf16(attention_cases())), case_name);
INSTANTIATE_TEST_SUITE_P(ExactBf16, DeviceKernels, testing::ValuesIn(exact_in_bf16()), case_name);
INSTANTIATE_TEST_SUITE_P(Norm, DeviceKernels, testing::ValuesIn(norm_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Move, DeviceKernels, testing::ValuesIn(move_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Noise, DeviceKernels, testing::ValuesIn(noise_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Update, DeviceKernels, testing::ValuesIn(update_cases()), case_name);

std::vector<KernelCase> cuda_cases() {
  std::vector<KernelCase> cases;
  const auto append = [&](std::vector<KernelCase> more) {
    std::ranges::move(on_cuda(std::move(more)), std::back_inserter(cases));
  };
  for (const auto& of_products : {conv_cases, linear_cases, attention_cases}) {
    append(of_products());
    append(with_bf16_activations(of_products()));
    // Some on f32, which are the ends of a network in bf16; the code is the same. The code for
    // three bf16 is, too, and it is six times the work.
    append(one_of(6, in_bf16(of_products())));
    append(one_of(12, in_bf16x3(of_products())));
  }
  for (const auto& others : {norm_cases, move_cases, noise_cases, update_cases}) append(others());
  for (const auto& of_activations : {norm_cases, move_cases, noise_cases})
    append(with_bf16_activations(of_activations()));
  return cases;
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DeviceKernels);

TEST(CudaKernels, RefuseTensorsOfAnotherDevice) {
  if (!has_device(DeviceKind::cuda)) GTEST_SKIP() << "no emulation in this build";
  const Device gpu = device(DeviceKind::cuda), host = device(DeviceKind::cpu);
  Tensor here(gpu, {4});
  Tensor there(host, {4});
  EXPECT_THROW(gpu.kernels().copy(there, here), Error);
  EXPECT_THROW(gpu.kernels().copy(here, there), Error);
}

TEST(CudaKernels, FindWhatIsNotFiniteInBf16) {
  if (!has_device(DeviceKind::cuda)) GTEST_SKIP() << "no emulation in this build";
  const Device gpu = device(DeviceKind::cuda, {.precision = Precision::bf16});
  Tensor x(gpu, {3, 5, 7, 300}, DType::bf16);
  Values values(static_cast<std::size_t>(x.size()), -1.5F);
  gpu.kernels().upload(values, x);
  EXPECT_TRUE(gpu.kernels().all_finite(x));
  for (const float bad : {kSentinel, std::numeric_limits<float>::infinity()}) {
    values.back() = bad;
    gpu.kernels().upload(values, x);
    EXPECT_FALSE(gpu.kernels().all_finite(x)) << bad;
  }
}

TEST(CudaKernels, RefuseBf16WhereOnlyFloatsMayBe) {
  if (!has_device(DeviceKind::cuda)) GTEST_SKIP() << "no emulation in this build";
  const Device gpu = device(DeviceKind::cuda, {.precision = Precision::bf16});
  Tensor z(gpu, {1, 2, 2, 3}, DType::bf16);
  EXPECT_THROW(gpu.kernels().normal_noise({.seed = 1}, 0, z), Error);
  EXPECT_THROW(gpu.kernels().sum_of_squares(z), Error);
}

/// Where all cases of the emulated GPU were run, each of its kernels was.
class AllKernelsAreRun : public testing::Environment {
 public:
  void TearDown() override {
    if (GTEST_FLAG_GET(filter) == "Cuda/*" && std::getenv("GTEST_TOTAL_SHARDS") == nullptr) {
      EXPECT_EQ(kernels_never_run(), std::vector<int>()) << "by their place in KernelId";
    }
  }
};
const testing::Environment* const all_kernels_are_run =
    testing::AddGlobalTestEnvironment(new AllKernelsAreRun);
INSTANTIATE_TEST_SUITE_P(Cuda, DeviceKernels, testing::ValuesIn(cuda_cases()), case_name);

}  // namespace
}  // namespace ddim::test
