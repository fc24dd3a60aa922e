#pragma once

#include <map>
#include <string>

#include "base/text.h"

namespace ddim {

/// "seed is 1 there and 2 here", of what a finished part was made by and what is asked for, or
/// nothing where they are the same.
inline std::string first_difference(const std::map<std::string, std::string>& there,
                                    const std::map<std::string, std::string>& here) {
  const auto value_in = [](const std::map<std::string, std::string>& settings,
                           const std::string& key) {
    const auto entry = settings.find(key);
    return entry == settings.end() ? "not set" : entry->second.substr(0, 60);
  };
  std::map<std::string, std::string> keys = there;
  keys.insert(here.begin(), here.end());
  for (const auto& [key, ignored] : keys)
    if (value_in(there, key) != value_in(here, key))
      return engine::concat(key, " is ", value_in(there, key), " there and ", value_in(here, key),
                            " here");
  return "";
}

}  // namespace ddim
