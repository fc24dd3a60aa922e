#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "service.h"
#include "tests/server/client.h"
#include "tests/support/text_files.h"

namespace ddim::server_test {

using Json = nlohmann::json;
using server::ModelSource;
using server::Service;
using server::ServiceOptions;
using std::chrono::milliseconds;

/// A model whose network is a formula, and takes its time for each call.
inline Model formula_model(milliseconds time, const PictureShape& shape = {1, 4, 6},
                           const ForwardProcess& process = {}) {
  return Model::from({.name = "formula",
                      .shape = shape,
                      .process = process,
                      .predict = [time](const Denoiser::Call& call, std::span<float> output) {
                        if (time.count() > 0) std::this_thread::sleep_for(time);
                        for (std::size_t i = 0; i < output.size(); ++i)
                          output[i] = 0.5F * call.x_t[i] + 0.1F;
                      }});
}

/// A tiny network with four classes, and one that stands for none.
inline Model classes_model() {
  const std::string folder = "tests/diffusers/goldens/classes/";
  std::map<std::string, std::string> files;
  for (const char* name : {"model_index.json", "scheduler/scheduler_config.json",
                           "unet/config.json", "unet/diffusion_pytorch_model.safetensors"})
    files[name] = test::read_text(folder + name);
  const auto add = [&files](const char* name, const std::string& entry) {
    std::string& text = files.at(name);
    text.insert(text.find('{') + 1, entry + ",");
  };
  add("model_index.json", R"("_class_names": ["coat", "ankle boot", "bag", "shirt", "none"])");
  add("unet/config.json", R"("null_class": 4)");
  std::map<std::string, std::span<const std::byte>> bytes;
  for (const auto& [name, text] : files) bytes[name] = std::as_bytes(std::span(text));
  return Model::load_from_memory(bytes);
}

inline ModelSource source(const std::string& name, const Model& model,
                          std::function<Model()> load = {}) {
  if (!load) load = [model] { return model; };
  return {.name = name, .place = "models/" + name, .described = model, .load = [load]() mutable {
            const Model loaded = load();
            return server::LoadedModel{.model = loaded, .described = loaded};
          }};
}

/// A service on a free port: the model "quick", the model "slow" with 5 ms a call, "damaged", whose
/// weights cannot be loaded, "classes", and "large", whose pictures have 4 MiB and T = 4.
class Served : public testing::Test {
 protected:
  static ServiceOptions options() {
    ServiceOptions options;
    options.listen.port = 0;
    options.run.threads = 1;
    return options;
  }
  void start(const ServiceOptions& options) {
    static const Model classes = classes_model();
    const auto refuse = []() -> Model {
      throw Error(ErrorCode::corrupt, "damaged/weights: ends early");
    };
    service_ = std::make_unique<Service>(
        std::vector{source("quick", formula_model(milliseconds(0))),
                    source("slow", formula_model(milliseconds(5))),
                    source("damaged", formula_model(milliseconds(0)), refuse),
                    source("classes", classes),
                    source("large", formula_model(milliseconds(0), {1, 1024, 1024}, {.T = 4}))},
        options, [this](const std::string& line) {
          const std::lock_guard lock(mutex_);
          log_ += line + "\n";
        });
  }
  void SetUp() override { start(options()); }

  std::uint16_t port() const { return service_->port(); }
  std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  Answer get(const std::string& target, const Lines& lines = {}) const {
    return server_test::get(port(), target, lines);
  }
  Answer post(const std::string& target, const std::string& body) const {
    return server_test::post(port(), target, body);
  }
  std::string raw(const std::string& bytes) const {
    const Connection connection(port());
    connection.send(bytes);
    return connection.receive_all();
  }
  /// A head that ends with these lines.
  static std::string head(const std::string& start, const std::string& lines = "") {
    return start + " HTTP/1.1\r\nHost: localhost\r\n" + lines + "\r\n";
  }
  /// The field that an answer says is wrong; "" for none.
  static std::string field_of(const Answer& answer) {
    const Json field = Json::parse(answer.body).at("error").at("param");
    return field.is_string() ? field.get<std::string>() : "";
  }

  /// The id of a new job.
  std::string submit(const std::string& body) const {
    const Answer answer = post("/api/jobs", body);
    EXPECT_EQ(answer.status, 202) << answer.body;
    return answer.status == 202 ? Json::parse(answer.body).at("id").get<std::string>() : "";
  }
  Json job(const std::string& id) const { return Json::parse(get("/api/jobs/" + id).body); }
  std::string state(const std::string& id) const { return job(id).at("state"); }
  /// Waits until it has ended.
  Json ended(const std::string& id) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < until) {
      const Json now = job(id);
      if (now.at("state") != "waiting" && now.at("state") != "running") return now;
      std::this_thread::sleep_for(milliseconds(2));
    }
    ADD_FAILURE() << "the job does not end";
    return job(id);
  }
  void wait_for_state(const std::string& id, const std::string& wanted) const {
    for (int i = 0; i < 5000 && state(id) != wanted; ++i)
      std::this_thread::sleep_for(milliseconds(2));
    ASSERT_EQ(state(id), wanted);
  }
  std::int64_t metric(const std::string& name) const {
    const std::string text = "\n" + get("/metrics").body;
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stoll(text.substr(at + name.size() + 2));
  }
  /// The same, once it is at most so large, or after some seconds.
  std::int64_t metric_at_most(const std::string& name, std::int64_t most) const {
    for (int i = 0; i < 500; ++i) {
      const std::int64_t value = metric(name);
      if (value <= most) return value;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return metric(name);
  }

  std::mutex mutex_;
  std::string log_;
  std::unique_ptr<Service> service_;
};

}  // namespace ddim::server_test
