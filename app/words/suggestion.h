#pragma once

#include <string>
#include <vector>

namespace ddim {

/// "; did you mean --steps?" when one of the words is near, otherwise "".
std::string suggestion(const std::string& word, const std::vector<std::string>& words);

/// What is wrong with a value that must be one of `words`, "" for nothing.
std::string problem_of_word(const std::string& word, const std::vector<std::string>& words);

}  // namespace ddim
