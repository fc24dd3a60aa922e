# What `cmake --install` leaves: the program (if it was built), the library, its headers, feature extractors,
# and how CMake and pkg-config find them.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ddim)

if(TARGET ddim_program)
  install(TARGETS ddim_program)
endif()
install(TARGETS ddim EXPORT ddimTargets)
install(DIRECTORY include/ddim DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY models/features DESTINATION ${CMAKE_INSTALL_DATADIR}/ddim)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT ddimTargets NAMESPACE ddim:: DESTINATION ${config_dir})
configure_package_config_file(cmake/ddimConfig.cmake.in ${PROJECT_BINARY_DIR}/ddimConfig.cmake
                              INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ddimConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ddimConfig.cmake ${PROJECT_BINARY_DIR}/ddimConfigVersion.cmake
        DESTINATION ${config_dir})

# Who links a static library links its libraries too; a shared one knows them.
if(NOT BUILD_SHARED_LIBS)
  set(ddim_pc_requires "Requires: libhwy libpng libjpeg zlib tomlplusplus")
  if(CURL_FOUND)
    string(APPEND ddim_pc_requires " libcurl")
  endif()
  if(WebP_FOUND)
    string(APPEND ddim_pc_requires " libwebpmux libwebp")
  endif()
  if(YamlCpp_FOUND)
    string(APPEND ddim_pc_requires " yaml-cpp")
  endif()
  if(TIFF_FOUND)
    string(APPEND ddim_pc_requires " libtiff-4")
  endif()
  set(ddim_pc_link "-ldnnl -lgomp -lpthread")
  if(GIF_FOUND)  # which has no file for pkg-config
    string(APPEND ddim_pc_link " -lgif")
  endif()
endif()
file(RELATIVE_PATH ddim_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/ddim.pc.in ${PROJECT_BINARY_DIR}/ddim.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ddim.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
