// What is refused of jobs, of their results and for their memory.
#include <ddim/file_bytes.h>
#include <ddim/interpolate.h>
#include <fmt/core.h>

#include "json_views.h"
#include "tests/server/running_service.h"

namespace ddim::server_test {
namespace {

class RefusedJobs : public Served {
 protected:
  /// The id of these codes as an upload.
  std::string uploaded(const Codes& codes) const {
    const Answer answer =
        post("/api/uploads?name=codes.safetensors", server::text_of(codes_bytes(codes)));
    return Json::parse(answer.body).at("id");
  }
  /// The steps 0 to `count` - 1 as a list.
  static std::string listed(int count) {
    std::string list = "[0";
    for (int t = 1; t < count; ++t) list += fmt::format(", {}", t);
    return list + "]";
  }
};

TEST_F(RefusedJobs, NameTheFieldOfCodesThatDoNotFit) {
  const FloatImages others = draw_noise(formula_model(milliseconds(0), {1, 5, 5}), 1);
  const FloatImages own = draw_noise(formula_model(milliseconds(0)), 1);
  const std::string shape = uploaded({.x_T = others, .tau = {0, 10}});
  const std::string fits = uploaded({.x_T = own, .tau = {0, 10}});
  std::string falling = server::text_of(codes_bytes({.x_T = own, .tau = {1, 10}}));
  falling.replace(falling.find("\"1,10\""), 6, "\"10,1\"");
  const std::string order =
      Json::parse(post("/api/uploads?name=codes.safetensors", falling).body).at("id");
  const std::string classes = uploaded({.x_T = draw_noise(classes_model(), 1), .tau = {0, 10}});
  const auto decode = [](const std::string& id, const std::string& fields = "") {
    return R"({"task": "decode", "codes": ")" + id + "\"" + fields + "}";
  };
  for (const auto& [body, field] : std::map<std::string, std::string>{
           {decode(shape), "codes"},
           {decode(order), "codes"},
           {decode(fits, R"(, "model": "large")"), "codes"},
           {decode(fits, R"(, "class": 1)"), "class"},
           {decode(classes, R"(, "model": "classes")"), "class"},
           {R"({"task": "interpolate", "ends": [1, "codes:)" + shape + "\"]}", "ends"},
           {R"({"task": "interpolate", "ends": [1, 2], "steps": 2000})", "steps"}}) {
    const Answer answer = post("/api/jobs", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(field_of(answer), field) << body << answer.body;
  }
  EXPECT_NE(post("/api/jobs", decode(shape)).body.find("codes: holds codes of 5x5x1"),
            std::string::npos);
  EXPECT_EQ(ended(submit(decode(fits))).at("state"), "done");
}

TEST_F(RefusedJobs, MayReadSoManyPixelsAndNoMore) {
  ServiceOptions small = options();
  small.limits.pixels = 100;
  start(small);
  const auto upload = [&](std::int64_t width, std::int64_t height) {
    Image image{.width = width, .height = height, .channels = 1};
    image.pixels.resize(image.num_samples());
    image.pixels[0] = 255;
    return Json::parse(post("/api/uploads", server::text_of(png_bytes(image))).body)
        .at("id")
        .get<std::string>();
  };
  const std::string own = upload(6, 4), large = upload(10, 10), huge = upload(101, 1);
  const auto ends = [&](int count) {
    std::string text = "\"" + own + "\"";
    for (int i = 1; i < count; ++i) text += ", \"" + own + "\"";
    return "[" + text + "]";
  };
  const auto resized = [](const std::string& fields) {
    return R"({"steps": 2, "resize": "crop-resize", )" + fields + "}";
  };
  EXPECT_EQ(
      ended(submit(R"({"task": "encode", "steps": 2, "pictures": )" + ends(4) + "}")).at("state"),
      "done");
  submit(resized(R"("init_image": ")" + large + "\""));
  for (const auto& [body, field] : std::map<std::string, std::string>{
           {R"({"task": "encode", "steps": 2, "pictures": )" + ends(5) + "}", "pictures"},
           {resized(R"("init_image": ")" + huge + "\""), "init_image"},
           {resized(R"("init_image": ")" + own + R"(", "mask": ")" + large + "\""), "mask"},
           {resized(R"("task": "interpolate", "ends": [")" + own + R"(", ")" + large + "\"]"),
            "ends"}}) {
    const Answer answer = post("/api/jobs", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(field_of(answer), field) << answer.body;
    EXPECT_NE(answer.body.find("at most 100 pixels are allowed"), std::string::npos) << answer.body;
  }
}

TEST_F(RefusedJobs, HaveResultsThatAreEnlargedSoFarAndNoFurther) {
  ServiceOptions small = options();
  small.limits.pixels = 2000;
  start(small);
  const std::string film = submit(R"({"task": "filmstrip", "steps": 3, "frames": 3, "count": 2})");
  ASSERT_EQ(ended(film).at("state"), "done");
  for (const auto& [file, largest] : std::map<std::string, int>{// of 6x4 pixels each
                                                                {"pictures/0.png", 9},
                                                                {"frames/0/x_t/1.png", 9},
                                                                {"grid.png", 6}}) {
    const std::string target = "/api/jobs/" + film + "/" + file + "?scale=";
    EXPECT_EQ(get(target + std::to_string(largest)).status, 200) << target;
    const Answer refused = get(target + std::to_string(largest + 1));
    EXPECT_EQ(refused.status, 400) << target;
    EXPECT_EQ(field_of(refused), "scale");
    EXPECT_NE(refused.body.find("more than 2000 pixels"), std::string::npos) << refused.body;
  }
  // As they are drawn they are given, whatever their size.
  const std::string large = submit(R"({"model": "large", "steps": 1})");
  ASSERT_EQ(ended(large).at("state"), "done");
  EXPECT_EQ(get("/api/jobs/" + large + "/pictures/0.png?scale=1").status, 200);
  EXPECT_EQ(get("/api/jobs/" + large + "/pictures/0.png?scale=2").status, 400);
}

TEST_F(RefusedJobs, ListMoreStepsThanThereIsMemoryFor) {
  ServiceOptions small = options();
  small.limits.kept_bytes = 300'000;
  start(small);
  const auto body = [](const std::string& fields) {
    return R"({"model": "slow", "tau": )" + listed(1000) + fields + "}";
  };
  std::vector<std::string> ids;
  for (int i = 0; i < 18; ++i) ids.push_back(submit(body("")));  // 8,000 bytes each
  EXPECT_EQ(post("/api/jobs", body("")).status, 429);
  ask(port(), "DELETE", "/api/jobs/" + ids.back());
  submit(body(""));
  // Its recipe has the list as a text.
  small.limits.kept_bytes = 200'000;
  start(small);
  EXPECT_EQ(field_of(post("/api/jobs", body(""))), "count");
}

TEST_F(RefusedJobs, CountWhatIsKeptOfThem) {
  const auto kept_of = [this](const std::string& body) {
    const std::int64_t before = metric("ddim_kept_bytes");
    EXPECT_EQ(ended(submit(body)).at("state"), "done");
    return metric("ddim_kept_bytes") - before;
  };
  const auto text = std::ssize(listed(1000)) - 999;  // without spaces
  const std::int64_t named = kept_of(R"({"steps": 10, "count": 4})");
  const std::int64_t in_list = kept_of(R"({"count": 4, "tau": )" + listed(1000) + "}");
  // In the recipe of all and in that of the first, from which those of the others follow.
  EXPECT_GT(in_list, named + 2 * text - 500);
  EXPECT_LT(in_list, named + 3 * text);
  // What it was given goes with its end.
  const std::string running = submit(R"({"model": "slow", "steps": 1000})");
  wait_for_state(running, "running");
  const std::string waiting =
      submit(R"({"model": "slow", "seed": 5, "tau": )" + listed(1000) + "}");
  for (const std::string& id : {waiting, running}) {
    ask(port(), "DELETE", "/api/jobs/" + id);
    EXPECT_EQ(ended(id).at("state"), "cancelled");
    const SampleOptions left = service_->board().find(id)->request.sample;
    EXPECT_EQ(left.plan, PlanOptions{});
    EXPECT_EQ(left.seed, 0U);
  }
}

TEST_F(RefusedJobs, AreNotForgottenWhileOthersAreDrawnWithThem) {
  const std::string first = submit(R"({"model": "slow", "steps": 1000})");
  wait_for_state(first, "running");
  const auto together = [this](int seed) {
    return submit(fmt::format(R"({{"model": "slow", "steps": 400, "seed": {}}})", seed));
  };
  const std::string stays = together(7), goes = together(8), stays_too = together(9);
  ask(port(), "DELETE", "/api/jobs/" + first);
  wait_for_state(goes, "running");
  ask(port(), "DELETE", "/api/jobs/" + goes);
  EXPECT_EQ(state(goes), "cancelled");
  EXPECT_EQ(service_->board().find(goes)->request.sample.seed, 8U);  // which their run may read
  const Model model = formula_model(milliseconds(0));
  for (const auto& [id, seed] : {std::pair(stays, 7U), std::pair(stays_too, 9U)}) {
    EXPECT_EQ(ended(id).at("state"), "done");
    EXPECT_EQ(
        get("/api/jobs/" + id + "/grid.png").body,
        server::text_of(png_grid_bytes(sample(model, {.plan = {.steps = 400}, .seed = seed}))));
  }
  EXPECT_EQ(metric("ddim_jobs_batched_total"), 3);
  EXPECT_EQ(service_->board().find(goes)->request.sample.seed, 0U);
}

}  // namespace
}  // namespace ddim::server_test
