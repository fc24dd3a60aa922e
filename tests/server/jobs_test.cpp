// Jobs as clients see them: their results, their events, their end.
#include <ddim/file_bytes.h>
#include <ddim/interpolate.h>
#include <fmt/core.h>

#include "json_views.h"
#include "tests/server/running_service.h"

namespace ddim::server_test {
namespace {

using server::text_of;

class ServedJobs : public Served {
 protected:
  const Model model_ = formula_model(milliseconds(0));
};

TEST_F(ServedJobs, MakeTheFilesThatTheLibraryMakes) {
  const std::string id = submit(R"({"steps": 5, "count": 3, "seed": 7, "eta": 1})");
  const Json done = ended(id);
  ASSERT_EQ(done.at("state"), "done") << done;
  const SampleOptions options{.plan = {.steps = 5, .eta = 1.0}, .count = 3, .seed = 7};
  const Samples samples = sample(model_, options);
  const std::string at = "/api/jobs/" + id;
  EXPECT_EQ(get(at + "/grid.png").body, text_of(png_grid_bytes(samples)));
  EXPECT_EQ(get(at + "/grid.png?columns=3&scale=2").body,
            text_of(png_grid_bytes(samples, {.columns = 3, .scale = 2})));
  EXPECT_EQ(get(at + "/pictures.npz").body, text_of(npz_bytes(samples.x_0)));
  EXPECT_EQ(get(at + "/pictures.safetensors").body, text_of(tensor_bytes("x_0", samples.x_0)));
  const Recipe recipe = make_recipe(model_, only_pictures(options, 2));
  EXPECT_EQ(get(at + "/pictures/2.png").body, text_of(png_bytes(to_image(samples.x_0, 2), recipe)));
  EXPECT_EQ(Json::parse(get(at + "/pictures/2.json").body).at("recipe"), Json(recipe));
  EXPECT_EQ(done.at("command"),
            "ddim sample --model models/quick --count 3 --eta 1 --seed 7 --steps 5 --out "
            "picture.png");
  for (const char* missing : {"/pictures/3.png", "/pictures/-1.png", "/codes.safetensors",
                              "/frames/0/x_t/0.png", "/pictures/x.png"})
    EXPECT_EQ(get(at + missing).status, 404) << missing;
  EXPECT_EQ(field_of(get(at + "/grid.png?scale=65")), "scale");
}

/// The events of a stream: types, ids and data.
struct Event {
  std::int64_t id = 0;
  std::string type;
  Json data;
};
std::vector<Event> events_in(std::string text) {
  std::vector<Event> events;
  std::size_t at = 0;
  while ((at = text.find("id: ", at)) != std::string::npos) {
    const std::size_t type = text.find("event: ", at) + 7, data = text.find("data: ", at) + 6;
    events.push_back({std::stoll(text.substr(at + 4)),
                      text.substr(type, text.find('\n', type) - type),
                      Json::parse(text.substr(data, text.find('\n', data) - data))});
    at = data;
  }
  return events;
}

TEST_F(ServedJobs, TellWhatHappensUntilTheyEnd) {
  const std::string id =
      submit(R"({"model": "slow", "steps": 40, "count": 2, "preview_every": 10})");
  const std::string text = get("/api/jobs/" + id + "/events").body;
  const std::vector<Event> events = events_in(text);
  ASSERT_GE(events.size(), 4U);
  std::map<std::string, int> types;
  std::int64_t last_id = 0, last_step = -1, evaluations = 0;
  for (const Event& event : events) {
    EXPECT_GT(event.id, last_id);
    last_id = event.id;
    ++types[event.type];
    if (event.type == "preview") {
      EXPECT_GE(event.data.at("step"), last_step);
      last_step = event.data.at("step");
      EXPECT_TRUE(last_step % 10 == 0 || event.data.at("t_prev") == -1.0);
      EXPECT_TRUE(event.data.at("png").get<std::string>().starts_with("iVBORw0KGgo"));
    }
    if (event.type == "progress") {
      EXPECT_GE(event.data.at("evaluations_done"), evaluations);
      evaluations = event.data.at("evaluations_done");
      EXPECT_EQ(event.data.at("evaluations"), 80);
      EXPECT_GT(event.data.at("seconds_left"), 0.0);
    }
  }
  EXPECT_GE(types["preview"], 2);
  EXPECT_GE(types["progress"], 1);
  EXPECT_EQ(events.back().type, "state");
  EXPECT_EQ(events.back().data.at("state"), "done");
  EXPECT_TRUE(text.ends_with("0\r\n\r\n"));

  // Who comes later, or comes back, gets what is new.
  EXPECT_EQ(events_in(get("/api/jobs/" + id + "/events").body).size(), 1U);
  const Lines knows_all = {{"Last-Event-ID", std::to_string(last_id)}};
  EXPECT_EQ(get("/api/jobs/" + id + "/events", knows_all).status, 204);  // EventSource ends there
  const Lines knows_more = {{"Last-Event-ID", std::to_string(last_id + 1)}};
  EXPECT_EQ(events_in(get("/api/jobs/" + id + "/events", knows_more).body).size(), 1U);
  const Lines knows_some = {{"Last-Event-ID", std::to_string(last_id - 1)}};
  EXPECT_EQ(events_in(get("/api/jobs/" + id + "/events", knows_some).body).size(), 1U);
  EXPECT_EQ(get("/api/jobs/" + id + "/events", {{"Last-Event-ID", "x"}}).status, 400);
}

TEST_F(ServedJobs, OfAllTasksDoWhatTheLibraryDoes) {
  const std::string line =
      submit(R"({"task": "interpolate", "ends": [3, 24], "frames": 4, "steps": 5})");
  ASSERT_EQ(ended(line).at("state"), "done");
  const FloatImages states = interpolate(join(draw_noise(model_, 3), draw_noise(model_, 24)), 4);
  const FloatImages pictures =
      sample(model_, {.plan = {.steps = 5}, .count = 4, .x_T = states}).x_0;
  EXPECT_EQ(get("/api/jobs/" + line + "/pictures.npz").body, text_of(npz_bytes(pictures)));
  EXPECT_EQ(job(line).at("command"),
            "ddim interpolate 3 24 --model models/quick --steps 5 --frames 4 --out picture.png");
  const std::string noisy =
      submit(R"({"task": "interpolate", "ends": [3, 24], "frames": 4, "steps": 5, "eta": 1})");
  EXPECT_EQ(ended(noisy).at("command"),
            "ddim interpolate 3 24 --model models/quick --eta 1 --steps 5 --frames 4 --out "
            "picture.png");
  const Json second = Json::parse(get("/api/jobs/" + line + "/pictures/1.json").body);
  EXPECT_EQ(second.at("makes"), "all");  // no command makes one frame alone
  EXPECT_EQ(second.at("command"), job(line).at("command"));
  EXPECT_EQ(second.at("recipe"),
            Json(make_recipe(model_,
                             only_pictures({.plan = {.steps = 5}, .count = 4, .x_T = states}, 1))));

  const std::string film = submit(R"({"task": "filmstrip", "steps": 6, "frames": 4, "seed": 2})");
  const Json film_done = ended(film);
  ASSERT_EQ(film_done.at("results").at("frames").size(), 4U) << film_done;
  const Filmstrip strip =
      filmstrip(model_, {.sample = {.plan = {.steps = 6}, .seed = 2}, .frames = 4});
  EXPECT_EQ(film_done.at("results").at("frames")[1], strip.frames[1].t);
  EXPECT_EQ(film_done.at("command"),
            "ddim filmstrip --model models/quick --count 1 --seed 2 --steps 6 --frames 4 --out "
            "picture.png");
  EXPECT_EQ(get("/api/jobs/" + film + "/frames/1/x_0/0.png").body,
            text_of(png_bytes(to_image(strip.frames[1].x0_pred, 0))));

  // A picture of a job is encoded, and its codes are decoded.
  const std::string encode =
      submit(R"({"task": "encode", "steps": 20, "pictures": [")" + line + R"(/1"]})");
  const Json encoded = ended(encode);
  ASSERT_EQ(encoded.at("state"), "done") << encoded;
  const Image picture = to_image(pictures, 1);
  const FloatImages as_file = picture_from_bytes(model_, png_bytes(picture), "picture.png");
  const Codes codes = ddim::encode(model_, as_file, {.plan = {.steps = 20}});
  EXPECT_EQ(get("/api/jobs/" + encode + "/codes.safetensors").body, text_of(codes_bytes(codes)));
  EXPECT_TRUE(encoded.at("results").contains("statistics"));
  const std::string decode = submit(R"({"task": "decode", "codes": ")" + encode + R"("})");
  ASSERT_EQ(ended(decode).at("state"), "done");
  EXPECT_EQ(get("/api/jobs/" + decode + "/pictures.npz").body,
            text_of(npz_bytes(ddim::decode(model_, codes).x_0)));
  EXPECT_EQ(job(decode).at("command"),
            "ddim decode codes.safetensors --model models/quick --out picture.png");
  EXPECT_EQ(job(decode).at("files"),
            Json({{"codes.safetensors", "/api/jobs/" + encode + "/codes.safetensors"}}));
  EXPECT_FALSE(encoded.contains("command"));
  EXPECT_EQ(Json::parse(get("/api/jobs/" + encode + "/pictures/0.json").body).at("command"), "");
}

TEST_F(ServedJobs, TakeWhatTheModelAndTheSamplerCanWhereNobodySays) {
  const Json done = ended(submit(R"({"model": "large"})"));
  ASSERT_EQ(done.at("state"), "done") << done;
  EXPECT_EQ(done.at("results").at("nfe"), 4);
  const Bytes picture = png_bytes(to_image(sample(model_, {.plan = {.steps = 1}}).x_0, 0));
  const std::string id =
      Json::parse(post("/api/uploads?name=a.png", text_of(picture)).body).at("id");
  const Json adaptive =
      ended(submit(R"({"sampler": "adaptive", "tolerance": 1, "init_image": ")" + id + "\"}"));
  EXPECT_EQ(adaptive.at("state"), "done") << adaptive;
}

TEST_F(ServedJobs, TakeUploads) {
  const FloatImages drawn = sample(model_, {.plan = {.steps = 3}, .count = 2}).x_0;
  const auto upload = [&](std::int64_t k, const char* name) {
    const Answer answer =
        post(std::string("/api/uploads?name=") + name, text_of(png_bytes(to_image(drawn, k))));
    EXPECT_EQ(answer.status, 201) << answer.body;
    return Json::parse(answer.body).at("id").get<std::string>();
  };
  const std::string picture = upload(0, "..%2Fboot.png"), mask = upload(1, "mask.png");
  const std::string id = submit(R"({"steps": 4, "strength": 0.5, "init_image": ")" + picture +
                                R"(", "mask": ")" + mask + R"("})");
  const Json done = ended(id);
  ASSERT_EQ(done.at("state"), "done") << done;
  EXPECT_EQ(done.at("recipe").at("init_image"), "boot.png");
  EXPECT_EQ(done.at("recipe").at("mask"), "mask.png");
  SampleOptions options{.plan = {.steps = 4, .strength = 0.5}};
  options.init = InitImage{.images = picture_from_bytes(model_, png_bytes(to_image(drawn, 0)), "p"),
                           .mask = mask_from_bytes(model_, png_bytes(to_image(drawn, 1)), "m")};
  EXPECT_EQ(get("/api/jobs/" + id + "/pictures.npz").body,
            text_of(npz_bytes(sample(model_, options).x_0)));

  // Names of files go into commands as they are, and none is written over.
  const std::string photo = upload(0, "my%20photo.png"), own = upload(0, "picture.png");
  const std::string line = submit(R"({"task": "interpolate", "resize": "crop-resize", "steps": 2,)"
                                  R"( "frames": 2, "ends": [3, ")" +
                                  photo + R"("]})");
  EXPECT_EQ(ended(line).at("command"),
            "ddim interpolate 3 'my photo.png' --model models/quick --resize crop-resize --steps 2 "
            "--frames 2 --out picture.png");
  const std::string again = submit(R"({"steps": 2, "strength": 1, "init_image": ")" + own + "\"}");
  EXPECT_EQ(
      ended(again).at("command"),
      "ddim sample --model models/quick --count 1 --init-image picture.png --seed 0 --steps 2 "
      "--strength 1 --out drawn.png");

  // Without strength as the command does: a picture is kept in part, and wholly where a mask says.
  const std::string in_part = submit(R"({"steps": 5, "init_image": ")" + picture + "\"}");
  EXPECT_EQ(ended(in_part).at("recipe").at("strength"), "0.8");
  const std::string masked =
      submit(R"({"steps": 5, "init_image": ")" + picture + R"(", "mask": ")" + mask + R"("})");
  EXPECT_EQ(ended(masked).at("recipe").at("strength"), "1");
  EXPECT_FALSE(ended(submit(R"({"steps": 5})")).at("recipe").contains("strength"));
  const Json strength = Json::parse(get("/api/openapi.json").body)
                            .at("/components/schemas/Job/properties/strength"_json_pointer);
  EXPECT_NE(strength.at("description").get<std::string>().find("0.8, or 1 with mask"),
            std::string::npos);
  EXPECT_FALSE(strength.contains("default")) << "what is left out depends on mask";

  // Neither is a flag nor a number, and two of the same name are two.
  const std::string dash = upload(0, "-x.png"), number = upload(0, "42"), twin = upload(1, "42");
  const Json ways = ended(submit(R"({"task": "interpolate", "steps": 2, "frames": 2, "ends": [")" +
                                 dash + R"(", ")" + number + R"(", ")" + twin + R"(", 42]})"));
  const std::string twin_name = twin.substr(0, 8) + "-42";
  EXPECT_EQ(ways.at("command"), "ddim interpolate ./-x.png ./42 " + twin_name +
                                    " 42 --model models/quick --steps 2 --frames 2 --out "
                                    "picture.png");
  const Json files = ways.at("files");
  EXPECT_EQ(files.size(), 3U);
  const Answer again_twin = get(files.at(twin_name));
  EXPECT_EQ(again_twin.body, text_of(png_bytes(to_image(drawn, 1))));
  EXPECT_EQ(again_twin.headers.at("content-disposition"),
            "attachment; filename=\"42\"; filename*=UTF-8''42");
  EXPECT_EQ(ended(submit(R"({"steps": 2, "init_image": ")" + dash + "\"}"))
                .at("command")
                .get<std::string>()
                .find("--init-image ./-x.png"),
            std::string("ddim sample --model models/quick --count 1 ").size());
  EXPECT_EQ(get("/api/uploads/0123").status, 404);

  // A long name loses its middle, between letters.
  std::string long_name;
  for (int i = 0; i < 60; ++i) long_name += "%C3%A4";
  const Json kept = Json::parse(post("/api/uploads?name=" + long_name + ".png", "x").body);
  const std::string short_name = kept.at("name");
  EXPECT_EQ(short_name.size(), 48 * 2 + 4U);
  EXPECT_TRUE(short_name.ends_with("\xc3\xa4.png")) << short_name;

  EXPECT_EQ(field_of(post("/api/jobs", R"({"init_image": "0123"})")), "init_image");
  for (const char* k : {"1x", "1.5", "2", "", "-1", " 1"})
    EXPECT_EQ(post("/api/jobs", R"({"init_image": ")" + id + "/" + k + "\"}").status, 404) << k;
  const std::string nonsense = Json::parse(post("/api/uploads", "no picture").body).at("id");
  EXPECT_EQ(field_of(post("/api/jobs", R"({"init_image": ")" + nonsense + "\"}")), "init_image");
  EXPECT_EQ(post("/api/uploads", "").status, 400);
}

TEST_F(ServedJobs, ThatWaitTogetherAreDrawnInOneBatch) {
  const std::string first = submit(R"({"model": "slow", "steps": 1000})");
  wait_for_state(first, "running");
  std::vector<std::string> ids;
  for (int seed = 0; seed < 4; ++seed)
    ids.push_back(submit(fmt::format(R"({{"model": "slow", "steps": 5, "count": {}, "seed": {}}})",
                                     seed + 1, seed)));
  ids.push_back(submit(R"({"model": "slow", "steps": 6, "seed": 9})"));            // other steps
  ids.push_back(submit(R"({"model": "slow", "steps": 5, "eta": 1, "seed": 9})"));  // noisy
  EXPECT_EQ(job(ids[3]).at("waiting_before"), 4);
  ask(port(), "DELETE", "/api/jobs/" + first);
  for (int seed = 0; seed < 4; ++seed) {
    const Json done = ended(ids[static_cast<std::size_t>(seed)]);
    ASSERT_EQ(done.at("state"), "done") << done;
    const Samples alone =
        sample(model_,
               {.plan = {.steps = 5}, .count = seed + 1, .seed = static_cast<std::uint64_t>(seed)});
    // The recipe, too, is that of the request alone.
    EXPECT_EQ(get("/api/jobs/" + done.at("id").get<std::string>() + "/grid.png").body,
              text_of(png_grid_bytes(alone)));
  }
  ended(ids[4]);
  ended(ids[5]);
  EXPECT_EQ(metric("ddim_jobs_batched_total"), 4);
}

TEST_F(ServedJobs, AreCancelled) {
  const std::string running = submit(R"({"model": "slow", "steps": 1000})");
  const std::string waiting = submit(R"({"model": "slow", "steps": 999})");
  wait_for_state(running, "running");
  EXPECT_EQ(state(waiting), "waiting");
  for (const std::string& id : {waiting, running, running}) {
    EXPECT_EQ(ask(port(), "DELETE", "/api/jobs/" + id).status, 200);
    EXPECT_EQ(ended(id).at("state"), "cancelled");
  }
  EXPECT_EQ(events_in(get("/api/jobs/" + running + "/events").body).back().data.at("state"),
            "cancelled");
  EXPECT_EQ(get("/api/jobs/" + running + "/grid.png").status, 409);
  EXPECT_EQ(get("/api/jobs/0123").status, 404);
  EXPECT_EQ(ended(submit(R"({"model": "slow", "steps": 3})")).at("state"), "done");
}

TEST_F(ServedJobs, OfSeveralModelsRunAtTheSameTime) {
  const std::string slow = submit(R"({"model": "slow", "steps": 1000})");
  EXPECT_EQ(ended(submit(R"({"model": "quick", "steps": 3})")).at("state"), "done");
  wait_for_state(slow, "running");  // its thread may have begun later
}

TEST_F(ServedJobs, OfADamagedModelFailAndTheServerGoesOn) {
  const Json failed = ended(submit(R"({"model": "damaged", "steps": 3})"));
  EXPECT_EQ(failed.at("state"), "failed");
  EXPECT_EQ(failed.at("error").at("message"), "damaged/weights: ends early");
  EXPECT_EQ(failed.at("error").at("code"), 4);
  EXPECT_EQ(ended(submit(R"({"steps": 3})")).at("state"), "done");
}

TEST_F(ServedJobs, ThatAreOneTooManyAreRefused) {
  ServiceOptions small = options();
  small.limits.queue = 2;
  start(small);
  const std::string running = submit(R"({"model": "slow", "steps": 1000})");
  wait_for_state(running, "running");
  submit(R"({"model": "slow", "steps": 1000})");
  submit(R"({"model": "slow", "steps": 1000})");
  const Answer answer = post("/api/jobs", R"({"model": "slow"})");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.headers.at("retry-after"), "5");
}

TEST_F(ServedJobs, NeedNotWaitWhereNoneMayWait) {
  ServiceOptions none = options();
  none.limits.queue = 0;
  start(none);
  const std::string running = submit(R"({"model": "slow", "steps": 1000})");
  EXPECT_EQ(post("/api/jobs", R"({"model": "slow"})").status, 429);
  EXPECT_EQ(ended(submit(R"({"model": "quick", "steps": 1})")).at("state"), "done");
  ask(port(), "DELETE", "/api/jobs/" + running);
  ended(running);
  submit(R"({"model": "slow", "steps": 1})");
}

TEST_F(ServedJobs, SayNumbersAsTheyLike) {
  const Json done = ended(submit(R"({"steps": 1e1, "count": 2.0, "seed": -0.0, "eta": -0.0})"));
  EXPECT_EQ(done.at("command"),
            "ddim sample --model models/quick --count 2 --seed 0 --steps 10 "
            "--out picture.png");
  const Answer answer = post("/api/jobs", R"({"first_image": 4294967295, "count": 2})");
  EXPECT_EQ(field_of(answer), "first_image") << answer.body;
  ServiceOptions few = options();
  few.limits.pictures = 1;
  start(few);
  const std::string drawn = submit(R"({"steps": 1})");
  ended(drawn);
  EXPECT_EQ(field_of(post("/api/jobs", R"({"task": "encode", "pictures": [")" + drawn +
                                           R"(/0", ")" + drawn + "/0\"]}")),
            "pictures");
  EXPECT_EQ(field_of(post("/v1/images/generations", R"({"prompt": "", "n": 2})")), "n");
}

TEST_F(ServedJobs, ThatWaitHoldSoMuchAndNoMore) {
  ServiceOptions small = options();
  small.limits.kept_bytes = 20'000;  // half of it for 104 pictures of 24 floats
  start(small);
  const Bytes png = png_bytes(to_image(draw_noise(model_, 0), 0));
  const std::string upload = Json::parse(post("/api/uploads", text_of(png)).body).at("id");
  std::string pictures = "\"" + upload + "\"";
  for (int i = 1; i < 50; ++i) pictures += ", \"" + upload + "\"";
  const std::string body =
      R"({"model": "slow", "task": "encode", "steps": 1000, "pictures": [)" + pictures + "]}";
  const std::string first = submit(body), second = submit(body);
  const Answer third = post("/api/jobs", body);
  EXPECT_EQ(third.status, 429) << third.body;
  EXPECT_TRUE(third.headers.contains("retry-after"));
  ask(port(), "DELETE", "/api/jobs/" + second);
  submit(body);
}

TEST_F(ServedJobs, AreForgottenWhenTheirMemoryIsNeeded) {
  ServiceOptions small = options();
  small.limits.kept_bytes = 200'000;
  start(small);
  const std::string first = submit(R"({"steps": 1, "count": 20})");
  ended(first);
  for (int i = 0; i < 30; ++i) ended(submit(R"({"steps": 1, "count": 20})"));
  EXPECT_EQ(get("/api/jobs/" + first).status, 404);
  EXPECT_LE(metric("ddim_kept_bytes"), 200'000);
  EXPECT_EQ(field_of(post("/api/jobs", R"({"steps": 1, "count": 1000})")), "count");
  EXPECT_EQ(post("/api/uploads", std::string(150'000, 'x')).status, 413);
  // Also what takes next to nothing: jobs without a result, and uploads.
  const std::string blocking = submit(R"({"model": "slow", "steps": 1000})");
  for (int i = 0; i < 60; ++i)
    ask(port(), "DELETE", "/api/jobs/" + submit(R"({"model": "slow", "steps": 1})"));
  EXPECT_LE(metric("ddim_kept_bytes"), 200'000);
  const auto upload = [this](std::size_t size) {
    const Answer answer = post("/api/uploads", std::string(size, 'x'));
    EXPECT_EQ(answer.status, 201) << answer.body;
    return "/api/uploads/" + Json::parse(answer.body).at("id").get<std::string>();
  };
  const std::string oldest = upload(1), large = upload(60'000);
  EXPECT_EQ(get(oldest).status, 200);
  for (int i = 0; i < 30; ++i) upload(1);
  EXPECT_LE(metric("ddim_kept_bytes"), 200'000);
  EXPECT_EQ(get(oldest).status, 404);
  EXPECT_EQ(get(large).status, 404);
  EXPECT_EQ(state(blocking), "running");
}

TEST_F(ServedJobs, AreForgottenAfterAWhile) {
  ServiceOptions brief = options();
  brief.limits.kept_time = std::chrono::seconds(0);
  start(brief);
  const std::string id = submit(R"({"steps": 1})");
  for (int i = 0; i < 1000 && metric("ddim_jobs_total{state=\"done\"}") == 0; ++i)
    std::this_thread::sleep_for(milliseconds(2));
  EXPECT_EQ(get("/api/jobs/" + id).status, 404);  // whether it has been dropped or not yet
  EXPECT_EQ(metric_at_most("ddim_kept_bytes", 0), 0);
}

TEST_F(ServedJobs, LoadTheirModelAgainAfterItWasNotUsedForAWhile) {
  const auto is_loaded = [this] {
    return get("/api/models").body.find("\"loaded\":true") != std::string::npos;
  };
  ended(submit(R"({"steps": 1})"));
  EXPECT_TRUE(is_loaded());
  ServiceOptions brief = options();
  brief.limits.unload_time = std::chrono::seconds(0);
  start(brief);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ended(submit(R"({"steps": 1})"))["state"], "done");
    for (int k = 0; k < 1000 && is_loaded(); ++k) std::this_thread::sleep_for(milliseconds(10));
    EXPECT_FALSE(is_loaded());
  }
}

// The place of a run in training has another model each time.
TEST_F(ServedJobs, AreCheckedAgainstTheModelThatIsLoaded) {
  ServiceOptions brief = options();
  brief.limits.unload_time = std::chrono::seconds(0);
  service_ = std::make_unique<Service>(
      std::vector{source("run", formula_model(milliseconds(0)),
                         [width = 6]() mutable {
                           return formula_model(milliseconds(0), {1, 4, ++width});
                         })},
      brief, [](const std::string&) {});
  const auto now = [this] { return Json::parse(get("/api/models").body)["models"][0]; };
  EXPECT_EQ(now()["width"], 6);
  for (int load = 1; load <= 2; ++load) {
    EXPECT_EQ(ended(submit(R"({"steps": 1})"))["state"], "done");
    EXPECT_EQ(now()["width"], 6 + load);
    for (int k = 0; k < 1000 && now()["loaded"] == true; ++k)
      std::this_thread::sleep_for(milliseconds(10));
  }
}

TEST_F(ServedJobs, FinishWhenTheServerStops) {
  const std::string running = submit(R"({"model": "slow", "steps": 300})");
  wait_for_state(running, "running");
  const std::string waiting = submit(R"({"model": "slow", "steps": 299})");
  const Connection listener(port());
  listener.send("GET /api/jobs/" + running + "/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  listener.receive_until("data: ");
  std::string stopped;
  std::thread stopping([&] { stopped = service_->stop(); });
  // What it made can be fetched for a while, and nothing new is begun.
  EXPECT_NE(listener.receive_until("0\r\n\r\n").find(R"({"state":"done")"), std::string::npos);
  EXPECT_EQ(post("/api/jobs", "{}").status, 503);
  EXPECT_EQ(post("/api/uploads", "x").status, 503);
  EXPECT_EQ(get("/api/jobs/" + running + "/pictures/0.png").status, 200);
  stopping.join();
  EXPECT_EQ(stopped, "1 running job finished; 1 waiting cancelled");
  EXPECT_THROW(Connection{port()}, std::runtime_error);
}

TEST_F(ServedJobs, AreCancelledWhenTheyTakeTooLongToStop) {
  ServiceOptions hasty = options();
  hasty.limits.stop_time = std::chrono::seconds(0);
  start(hasty);
  const std::string running = submit(R"({"model": "slow", "steps": 1000})");
  wait_for_state(running, "running");
  const Connection listener(port());
  listener.send("GET /api/jobs/" + running + "/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  listener.receive_until("data: ");
  EXPECT_EQ(service_->stop(),
            "1 running job did not finish in time and cancelled; 0 waiting cancelled");
  EXPECT_NE(listener.receive_all().find(R"({"state":"cancelled")"), std::string::npos);
}

TEST_F(ServedJobs, AreAnsweredForWhenTheServerStops) {
  const std::string drawn = submit(R"({"model": "large", "steps": 1})");
  ASSERT_EQ(ended(drawn).at("state"), "done");
  auto client = std::make_unique<Connection>(port());
  client->send("GET /api/jobs/" + drawn +
               "/grid.png?scale=3 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(50));  // until it has come; it takes longer to be made
  std::thread stopping([this] { service_->stop(); });
  const Answer answer = parse_answer(client->receive_all());
  client.reset();
  stopping.join();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(std::to_string(answer.body.size()), answer.headers.at("content-length"));
}

TEST_F(ServedJobs, InOpenAisFormAnswerWhenTheyAreDone) {
  const Answer answer = post("/v1/images/generations",
                             R"({"prompt": "a boot", "n": 2, "size": "12x8", "seed": 5,)"
                             R"( "steps": 4, "quality": "hd", "response_format": "b64_json"})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json data = Json::parse(answer.body).at("data");
  ASSERT_EQ(data.size(), 2U);
  const SampleOptions options{.plan = {.steps = 4}, .count = 2, .seed = 5};
  const Image second = to_image(sample(model_, options).x_0, 1);
  Recipe recipe = make_recipe(model_, only_pictures(options, 1));
  recipe["scale"] = "2";
  const Bytes png = png_bytes(make_grid(std::span(&second, 1), {.scale = 2}), recipe);
  EXPECT_EQ(data[1].at("b64_json"), server::base64(text_of(png)));
  for (const auto& [body, field] : std::map<std::string, std::string>{
           {R"({})", "prompt"},
           {R"({"prompt": ""} x)", "body"},
           {R"({"prompt": "", "n": 0})", "n"},
           {R"({"prompt": "", "n": 65})", "n"},
           {R"({"prompt": "", "size": "13x8"})", "size"},
           {R"({"prompt": "", "size": "9216x9216", "model": "large"})", "size"},  // for one PNG
           {R"({"prompt": "", "size": "4096x4096", "n": 4, "model": "large"})", "size"},
           {R"({"prompt": "", "response_format": "gif"})", "response_format"},
           {R"({"prompt": "", "output_format": "jpeg"})", "output_format"},
           {R"({"prompt": "", "stream": true})", "stream"},
           {R"({"prompt": null})", "prompt"},
           {R"({"prompt": "", "nonsense": null})", "nonsense"},
           {R"({"prompt": "", "model": "dall-e-3"})", "model"}})
    EXPECT_EQ(field_of(post("/v1/images/generations", body)), field) << body;
  const std::string other = post("/v1/images/generations", R"({"prompt": "", "eta": 1})").body;
  const Json fields = Json::parse(get("/api/openapi.json").body)
                          .at("/components/schemas/Images/properties"_json_pointer);
  for (const auto& [name, schema] : fields.items())
    EXPECT_NE(other.find(name), std::string::npos) << other;
}

TEST_F(ServedJobs, InOpenAisFormTakeWhatItsClientsSend) {
  const Answer answer =
      post("/v1/images/generations",
           R"({"prompt": ")" + std::string(30'000, 'x') +
               R"(", "n": null, "size": null, "response_format": "url", "user": null, "seed": 5,)"
               R"( "steps": 4, "stream": false, "output_compression": 100, "partial_images": 0,)"
               R"( "output_format": "png", "background": "auto", "moderation": "low"})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json data = Json::parse(answer.body).at("data");
  ASSERT_EQ(data.size(), 1U);
  const std::string url = data[0].at("url"), here = fmt::format("http://127.0.0.1:{}", port());
  ASSERT_TRUE(url.starts_with(here)) << url;
  const SampleOptions options{.plan = {.steps = 4}, .seed = 5};
  EXPECT_EQ(
      get(url.substr(here.size())).body,
      text_of(png_bytes(to_image(sample(model_, options).x_0, 0), make_recipe(model_, options))));
}

TEST_F(ServedJobs, InOpenAisFormEndWithTheirClient) {
  {
    const Connection client(port());
    const std::string body = R"({"prompt": "", "model": "slow", "steps": 1000})";
    client.send("POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    for (int i = 0; i < 5000 && metric("ddim_jobs{state=\"running\"}") != 1; ++i)
      std::this_thread::sleep_for(milliseconds(2));
    EXPECT_EQ(metric("ddim_jobs{state=\"running\"}"), 1);
  }
  for (int i = 0; i < 5000 && metric("ddim_jobs{state=\"running\"}") != 0; ++i)
    std::this_thread::sleep_for(milliseconds(2));
  EXPECT_EQ(metric("ddim_jobs_total{state=\"cancelled\"}"), 1);
}

}  // namespace
}  // namespace ddim::server_test
