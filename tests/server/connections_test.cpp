// Which connection is let go, and what becomes of what it asked for.
#include "tests/server/running_service.h"

namespace ddim::server_test {
namespace {

class Connections : public Served {};

TEST_F(Connections, ThatHaveHadTheirAnswerMakeRoomFirst) {
  for (std::int64_t server::Limits::*limit :
       {&server::Limits::connections, &server::Limits::connections_per_address}) {
    ServiceOptions few = options();
    few.limits.*limit = 2;
    start(few);
    const Connection uploading(port()), idle(port());
    uploading.send(head("POST /api/uploads", "Content-Length: 10\r\n") + "01234");
    idle.send(head("GET /healthz"));
    EXPECT_TRUE(idle.receive_until("ok\n").ends_with("ok\n"));
    EXPECT_EQ(get("/healthz").status, 200);
    EXPECT_EQ(idle.receive(), "");
    uploading.send("56789");
    const std::string answer = uploading.receive_until("}");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 201 ")) << answer;
  }
}

TEST_F(Connections, ThatSendTooMuchAheadCancelWhatTheyWaitFor) {
  const auto wait_for_running = [this](std::int64_t number) {
    for (int i = 0; i < 5000 && metric("ddim_jobs{state=\"running\"}") != number; ++i)
      std::this_thread::sleep_for(milliseconds(2));
    EXPECT_EQ(metric("ddim_jobs{state=\"running\"}"), number);
  };
  const Connection client(port());
  const std::string body = R"({"prompt": "", "model": "slow", "steps": 1000})";
  client.send(head("POST /v1/images/generations",
                   "Content-Length: " + std::to_string(body.size()) + "\r\n") +
              body);
  wait_for_running(1);
  client.send(std::string(256 << 10, 'x'));
  wait_for_running(0);
  EXPECT_EQ(metric("ddim_jobs_total{state=\"cancelled\"}"), 1);
}

}  // namespace
}  // namespace ddim::server_test
