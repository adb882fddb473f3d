# cmake --install: the library, the public headers, the program, the CMake package (find_package(mica) gives mica::mica) and mica.pc.
include(CMakePackageConfigHelpers)
set(mica_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mica)

install(TARGETS mica EXPORT mica-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT mica-targets NAMESPACE mica:: DESTINATION ${mica_package_dir})
foreach(header ${mica_public_headers})
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mica/${folder})
endforeach()
install(FILES ${mica_include}/mica/core/config.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mica/core)
install(FILES ${mica_include}/mica/mica.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mica)

# Who links a static mica links its libraries too; a shared one needs nothing from its users.
set(mica_find_dependencies "")
set(mica_pc_requires "")
set(mica_pc_libs "")
if(NOT BUILD_SHARED_LIBS)
  set(mica_find_dependencies "find_dependency(spdlog CONFIG)\nfind_dependency(ZLIB)\nfind_dependency(PNG)\nfind_dependency(Threads)\n")
  set(mica_pc_requires "spdlog zlib libpng")
  set(mica_pc_libs " -ldnnl -pthread")
  if(OpenMP_CXX_FOUND)
    string(APPEND mica_find_dependencies "find_dependency(OpenMP COMPONENTS CXX)\n")
    string(APPEND mica_pc_libs " ${OpenMP_CXX_FLAGS}")
  endif()
endif()
configure_package_config_file(${CMAKE_CURRENT_SOURCE_DIR}/cmake/mica-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/mica-config.cmake
  INSTALL_DESTINATION ${mica_package_dir} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/mica-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mica-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/mica-config-version.cmake DESTINATION ${mica_package_dir})

# mica.pc stands in <prefix>/<libdir>/pkgconfig and finds the prefix from there, wherever `cmake --install --prefix` puts it.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE mica_pc_to_prefix)
configure_file(cmake/mica.pc.in ${CMAKE_CURRENT_BINARY_DIR}/mica.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mica.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET mica_program)
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_FULL_BINDIR} OUTPUT_VARIABLE to_lib)
  set_target_properties(mica_program PROPERTIES INSTALL_RPATH "$ORIGIN/${to_lib}")
  install(TARGETS mica_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
