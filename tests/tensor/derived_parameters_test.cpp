#include "tensor/derived_parameters.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "backend/make_device.h"
#include "tensor/kernels.h"

namespace ddim::engine {
namespace {

using Value = std::vector<float>;

/// A multiple of the first element of a parameter.
std::shared_ptr<const Value> multiple(const Device& device, const Tensor& parameter,
                                      const DerivedKey& key, float factor) {
  return device.derived_parameters().get<Value>(
      parameter, key, [] { return std::make_shared<Value>(1); },
      [&](Value& value) { value[0] = factor * to_host(parameter)[0]; });
}

Tensor parameter_of(const Device& device, float value) {
  return from_host(device, {2}, std::vector<float>{value, 0.0F});
}

class DerivedParametersTest : public testing::Test {
 protected:
  Device device_ = make_device(DeviceKind::reference);
  DerivedParameters& derived_ = device_.derived_parameters();
};

TEST_F(DerivedParametersTest, EachPartOfTheKeyTellsValuesApart) {
  const Tensor parameter = parameter_of(device_, 1.0F);
  const Tensor other = parameter_of(device_, 1.0F);
  using Element = DerivedKey::Element;
  const std::array keys{DerivedKey{.purpose = "double"}, DerivedKey{.purpose = "half"},
                        DerivedKey{.purpose = "double", .pass = Pass::backward_input},
                        DerivedKey{.purpose = "double", .element = Element::bf16},
                        DerivedKey{.purpose = "double", .layout = 1}};
  const auto expect_values = [&](float factor, float step) {
    float expected = 1.0F;
    for (const Tensor& of : {parameter, other}) {
      for (const DerivedKey& key : keys) {
        EXPECT_EQ((*multiple(device_, of, key, factor))[0], expected++);
        factor += step;
      }
    }
  };
  expect_values(1.0F, 1.0F);
  expect_values(99.0F, 0.0F);
  EXPECT_EQ(derived_.num_fills(), 10);
  EXPECT_EQ(derived_.num_values(), 10);
}

TEST_F(DerivedParametersTest, ReleasedOnesAreMadeAgain) {
  const Tensor parameter = parameter_of(device_, 3.0F), other = parameter_of(device_, 5.0F);
  const DerivedKey key{.purpose = "double"}, optional{.purpose = "optional"};
  const auto optional_value = [&] {
    return derived_.get_if_room<Value>(
        parameter, optional, {.num_bytes = 4, .max_bytes = 4},
        [] { return std::make_shared<Value>(1); }, [](Value& value) { value[0] = 7.0F; });
  };
  const auto kept = multiple(device_, parameter, key, 2.0F);
  multiple(device_, other, key, 2.0F);
  ASSERT_NE(optional_value(), nullptr);
  derived_.release();
  EXPECT_EQ(derived_.num_values(), 0);
  EXPECT_EQ((*kept)[0], 6.0F) << "who computes with a value keeps it";
  EXPECT_NE(multiple(device_, parameter, key, 2.0F), kept);
  EXPECT_EQ((*multiple(device_, other, key, 2.0F))[0], 10.0F);
  EXPECT_NE(optional_value(), nullptr) << "there is room for it again";
  EXPECT_EQ(derived_.num_values(), 3);
  EXPECT_EQ(derived_.num_fills(), 6);
}

TEST_F(DerivedParametersTest, AValueMayHoldWhatOthersAreDerivedFrom) {
  const Tensor parameter = parameter_of(device_, 3.0F);
  const DerivedKey key{.purpose = "double"}, holding{.purpose = "holding"};
  {
    const auto folded = derived_.get<Tensor>(
        parameter, holding, [&] { return std::make_shared<Tensor>(parameter_of(device_, 5.0F)); },
        [](Tensor&) {});
    multiple(device_, *folded, key, 2.0F);
  }
  EXPECT_EQ(derived_.num_values(), 2);
  derived_.release();
  EXPECT_EQ(derived_.num_values(), 0);
  multiple(device_, parameter, key, 2.0F);
  EXPECT_EQ(derived_.num_values(), 1);
}

TEST_F(DerivedParametersTest, MayBeReleasedWhileOthersAskForThem) {
  const Tensor parameter = parameter_of(device_, 3.0F);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i)
        EXPECT_EQ((*multiple(device_, parameter, {.purpose = "double"}, 2.0F))[0], 6.0F);
    });
  for (int i = 0; i < 200; ++i) derived_.release();
}

TEST_F(DerivedParametersTest, AreFilledAgainInPlaceAfterAChange) {
  Tensor parameter = parameter_of(device_, 1.0F);
  const DerivedKey key{.purpose = "double"};
  const auto first = multiple(device_, parameter, key, 2.0F);
  parameter.values<float>()[0] = 5.0F;
  EXPECT_EQ((*multiple(device_, parameter, key, 2.0F))[0], 2.0F) << "filled without a reason";
  parameter.mark_modified();
  const auto second = multiple(device_.worker(1), parameter, key, 2.0F);
  EXPECT_EQ(second, first);
  EXPECT_EQ((*second)[0], 10.0F);
  EXPECT_EQ(derived_.num_fills(), 2);
}

TEST_F(DerivedParametersTest, FollowAllTheirSources) {
  const Tensor a = parameter_of(device_, 1.0F);
  Tensor b = parameter_of(device_, 2.0F);
  const std::array<const Tensor*, 2> sources{&a, &b};
  const auto sum = [&] {
    return (*derived_.get<Value>(
        sources, {.purpose = "sum"}, [] { return std::make_shared<Value>(1); },
        [&](Value& value) { value[0] = to_host(a)[0] + to_host(b)[0]; }))[0];
  };
  EXPECT_EQ(sum(), 3.0F);
  b.values<float>()[0] = 7.0F;
  b.mark_modified();
  EXPECT_EQ(sum(), 8.0F);
  b = parameter_of(device_, 9.0F);  // another tensor, of version 0
  EXPECT_EQ(sum(), 10.0F);
  EXPECT_EQ(sum(), 10.0F);
  EXPECT_EQ(derived_.num_fills(), 3);
}

TEST_F(DerivedParametersTest, AreFreedWithTheParameter) {
  Tensor parameter = parameter_of(device_, 1.0F);
  const Tensor other = parameter_of(device_, 3.0F);
  const DerivedKey key{.purpose = "double"};
  std::weak_ptr<const Value> value = multiple(device_, parameter, key, 2.0F);
  multiple(device_, other, key, 2.0F);
  Tensor view = parameter.view({1, 2});
  parameter = Tensor();
  EXPECT_FALSE(value.expired()) << "a view of the parameter lives";
  EXPECT_EQ(derived_.num_values(), 2);
  view = Tensor();
  EXPECT_TRUE(value.expired());
  EXPECT_EQ(derived_.num_values(), 1);

  // New elements in the same memory are another parameter.
  const Tensor next = parameter_of(device_, 4.0F);
  EXPECT_EQ((*multiple(device_, next, key, 2.0F))[0], 8.0F);
}

TEST_F(DerivedParametersTest, MayHoldTensorsOfTheDevice) {
  const DerivedKey key{.purpose = "copy"};
  {
    const Tensor parameter = parameter_of(device_, 1.0F);
    const auto copy = derived_.get<Tensor>(
        parameter, key, [&] { return std::make_shared<Tensor>(Tensor::persistent(device_, {2})); },
        [&](Tensor& to) { device_.kernels().copy(parameter, to); });
    EXPECT_EQ(to_host(*copy)[0], 1.0F);
    multiple(device_, *copy, {.purpose = "double"}, 2.0F);  // and these have values of their own
    EXPECT_EQ(derived_.num_values(), 2);
  }
  EXPECT_EQ(derived_.num_values(), 0);
  EXPECT_EQ(device_.persistent_memory().bytes_in_use(), 0U);
}

TEST_F(DerivedParametersTest, ADeviceKeepsNothingOfAnothersParameters) {
  const Tensor parameter = parameter_of(device_, 1.0F);
  const Device other = make_device(DeviceKind::reference);
  const DerivedKey key{.purpose = "double"};
  EXPECT_EQ((*multiple(other, parameter, key, 2.0F))[0], 2.0F);
  EXPECT_EQ((*multiple(other, parameter, key, 3.0F))[0], 3.0F);
  EXPECT_EQ(other.derived_parameters().num_values(), 0);
  EXPECT_EQ((*multiple(device_, parameter, key, 4.0F))[0], 4.0F);

  const Tensor of_other = parameter_of(other, 1.0F);
  EXPECT_EQ((*multiple(other, of_other, key, 5.0F))[0], 5.0F);
  EXPECT_EQ(derived_.num_values(), 1);
  EXPECT_EQ(other.derived_parameters().num_values(), 1);
}

TEST_F(DerivedParametersTest, OptionalOnesAreMadeWhileThereIsRoom) {
  const auto has_value = [&](const Tensor& parameter) {
    return derived_.get_if_room<Value>(
               parameter, {.purpose = "optional"}, {.num_bytes = 10, .max_bytes = 20},
               [] { return std::make_shared<Value>(1); }, [](Value&) {}) != nullptr;
  };
  Tensor first = parameter_of(device_, 0.0F);
  Tensor second = parameter_of(device_, 0.0F);
  const Tensor third = parameter_of(device_, 0.0F);
  EXPECT_TRUE(has_value(first));
  EXPECT_TRUE(has_value(second));
  EXPECT_FALSE(has_value(third));
  first.mark_modified();
  EXPECT_TRUE(has_value(first));
  EXPECT_EQ(derived_.num_fills(), 3);
  EXPECT_EQ(derived_.num_values(), 2);
  second = Tensor();
  EXPECT_FALSE(has_value(third)) << "the answer stays";
  EXPECT_TRUE(has_value(parameter_of(device_, 0.0F)));
}

TEST_F(DerivedParametersTest, OptionalOnesThatCouldNotBeMadeTakeNoRoom) {
  const auto ask = [&](const Tensor& parameter, bool has_memory) {
    return derived_.get_if_room<Value>(
        parameter, {.purpose = "optional"}, {.num_bytes = 10, .max_bytes = 20},
        [&] {
          if (!has_memory) throw std::bad_alloc();
          return std::make_shared<Value>(1);
        },
        [](Value&) {});
  };
  const Tensor first = parameter_of(device_, 0.0F), second = parameter_of(device_, 0.0F);
  for (int time = 0; time < 3; ++time) EXPECT_THROW(ask(first, false), std::bad_alloc);
  EXPECT_NE(ask(second, true), nullptr);
  EXPECT_NE(ask(first, true), nullptr);
  EXPECT_EQ(derived_.num_values(), 2);
}

}  // namespace
}  // namespace ddim::engine
