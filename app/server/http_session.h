// What a server does with each of its connections. For http_server.cpp alone: it reads Boost.
#pragma once

#include <ddim/error.h>
#include <fmt/core.h>

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <list>
#include <map>
#include <new>
#include <optional>
#include <thread>

#include "http_parser.h"
#include "http_server.h"
#include "http_stream.h"
#include "http_text.h"
#include "tls.h"

namespace ddim::server {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr std::size_t kReadBytes = 16 << 10;
inline constexpr std::size_t kMostReadAhead =
    64 << 10;                                      // of requests behind one that is being answered
inline constexpr std::int64_t kLarge = 64 << 10;   // for an answer, or the body of a request
inline constexpr seconds kBetweenSignsOfLife{15};  // of a stream of events
inline constexpr seconds kLinger{2};               // for a client that is told to go away
inline constexpr int kClientLeft = 499;            // as nginx' log says it

class Session;

/// Its members are used by the serving thread alone, but for `io`, `handlers` and `num_open`.
struct HttpServer::Implementation {
  Implementation(Api& with_api, const Limits& with_limits,
                 std::function<void(const AccessRecord&)> with_log)
      : api(with_api), limits(with_limits), log(std::move(with_log)) {}

  void listen(const ListenOptions& options);
  /// What the serving thread does. What fails, as where memory ends, is given up, such as a
  /// connection, and the others go on.
  void serve();
  void accept();
  void on_accept(tcp::socket socket);
  std::unique_ptr<Stream> stream_of(tcp::socket socket);
  /// Makes room for one more from there, if need be in place of the oldest that awaits no answer,
  /// first of those that have had one and sent nothing since; else the status that says why there
  /// is none.
  std::optional<int> make_room(const std::string& peer);
  void turn_away(tcp::socket socket, int status);
  void close_idle();

  Api& api;
  const Limits limits;
  const std::function<void(const AccessRecord&)> log;
  std::atomic<std::int64_t> num_open = 0;
  std::atomic<std::int64_t> num_refused = 0;
  std::atomic<std::int64_t> num_ended = 0;  ///< requests
  bool stopping = false;
  bool accepting = false;                          ///< or in the pause before
  std::int64_t unread_bytes = 0;                   ///< of large answers that are being written
  std::int64_t body_bytes = 0;                     ///< of requests that are not answered yet
  std::int64_t num_turned_away = 0;                ///< that are being told so
  std::list<Session*> sessions;                    ///< the oldest first
  std::map<std::string, std::int64_t> by_address;  ///< how many are open
  asio::io_context io{1};
  /// An answer that another thread still works on needs it, too.
  asio::executor_work_guard<asio::io_context::executor_type> until_stop{io.get_executor()};
  std::unique_ptr<Tls> tls;
  tcp::acceptor acceptor{io};
  asio::steady_timer pause{io};  ///< after an error of accepting
  asio::thread_pool handlers{2};
  std::jthread thread;
};

using Server = HttpServer::Implementation;

/// One connection too many: it is told so, and may read it before it is cut off.
class TurnedAway : public std::enable_shared_from_this<TurnedAway> {
 public:
  TurnedAway(Server& server, tcp::socket socket, std::string text)
      : server_(server), socket_(std::move(socket)), timer_(server.io), text_(std::move(text)) {
    ++server_.num_turned_away;
  }
  ~TurnedAway() { --server_.num_turned_away; }
  TurnedAway(const TurnedAway&) = delete;
  TurnedAway& operator=(const TurnedAway&) = delete;

  void start() {
    timer_.expires_after(kLinger);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
      error_code ignored;
      if (const auto self = weak.lock(); self && !error) self->socket_.close(ignored);
    });
    asio::async_write(socket_, asio::buffer(text_),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        error_code ignored;
                        self->socket_.shutdown(tcp::socket::shutdown_send, ignored);
                        if (!error) self->drain();
                      });
  }

 private:
  void drain() {
    socket_.async_read_some(asio::buffer(bytes_),
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (!error) self->drain();
                            });
  }

  Server& server_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  const std::string text_;
  std::array<char, 1024> bytes_;
};

/// A connection, from one request to the next.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Server& server, std::unique_ptr<Stream> stream, std::string peer)
      : server_(server), stream_(std::move(stream)), peer_(std::move(peer)), timer_(server.io) {
    place_ = server_.sessions.insert(server_.sessions.end(), this);
    ++server_.by_address[peer_];
    ++server_.num_open;
  }
  ~Session() {
    forget_job();
    release_body();
    server_.unread_bytes -= unread_bytes_;
    try {
      if (is_begun_) end_request(kClientLeft);
    } catch (const std::exception&) {  // no memory for the line
    }
    server_.sessions.erase(place_);
    if (--server_.by_address[peer_] == 0) server_.by_address.erase(peer_);
    --server_.num_open;
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    set_deadline(server_.limits.header_time);
    stream_->begin([self = shared_from_this()](error_code error) {
      if (!error) self->next_request("");
    });
  }
  bool is_asking() const { return stage_ == Stage::asking; }
  /// Between an answer and the next request.
  bool is_idle() const { return is_asking() && num_answers_ > 0 && !is_begun_; }
  const std::string& peer() const { return peer_; }
  /// What another thread has done for it is not wanted any more. May end it.
  void forget_work() { at_work_.reset(); }
  void close() {
    stage_ = Stage::leaving;
    timer_.cancel();
    stream_->close();
  }

 private:
  enum class Stage {
    asking,     ///< a request is awaited or read
    answering,  ///< it is worked on, or its answer written
    following,  ///< a job is waited for, or its events sent
    leaving     ///< what comes is dropped
  };

  void set_deadline(Clock::duration time) {
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (!error && self) self->go_on_with([&] { self->on_deadline(); });
    });
  }
  void on_deadline() {
    using State = HttpParser::State;
    const bool is_read = stage_ == Stage::asking && is_begun_ && parser_ && !writing_;
    if (!is_read) return stream_->close();
    const bool is_head = parser_->state() == State::head;
    const auto time = is_head ? server_.limits.header_time : server_.limits.body_time;
    refuse(408, fmt::format("the {} of the request did not come within {} s",
                            is_head ? "head" : "body", time.count()));
  }

  void next_request(std::string bytes) {
    stage_ = Stage::asking;
    parser_.emplace(server_.limits, [this](const Request& head, std::int64_t length) {
      return admitted(head, length);
    });
    if (server_.stopping && bytes.empty()) return stream_->close();
    set_deadline(num_answers_ == 0 || !bytes.empty() ? Clock::duration(server_.limits.header_time)
                                                     : Clock::duration(server_.limits.idle_time));
    take(bytes);
  }

  /// The most bytes of a body; nothing where the head says that the request is refused.
  std::optional<std::int64_t> admitted(const Request& head, std::int64_t length) {
    const std::int64_t most = server_.api.body_limit(head.method, head.path);
    unwanted_ = server_.api.refusal_by_head(head);
    if (!unwanted_ && length <= most && !has_room_for_body(length)) unwanted_ = no_room(head);
    return unwanted_ ? std::nullopt : std::optional(most);
  }
  /// Whether there is memory for such a body as well as for those that others have sent.
  bool has_room_for_body(std::int64_t bytes) const {
    const std::int64_t of_others = server_.body_bytes - body_bytes_;
    return bytes < kLarge || of_others == 0 || of_others + bytes <= server_.limits.kept_bytes;
  }
  Response no_room(const Request& request) const {
    return server_.api.refusal(429, "others send or read large files at this time; try again later",
                               request);
  }
  void release_body() { server_.body_bytes -= std::exchange(body_bytes_, 0); }

  void take(std::string_view bytes) {
    using State = HttpParser::State;
    const State before = parser_->state();
    parser_->put(bytes);
    const State state = parser_->state();
    if (before == State::nothing && state != State::nothing) begin_request();
    const std::int64_t size = parser_->body_bytes();
    server_.body_bytes += size - std::exchange(body_bytes_, size);
    if (state == State::refused) return refuse(parser_->status(), parser_->problem());
    if (state == State::unwanted) return refuse(std::move(*unwanted_));
    if (!has_room_for_body(size)) return refuse(no_room(parser_->head()));
    if (state == State::done) return answer();
    if (before == State::nothing && state == State::head) set_deadline(server_.limits.header_time);
    if (before != State::body && state == State::body) set_deadline(server_.limits.body_time);
    if (parser_->take_continue())
      return write("HTTP/1.1 100 Continue\r\n\r\n", [this] {
        set_deadline(server_.limits.body_time);
        read();
      });
    read();
  }

  void read() {
    if (reading_) return;
    reading_ = true;
    stream_->read(asio::buffer(bytes_),
                  [self = shared_from_this()](error_code error, std::size_t size) {
                    self->reading_ = false;
                    self->on_read(error, size);
                  });
  }

  void on_read(error_code error, std::size_t size) {
    const std::string_view bytes(bytes_.data(), size);
    if (error) return on_gone();
    if (stage_ == Stage::asking) return take(bytes);
    if (stage_ == Stage::leaving) return drain();
    read_ahead_ += bytes;
    if (read_ahead_.size() > kMostReadAhead) return on_gone();
    if (stage_ != Stage::answering) read();
  }

  /// The client has closed the connection, or is to be let go.
  void on_gone() {
    if (stage_ == Stage::following && later_) server_.api.cancel(later_->entry);
    forget_job();
    close();
  }

  void begin_request() {
    is_begun_ = true;
    started_ = Clock::now();
    record_ = {.peer = peer_, .method = "-", .target = "-"};
  }
  void end_request(int status) {
    is_begun_ = false;
    record_.status = status;
    record_.ms = std::chrono::duration<double, std::milli>(Clock::now() - started_).count();
    server_.api.count(status);
    ++server_.num_ended;
    server_.log(record_);
  }

  /// What is no request, too large, or not wanted: says so without the rest of it, and lets the
  /// client read it before it is cut off.
  void refuse(int status, const std::string& problem) {
    refuse(server_.api.refusal(status, problem, parser_->head()));
  }
  void refuse(Response refusal) {
    const Request& head = parser_->head();
    if (!head.path.empty()) record_ = {.peer = peer_, .method = head.method, .target = head.path};
    is_http_1_0_ = parser_->is_http_1_0();
    is_head_ = head.method == "HEAD";
    keep_ = false;
    parser_.reset();
    release_body();
    respond(std::move(refusal));
  }

  void answer() {
    stage_ = Stage::answering;
    timer_.cancel();
    started_ = Clock::now();
    keep_ = parser_->keeps_alive();
    is_http_1_0_ = parser_->is_http_1_0();
    request_ = parser_->take();
    read_ahead_ = parser_->rest();
    request_.peer = peer_;
    is_head_ = request_.method == "HEAD";
    record_ = {.peer = peer_, .method = request_.method, .target = request_.path};
    if (request_.path == "/healthz") return reply(server_.api.handle(request_));
    have_made([this] { return server_.api.handle(request_); });
  }

  /// Hands the making of a reply to another thread.
  void have_made(std::function<Reply()> make) {
    make_ = std::move(make);
    // The serving thread alone may end the session, so it keeps it until it is handed back.
    at_work_ = shared_from_this();
    try {
      asio::post(server_.handlers, [this] { work(); });
    } catch (...) {
      at_work_.reset();
      throw;
    }
  }

  /// Where it fails, as where memory is not enough for an answer, the client is told so by the end
  /// of the connection.
  template <class Work>
  void go_on_with(const Work& work) {
    try {
      work();
    } catch (const std::exception&) {
      close();
    }
  }

  /// In another thread.
  void work() {
    try {
      made_ = make_();
    } catch (const std::bad_alloc&) {
      made_ = Response{.status = 503};
    }
    while (true) {
      try {
        return asio::post(server_.io, [this] {
          const auto self = std::exchange(at_work_, nullptr);
          go_on_with([this] { reply(std::move(made_)); });
        });
      } catch (const std::bad_alloc&) {
        std::this_thread::sleep_for(kForMemory);
      }
    }
  }

  void reply(Reply made) {
    request_.body = std::string();
    release_body();
    if (auto* response = std::get_if<Response>(&made)) return respond(std::move(*response));
    stage_ = Stage::following;
    if (auto* later = std::get_if<WhenDone>(&made)) {
      later_ = std::move(*later);
      listen_to(later_->entry);
      read();  // to see when the client leaves
      return respond_when_done();
    }
    auto& stream = std::get<EventStream>(made);
    record_.status = 200;
    stream.headers.emplace_back("X-Accel-Buffering", "no");
    if (!is_http_1_0_) stream.headers.emplace_back("Transfer-Encoding", "chunked");
    if (is_http_1_0_) keep_ = false;
    std::string head = head_of(200, "text/event-stream", stream.headers);
    if (is_head_) {
      stage_ = Stage::answering;
      return write(std::move(head), [this] { finish(); });
    }
    events_ = std::move(stream);
    listen_to(events_->entry);
    read();
    write(std::move(head), [this] { send_events(); });
  }

  // Listeners are called from other threads.
  void listen_to(const std::shared_ptr<Entry>& entry) {
    listened_ = entry;
    listener_ = entry->events.add_listener([weak = weak_from_this(), &io = server_.io] {
      asio::post(io, [weak] {
        if (const auto self = weak.lock()) self->go_on_with([&] { self->on_event(); });
      });
    });
  }
  void forget_job() {
    if (listened_) listened_->events.remove_listener(listener_);
    listened_.reset();
    later_.reset();
    events_.reset();
  }

  void on_event() {
    if (later_) respond_when_done();
    if (events_ && !writing_) send_events();
  }

  void respond_when_done() {
    if (!later_->entry->events.is_complete()) return;
    stage_ = Stage::answering;
    std::function<Response()> make = std::move(later_->make);
    forget_job();
    have_made([make = std::move(make)] { return Reply(make()); });
  }

  /// One event at a time. Previews are left out while others have not read theirs.
  void send_events() {
    const EventLog& log = events_->entry->events;
    const bool is_complete = log.is_complete();
    auto event = log.next(events_->after);
    while (event && event->type == "preview" && !has_room_for(std::ssize(event->data)))
      event = log.next(event->id);
    if (event) {
      events_->after = event->id;
      return send_piece(text_of(*event));
    }
    if (!is_complete) return wait_for_events();
    forget_job();
    write(is_http_1_0_ ? "" : "0\r\n\r\n", [this] { finish(); });
  }

  void send_piece(const std::string& text) {
    record_.bytes += std::ssize(text);
    hold(std::ssize(text));
    write(is_http_1_0_ ? text : chunk_of(text), [this] {
      let_go();
      send_events();
    });
  }

  void wait_for_events() {
    timer_.expires_after(kBetweenSignsOfLife);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (!error && self && self->events_ && !self->writing_) self->send_piece(": still here\n\n");
    });
  }

  std::string head_of(int status, const std::string& type, const Headers& headers) {
    if (server_.stopping) keep_ = false;
    return server::head_of(is_http_1_0_, status, type, headers, keep_);
  }

  /// Whether there is memory for an answer as well as for those that others have not read yet.
  bool has_room_for(std::int64_t bytes) const {
    return bytes < kLarge || server_.unread_bytes == 0 ||
           server_.unread_bytes + bytes <= server_.limits.kept_bytes;
  }
  void hold(std::int64_t bytes) {
    if (bytes >= kLarge) server_.unread_bytes += unread_bytes_ = bytes;
  }
  void let_go() { server_.unread_bytes -= std::exchange(unread_bytes_, 0); }

  void respond(Response response) {
    stage_ = Stage::answering;
    if (!has_room_for(std::ssize(response.body))) response = no_room(request_);
    hold(std::ssize(response.body));
    record_.status = response.status;
    record_.bytes = static_cast<std::int64_t>(response.body.size());
    if (response.status != 204 && response.status != 304)
      response.headers.emplace_back("Content-Length", std::to_string(response.body.size()));
    std::string text = head_of(response.status, response.type, response.headers);
    if (!is_head_) text += response.body;
    write(std::move(text), [this] { finish(); });
  }

  /// Writes it piece by piece, each within the time for idle clients.
  void write(std::string text, std::function<void()> then) {
    writing_ = true;
    text_ = std::move(text);
    written_ = 0;
    then_ = std::move(then);
    write_rest();
  }
  void write_rest() {
    if (written_ == text_.size()) {
      writing_ = false;
      timer_.cancel();
      return std::exchange(then_, {})();
    }
    set_deadline(server_.limits.idle_time);
    stream_->write(asio::buffer(text_) + written_,
                   [self = shared_from_this()](error_code error, std::size_t size) {
                     if (error) return self->on_gone();
                     self->written_ += size;
                     self->write_rest();
                   });
  }

  void finish() {
    end_request(record_.status);
    let_go();
    text_ = std::string();
    request_ = {};
    ++num_answers_;
    is_head_ = false;
    if (keep_) return next_request(std::exchange(read_ahead_, {}));
    stage_ = Stage::leaving;
    set_deadline(kLinger);
    stream_->end_writing([self = shared_from_this()] { self->drain(); });
  }

  /// Until the client closes the connection, or its time is over.
  void drain() {
    if (reading_) return;
    reading_ = true;
    stream_->socket().async_read_some(asio::buffer(bytes_),
                                      [self = shared_from_this()](error_code error, std::size_t) {
                                        self->reading_ = false;
                                        if (error) return self->close();
                                        self->drain();
                                      });
  }

  Server& server_;
  const std::unique_ptr<Stream> stream_;
  const std::string peer_;
  std::list<Session*>::iterator place_;
  asio::steady_timer timer_;
  Stage stage_ = Stage::asking;
  std::optional<HttpParser> parser_;
  std::array<char, kReadBytes> bytes_;
  bool reading_ = false;
  std::string read_ahead_;
  std::optional<Response> unwanted_;  ///< what a request gets whose body is not wanted
  std::int64_t body_bytes_ = 0;       ///< of the request that is read or worked on
  Request request_;
  std::shared_ptr<Session> at_work_;  ///< itself, while another thread works on the request
  std::function<Reply()> make_;       ///< what it is to do
  Reply made_;                        ///< what it has made
  bool keep_ = false, is_http_1_0_ = false, is_head_ = false;
  std::int64_t num_answers_ = 0;

  std::string text_;  ///< that is being written
  std::int64_t unread_bytes_ = 0;
  std::size_t written_ = 0;
  bool writing_ = false;
  std::function<void()> then_;

  std::optional<WhenDone> later_;
  std::optional<EventStream> events_;
  std::shared_ptr<Entry> listened_;
  std::uint64_t listener_ = 0;

  bool is_begun_ = false;  ///< a request, which has not ended
  Clock::time_point started_;
  AccessRecord record_;
};

}  // namespace ddim::server
