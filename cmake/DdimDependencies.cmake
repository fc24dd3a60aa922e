# Finds every library that the rooms use, and names all missing ones at once with the line that
# installs them.

set(ddim_missing "")

# ddim_dependency(CMAKE_PACKAGE DEBIAN_PACKAGE [find_package arguments ...])
macro(ddim_dependency package debian)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    list(APPEND ddim_missing ${debian})
  endif()
endmacro()

# ddim_optional(PACKAGE DEBIAN_PACKAGE WHAT): without it, WHAT is left out and a line says so.
macro(ddim_optional package debian what)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND)
    message(STATUS "${what} is left out: it needs ${package} (apt-get install ${debian})")
  endif()
endmacro()

ddim_dependency(Threads libc6-dev)
# Debian's oneDNN stops CMake with a poor message when OpenCL, which it can use, is not there.
ddim_dependency(OpenCL ocl-icd-opencl-dev)
if(OpenCL_FOUND)
  ddim_dependency(dnnl libdnnl-dev)
else()
  list(APPEND ddim_missing libdnnl-dev)
endif()
ddim_dependency(hwy libhwy-dev CONFIG)
ddim_dependency(fmt libfmt-dev)
ddim_dependency(CLI11 libcli11-dev)
ddim_dependency(nlohmann_json nlohmann-json3-dev)
ddim_dependency(tomlplusplus libtomlplusplus-dev)
ddim_dependency(PNG libpng-dev)
ddim_dependency(JPEG libjpeg62-turbo-dev)
ddim_dependency(ZLIB zlib1g-dev)
ddim_dependency(OpenMP g++ COMPONENTS CXX)
ddim_optional(CURL libcurl4-openssl-dev "ddim pull")
ddim_optional(WebP libwebp-dev "ddim interpolate --animation")
if(DDIM_BUILD_TESTS)
  ddim_dependency(GTest libgtest-dev)
endif()
if(DDIM_BUILD_BENCH)
  ddim_dependency(benchmark libbenchmark-dev)
endif()

if(ddim_missing)
  list(JOIN ddim_missing " " ddim_missing)
  message(FATAL_ERROR "Libraries are missing. On Debian and Ubuntu:\n  apt-get install ${ddim_missing}\n"
                      "or run scripts/setup.sh, which installs everything.")
endif()
