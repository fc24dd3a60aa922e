// What stands on the wire around an answer.
#pragma once

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <ctime>
#include <string>

#include "event_log.h"
#include "http_message.h"

namespace ddim::server {

inline const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return status < 500 ? "Error" : "Internal Server Error";
  }
}

inline std::string text_of(const EventLog::Event& event) {
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event.id, event.type, event.data);
}

inline std::string chunk_of(const std::string& text) {
  return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
}

inline std::string head_of(bool is_http_1_0, int status, const std::string& type,
                           const Headers& headers, bool keep) {
  std::string head =
      fmt::format("HTTP/1.{} {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\n", is_http_1_0 ? 0 : 1,
                  status, reason_of(status), fmt::gmtime(std::time(nullptr)));
  if (!type.empty()) head += fmt::format("Content-Type: {}\r\n", type);
  for (const auto& [name, value] : headers) head += fmt::format("{}: {}\r\n", name, value);
  return head + fmt::format("Connection: {}\r\n\r\n", keep ? "keep-alive" : "close");
}

}  // namespace ddim::server
