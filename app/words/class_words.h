#pragma once

#include <ddim/class_choice.h>
#include <ddim/model.h>

#include <string>

namespace ddim {

/// Adds what a word means to the classes of a choice: a number, the name of a class, or "all",
/// which is each but the null class. Error(user), which begins with `cause`, for other words, and
/// for all but numbers where the model has no classes. Numbers are left to check_sample().
void add_classes(const std::string& word, const ModelInfo& info, const std::string& cause,
                 ClassChoice& choice);

}  // namespace ddim
