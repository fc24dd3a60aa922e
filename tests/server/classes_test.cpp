// Jobs of models that have classes.
#include <ddim/file_bytes.h>
#include <ddim/interpolate.h>
#include <fmt/core.h>

#include "json_views.h"
#include "tests/server/running_service.h"

namespace ddim::server_test {
namespace {

using server::text_of;

class ServedClasses : public Served {
 protected:
  FloatImages drawn(const SampleOptions& options) const { return sample(classes_, options).x_0; }
  std::string npz_of(const std::string& id) const {
    return get("/api/jobs/" + id + "/pictures.npz").body;
  }
  const Model classes_ = classes_model();
};

TEST_F(ServedClasses, AreListedAndChosenByNameOrNumber) {
  const Json listed = Json::parse(get("/api/models").body);
  EXPECT_EQ(listed.at("models").size(), 5U);
  EXPECT_EQ(listed.at("most_pictures"), 1024);
  for (const Json& model : listed.at("models")) {
    const bool has_classes = model.at("name") == "classes";
    EXPECT_EQ(model.at("num_classes"), has_classes ? 5 : 0);
    EXPECT_EQ(model.at("class_names").size(), has_classes ? 5U : 0U);
    EXPECT_EQ(model.contains("null_class"), has_classes);
    if (has_classes) {
      EXPECT_EQ(model.at("class_names")[1], "ankle boot");
    }
  }
  const std::string id = submit(R"({"model": "classes", "steps": 3, "count": 3, "seed": 7,)"
                                R"( "class": ["ankle boot", 0], "guidance": 2.5})");
  const Json done = ended(id);
  ASSERT_EQ(done.at("state"), "done") << done;
  const SampleOptions options{.plan = {.steps = 3},
                              .count = 3,
                              .seed = 7,
                              .class_choice = {.classes = {1, 0}, .guidance = 2.5}};
  EXPECT_EQ(npz_of(id), text_of(npz_bytes(drawn(options), std::vector<std::int64_t>{1, 0, 1})));
  EXPECT_EQ(done.at("recipe").at("class"), "1,0");
  EXPECT_NE(done.at("command").get<std::string>().find("--class 1,0"), std::string::npos);
  EXPECT_NE(done.at("command").get<std::string>().find("--guidance 2.5"), std::string::npos);
  const std::string one = submit(R"({"model": "classes", "steps": 3, "class": "bag",)"
                                 R"( "guidance": 0, "null_class": 3})");
  ASSERT_EQ(ended(one).at("state"), "done");
  EXPECT_EQ(
      npz_of(one),
      text_of(npz_bytes(drawn({.plan = {.steps = 3},
                               .class_choice = {.classes = {2}, .guidance = 0.0, .null_class = 3}}),
                        std::vector<std::int64_t>{2})));
  const std::string later = submit(R"({"model": "classes", "steps": 1, "class": [4, 2, 0],)"
                                   R"( "count": 2, "first_image": 4})");
  ASSERT_EQ(ended(later).at("state"), "done");
  EXPECT_EQ(npz_of(later), text_of(npz_bytes(drawn({.plan = {.steps = 1},
                                                    .count = 2,
                                                    .first_image = 4,
                                                    .class_choice = {.classes = {4, 2, 0}}}),
                                             std::vector<std::int64_t>{2, 0})));
  for (const auto& [fields, field] :
       std::map<std::string, std::string>{{"", "class"},
                                          {R"(, "class": 5)", "class"},
                                          {R"(, "class": "sandal")", "class"},
                                          {R"(, "class": "5")", "class"},
                                          {R"(, "class": "-1")", "class"},
                                          {R"(, "class": [0, "sandal"])", "class"},
                                          {R"(, "class": 0, "guidance": -1)", "guidance"},
                                          {R"(, "class": 0, "null_class": 5)", "null_class"}}) {
    const Answer answer = post("/api/jobs", R"({"model": "classes")" + fields + "}");
    EXPECT_EQ(answer.status, 400) << fields;
    EXPECT_EQ(field_of(answer), field) << fields << answer.body;
  }
}

TEST_F(ServedClasses, AreThoseOfTheFramesThatPicturesBecome) {
  const Bytes picture =
      png_bytes(to_image(drawn({.plan = {.steps = 1}, .class_choice = {.classes = {0}}}), 0));
  const std::string id =
      Json::parse(post("/api/uploads?name=a.png", text_of(picture)).body).at("id");
  const std::string line = submit(R"({"model": "classes", "task": "interpolate", "steps": 3,)"
                                  R"( "frames": 4, "class": [0, 1], "ends": [5, ")" +
                                  id + "\"]}");
  const Json done = ended(line);
  ASSERT_EQ(done.at("state"), "done") << done;
  const Codes last = encode(classes_, picture_from_bytes(classes_, picture, "a.png"),
                            {.plan = {.steps = 3}, .class_choice = {.classes = {1}}});
  const SampleOptions options{.plan = {.steps = 3},
                              .count = 4,
                              .class_choice = {.classes = {0, 1}},
                              .x_T = interpolate(join(draw_noise(classes_, 5), last.x_T), 4)};
  EXPECT_EQ(npz_of(line), text_of(npz_bytes(drawn(options))));

  // Steps that pictures cannot be encoded over are refused when they are asked for.
  for (const std::string& task :
       {R"("encode", "pictures": [")" + id, R"("interpolate", "ends": [5, ")" + id}) {
    const Answer answer = post("/api/jobs", R"({"model": "classes", "steps": 7, "class": 0,)"
                                            R"( "tau": "diffusers-trailing", "task": )" +
                                                task + "\"]}");
    EXPECT_EQ(answer.status, 400) << answer.body;
    EXPECT_NE(answer.body.find("encode: the step from t = "), std::string::npos) << answer.body;
  }
}

TEST_F(ServedClasses, AreTheWordsOfTheCommand) {
  const auto chosen = [this](const std::string& fields) {
    const Json done = ended(submit(R"({"model": "classes", "steps": 1, )" + fields + "}"));
    return done.at("recipe").at("class").get<std::string>();
  };
  EXPECT_EQ(chosen(R"("class": "3")"), "3");
  EXPECT_EQ(chosen(R"("class": "all", "count": 4)"), "0,1,2,3");
  EXPECT_EQ(chosen(R"("class": "all", "null_class": 0)"), "1,2,3,4");
  EXPECT_EQ(chosen(R"("class": ["bag", "0", 1])"), "2,0,1");
  const auto problem = [this](const std::string& name) {
    const Answer answer = post("/api/jobs", R"({"model": "classes", "class": ")" + name + R"("})");
    EXPECT_EQ(answer.status, 400) << answer.body;
    return Json::parse(answer.body).at("error").at("message").get<std::string>();
  };
  EXPECT_EQ(problem("sandal"),
            "class: this model has no class \"sandal\"; choose from coat, ankle boot, bag, shirt, "
            "none, or numbers from 0 to 4, or all");
  EXPECT_NE(problem("bagg").find("\"bagg\"; did you mean bag? Choose from coat"),
            std::string::npos);
}

TEST_F(ServedClasses, OfJobsThatAreDrawnTogetherStayTheirOwn) {
  const std::string first =
      submit(R"({"model": "classes", "class": 0, "steps": 1000, "count": 64})");
  wait_for_state(first, "running");
  std::vector<std::string> ids;
  for (int k = 0; k < 3; ++k)
    ids.push_back(submit(fmt::format(
        R"({{"model": "classes", "steps": 2, "count": 2, "class": [{}, 3], "seed": {}}})", k, k)));
  ask(port(), "DELETE", "/api/jobs/" + first);
  for (int k = 0; k < 3; ++k) {
    const std::string& id = ids[static_cast<std::size_t>(k)];
    ASSERT_EQ(ended(id).at("state"), "done");
    EXPECT_EQ(npz_of(id), text_of(npz_bytes(drawn({.plan = {.steps = 2},
                                                   .count = 2,
                                                   .seed = static_cast<std::uint64_t>(k),
                                                   .class_choice = {.classes = {k, 3}}}),
                                            std::vector<std::int64_t>{k, 3})));
  }
  EXPECT_EQ(metric("ddim_jobs_batched_total"), 3);
}

TEST_F(ServedClasses, CanBeOtherOnesWhenCodesAreDecoded) {
  const std::string drawn_id = submit(R"({"model": "classes", "class": 0, "steps": 2})");
  ended(drawn_id);
  const std::string encoded = submit(R"({"model": "classes", "task": "encode", "class": 0,)"
                                     R"( "steps": 5, "pictures": [")" +
                                     drawn_id + R"(/0"]})");
  ASSERT_EQ(ended(encoded).at("state"), "done");
  const std::string file = get("/api/jobs/" + encoded + "/codes.safetensors").body;
  const Codes codes = ddim::codes_from_bytes(std::as_bytes(std::span(file)), "codes");
  const std::string decoded = submit(R"({"model": "classes", "task": "decode", "class": "shirt",)"
                                     R"( "codes": ")" +
                                     encoded + "\"}");
  ASSERT_EQ(ended(decoded).at("state"), "done");
  EXPECT_EQ(npz_of(decoded),
            text_of(npz_bytes(decode(classes_, codes, {.class_choice = {.classes = {3}}}).x_0)));
  EXPECT_EQ(job(decoded).at("recipe").at("class"), "3");

  // Codes of another model draw other pictures than those that were encoded.
  EXPECT_EQ(codes.model_hash, classes_.weights_hash());
  Codes others = codes;
  others.model_hash = std::string(64, 'a');
  const std::string upload =
      Json::parse(post("/api/uploads?name=others.safetensors", text_of(codes_bytes(others))).body)
          .at("id");
  for (const std::string& fields :
       {R"("task": "decode", "codes": ")" + upload + "\"",
        R"("task": "interpolate", "frames": 2, "steps": 2, "ends": [1, "codes:)" + upload +
            "\"]"}) {
    const std::string body = R"({"model": "classes", "class": 1, )" + fields;
    // At once where the weights of the model are known.
    const Answer answer = post("/api/jobs", body + "}");
    std::string said = answer.body;
    if (answer.status == 202) said = ended(Json::parse(answer.body).at("id")).dump();
    EXPECT_NE(said.find("weights aaaaaaaaaaaa; those of"), std::string::npos) << said;
    const Json asked = ended(submit(body + R"(, "other_weights": true})"));
    EXPECT_EQ(asked.at("state"), "done") << asked;
    EXPECT_NE(asked.at("command").get<std::string>().find(" --other-weights"), std::string::npos);
  }
}

TEST_F(ServedClasses, AreNamedByPromptsInOpenAisForm) {
  const auto answer_to = [this](const std::string& fields) {
    return post("/v1/images/generations",
                R"({"model": "classes", "steps": 2, "seed": 4, )" + fields + "}");
  };
  const auto png_of = [this](const ClassChoice& choice) {
    const SampleOptions options{.plan = {.steps = 2}, .seed = 4, .class_choice = choice};
    const Bytes png = png_bytes(to_image(drawn(options), 0), make_recipe(classes_, options));
    return server::base64(text_of(png));
  };
  for (const auto& [fields, choice] : std::vector<std::pair<std::string, ClassChoice>>{
           {R"("prompt": "ankle boot")", {.classes = {1}}},
           {R"("prompt": "3")", {.classes = {3}}},
           {R"("prompt": "coat", "guidance": 3)", {.classes = {0}, .guidance = 3.0}}}) {
    const Answer answer = answer_to(fields);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(Json::parse(answer.body).at("data")[0].at("b64_json"), png_of(choice)) << fields;
  }
  const std::string names = "coat, ankle boot, bag, shirt, none, or numbers from 0 to 4, or all";
  const std::string numbers = "does not exist; this network knows 0 to 4";
  for (const auto& [prompt, all] :
       std::map<std::string, std::string>{{"", names},
                                          {"a photo of a cat", names},
                                          {std::string(30'000, 'x'), names},
                                          {"5", numbers},
                                          {"-1", numbers},
                                          {"1 ", names},
                                          {"99999999999999999999", names}}) {
    const Answer answer = answer_to(fmt::format(R"("prompt": "{}")", prompt));
    EXPECT_EQ(answer.status, 400) << prompt;
    EXPECT_EQ(field_of(answer), "prompt") << answer.body;
    EXPECT_NE(answer.body.find("\"prompt: "), std::string::npos) << answer.body;
    EXPECT_NE(answer.body.find(all), std::string::npos) << answer.body;
    EXPECT_LT(answer.body.size(), 500) << "of a prompt that nobody would read";
  }
}

TEST_F(ServedClasses, OfAModelWithoutClassesTakeNone) {
  EXPECT_EQ(field_of(post("/api/jobs", R"({"class": 1})")), "class");
  EXPECT_EQ(field_of(post("/api/jobs", R"({"class": "boot"})")), "class");
}

}  // namespace
}  // namespace ddim::server_test
