// What the fields of a job may be, and mean where nobody says.
#include <ddim/file_bytes.h>
#include <ddim/plan.h>
#include <fmt/core.h>

#include "json_views.h"
#include "tests/server/running_service.h"

namespace ddim::server_test {
namespace {

class Wishes : public Served {
 protected:
  const Model model_ = formula_model(milliseconds(0));

  std::string uploaded(const std::string& name, const Bytes& bytes) const {
    return Json::parse(post("/api/uploads?name=" + name, server::text_of(bytes)).body).at("id");
  }
};

TEST_F(Wishes, TakeWhatTheCommandTakesWhereNobodySays) {
  const std::string drawn = submit(R"({"steps": 2})");
  ASSERT_EQ(ended(drawn).at("state"), "done");
  const std::string body =
      R"({"task": "encode", "exact": true, "steps": 5, "pictures": [")" + drawn + R"(/0"])";
  const auto tau_of = [&](const std::string& job) {
    EXPECT_EQ(ended(job).at("state"), "done");
    const std::string file = get("/api/jobs/" + job + "/codes.safetensors").body;
    return codes_from_bytes(std::as_bytes(std::span(file)), "codes").tau;
  };
  const auto steps_of = [&](TauKind kind) {
    std::vector<double> rising;
    for (const PlanStep& step : make_plan(model_, {.steps = 5, .tau = kind}).steps)
      rising.insert(rising.begin(), step.t);
    return rising;
  };
  EXPECT_EQ(tau_of(submit(body + "}")), steps_of(TauKind::quadratic));
  EXPECT_EQ(tau_of(submit(body + R"(, "tau": "linear"})")), steps_of(TauKind::linear));
  const Json line = ended(submit(R"({"task": "interpolate", "ends": [3, 24], "steps": 1})"));
  EXPECT_NE(line.at("command").get<std::string>().find("--frames 11"), std::string::npos);
}

// Pictures are numbered from 0 to 2^32 - 1.
TEST_F(Wishes, MayDrawTheLastPictureThereIs) {
  const std::string last = submit(R"({"first_image": 4294967295, "steps": 1})");
  ASSERT_EQ(ended(last).at("state"), "done");
  EXPECT_EQ(Json::parse(get("/api/jobs/" + last + "/pictures/0.json").body)
                .at("recipe")
                .at("first_image"),
            "4294967295");
  const Answer beyond = post("/api/jobs", R"({"first_image": 4294967295, "count": 2, "steps": 1})");
  EXPECT_EQ(field_of(beyond), "first_image") << beyond.body;
}

TEST_F(Wishes, ForThingsThatAreThereAreNotEmpty) {
  for (const char* field : {"init_image", "mask", "codes"})
    EXPECT_EQ(field_of(post("/api/jobs", fmt::format(R"({{"{}": "", "steps": 1}})", field))),
              field);
}

TEST_F(Wishes, MayHaveAsManyCharactersAsTheSchemaSays) {
  const auto model_of = [](std::size_t count) {
    std::string name;
    for (std::size_t i = 0; i < count; ++i) name += "\u00e9";
    return R"({"model": ")" + name + "\"}";
  };
  EXPECT_EQ(post("/api/jobs", model_of(256)).status, 404);
  const Answer longer = post("/api/jobs", model_of(257));
  EXPECT_EQ(longer.status, 400);
  EXPECT_NE(longer.body.find("at most 256 characters"), std::string::npos) << longer.body;
}

// A command reads a file by its name; a switch has no value.
TEST_F(Wishes, AreCommandsThatReadTheSameFiles) {
  const Bytes picture = png_bytes(to_image(sample(model_, {.plan = {.steps = 1}}).x_0, 0));
  for (const auto& [name, in_command] : {std::pair{"true", "--init-image true"},
                                         {"a.safetensors", "--init-image a.safetensors.png"}}) {
    const std::string id = uploaded(name, picture);
    const Json done = ended(submit(R"({"steps": 2, "init_image": ")" + id + "\"}"));
    ASSERT_EQ(done.at("state"), "done") << done;
    const std::string command = done.at("command");
    EXPECT_NE(command.find(in_command), std::string::npos) << command;
  }
  const Json noisy = ended(submit(R"({"steps": 2, "sigma_hat": true})"));
  const std::string command = noisy.at("command");
  EXPECT_NE(command.find(" --sigma-hat --"), std::string::npos) << command;
}

// As many as a job may have, of a size that results just have room for.
TEST_F(Wishes, ForManySmallPicturesAreKept) {
  ServiceOptions small = options();
  small.limits.kept_bytes = 1 << 20;
  small.limits.pictures = 100'000;
  start(small);
  std::int64_t count = 1;
  const auto body = [&](std::int64_t wanted) {
    return fmt::format(R"({{"steps": 1, "count": {}, "clip": "threshold-rederive-eps"}})", wanted);
  };
  while (post("/api/jobs", body(2 * count)).status == 202) count *= 2;
  ASSERT_GT(count, 64);
  EXPECT_EQ(ended(submit(body(count))).at("state"), "done");
}

}  // namespace
}  // namespace ddim::server_test
