# yaml-cpp: YamlCpp_FOUND. The library is linked by name: yaml-cpp.
include(FindPackageHandleStandardArgs)
find_path(YamlCpp_INCLUDE_DIR yaml-cpp/yaml.h)
find_library(YamlCpp_LIBRARY yaml-cpp)
mark_as_advanced(YamlCpp_INCLUDE_DIR YamlCpp_LIBRARY)
find_package_handle_standard_args(YamlCpp REQUIRED_VARS YamlCpp_LIBRARY YamlCpp_INCLUDE_DIR)
