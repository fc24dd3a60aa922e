#pragma once

#include "values.h"

namespace ddim::python {

/// Functions of the module and methods of Model that measure.
void add_evaluation(nb::module_& m, nb::class_<Model>& model);
void add_training(nb::module_& m);

}  // namespace ddim::python
