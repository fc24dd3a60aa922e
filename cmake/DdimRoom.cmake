# Settings that every target of the project gets, and the two functions that declare targets.

add_library(ddim_warnings INTERFACE)
if(DDIM_WARNINGS)
  target_compile_options(ddim_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow)
  if(CMAKE_UNITY_BUILD)  # where every file is an included one, and g++ inlines more and warns of what is not there
    target_compile_options(ddim_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>
                           $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  endif()
endif()

# How all C++ is compiled, that which sees only include/ddim too.
add_library(ddim_flags INTERFACE)
target_link_libraries(ddim_flags INTERFACE ddim_warnings)
target_compile_features(ddim_flags INTERFACE cxx_std_20)
# Asserts are there in every build: they cost a comparison per call, and what is tested is what users run.
target_compile_options(ddim_flags INTERFACE -ffp-contract=off -UNDEBUG)
if(DDIM_SANITIZE)
  target_compile_options(ddim_flags INTERFACE -fsanitize=${DDIM_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(ddim_flags INTERFACE -fsanitize=${DDIM_SANITIZE})
endif()

add_library(ddim_settings INTERFACE)
target_link_libraries(ddim_settings INTERFACE ddim_flags)
target_include_directories(ddim_settings INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)

# Where no time is spent but by the compiler (rooms that put others together, the command line), -O1 will do.
# (At -O1, g++ 12 warns of strings that overrun where there are none.)
set(DDIM_BUILT_QUICKLY $<$<CONFIG:Release>:-O1> $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread>)
# The tests themselves compile in two thirds of that time when they are not optimised, and run nearly as fast.
set(DDIM_TEST_OPTIONS ${DDIM_BUILT_QUICKLY} $<$<CONFIG:Release>:-O0>)

# What most rooms include, compiled once: a third of the time that building them would take. (Once for each level of
# optimisation: g++ 12 crashes when they differ.) The preset tsan builds without it, and so finds a file that counts on it.
set(DDIM_USUAL_HEADERS <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <span> <string>
  <string_view> <utility> <vector>)
foreach(headers IN ITEMS ddim_headers ddim_headers_built_quickly)
  add_library(${headers} STATIC ${PROJECT_SOURCE_DIR}/cmake/nothing.cpp)
  target_link_libraries(${headers} PRIVATE ddim_settings)
  target_precompile_headers(${headers} PRIVATE ${DDIM_USUAL_HEADERS})
endforeach()
target_compile_options(ddim_headers_built_quickly PRIVATE ${DDIM_BUILT_QUICKLY})

# ddim_room(NAME [BUILT_QUICKLY] SOURCES a.cpp ... [DEPS rooms ...] [PRIVATE_DEPS rooms ...]
#           [LIBRARIES others' libraries ...] [HEADERS others' libraries that are headers only ...])
# One room of src/ as the static library ddim_NAME, listed in the global property DDIM_ROOMS. LIBRARIES are in
# DDIM_LIBRARIES too: whoever links a static libddim links them.
function(ddim_room name)
  cmake_parse_arguments(ARG "BUILT_QUICKLY" "" "SOURCES;DEPS;PRIVATE_DEPS;LIBRARIES;HEADERS" ${ARGN})
  add_library(ddim_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(ddim_${name} PUBLIC ddim_settings ${ARG_DEPS}
                        PRIVATE ${ARG_PRIVATE_DEPS} ${ARG_LIBRARIES} ${ARG_HEADERS})
  if(ARG_BUILT_QUICKLY)
    target_compile_options(ddim_${name} PRIVATE ${DDIM_BUILT_QUICKLY})
    target_precompile_headers(ddim_${name} REUSE_FROM ddim_headers_built_quickly)
  else()
    target_precompile_headers(ddim_${name} REUSE_FROM ddim_headers)
  endif()
  # Rooms whose lines and branches are counted (row T27 of docs/reliability.md); what computes stays fast.
  if(name IN_LIST DDIM_COVERED_ROOMS)
    target_compile_options(ddim_${name} PRIVATE
      --coverage -O0 -fno-inline -fprofile-abs-path -fprofile-update=atomic)
    list(APPEND ARG_LIBRARIES gcov)
    target_link_libraries(ddim_${name} PRIVATE gcov)
  endif()
  set_property(GLOBAL APPEND PROPERTY DDIM_ROOMS ddim_${name})
  foreach(library IN LISTS ARG_LIBRARIES)
    set_property(GLOBAL APPEND PROPERTY DDIM_LIBRARIES $<LINK_ONLY:${library}>)
  endforeach()
endfunction()

# Seconds that a test may take, whatever else the machine does.
set(DDIM_TEST_SECONDS 300)
if(DDIM_SANITIZE)
  set(DDIM_TEST_SECONDS 1500)
endif()

# ddim_test(NAME SOURCES a.cpp ... DEPS ddim_io ...)
# A GoogleTest program; every TEST in it becomes a ctest test.
function(ddim_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${DDIM_TEST_OPTIONS})
  target_link_libraries(${name} PRIVATE ddim_settings ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM ddim_test_headers)
  gtest_discover_tests(${name} NO_PRETTY_VALUES
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${DDIM_TEST_SECONDS})
endfunction()
