#pragma once

#include <ddim/ddim.h>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>

namespace ddim::python {

namespace nb = nanobind;
namespace fs = std::filesystem;

/// Text that may hold a file's name, whatever its bytes are: as Python's own functions give names.
nb::object text_of(const std::string& text);

/// [N,H,W,C] of any library that speaks DLPack or NumPy's protocol, as fp32.
using ArrayIn = nb::ndarray<const float, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using ArrayOut = nb::ndarray<nb::numpy, float, nb::ndim<4>>;

FloatImages images_of(const ArrayIn& array);
/// Without a copy: the array owns the pictures.
ArrayOut array_of(FloatImages images);

/// The options that a caller's words ask for of a model, if there is one.
SampleOptions said_by(const Recipe& words, const Model* model);

}  // namespace ddim::python
