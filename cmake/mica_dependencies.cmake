# What mica is built from. All of it comes with Debian 12; tools/common.sh has the list of packages.
if(NOT PROJECT_IS_TOP_LEVEL)
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)  # a static mica passes them to the project around it
endif()

function(mica_missing package debian)
  message(FATAL_ERROR "mica needs ${package}. On Debian: apt-get install ${debian}   (tools/quickstart.sh installs all there is to install)")
endfunction()
# Finds a package, or says what to install.
macro(mica_need package debian)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    mica_missing(${package} "${debian}")
  endif()
endmacro()

# oneDNN and xsimd by hand: as Debian packs them, their CMake packages also ask for OpenCL's headers and for xtl, which mica does not use.
find_path(MICA_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp)
find_library(MICA_DNNL_LIBRARY dnnl)
if(NOT MICA_DNNL_INCLUDE OR NOT MICA_DNNL_LIBRARY)
  mica_missing(oneDNN libdnnl-dev)
endif()
find_path(MICA_XSIMD_INCLUDE xsimd/xsimd.hpp)
if(NOT MICA_XSIMD_INCLUDE)
  mica_missing(xsimd libxsimd-dev)
endif()
mica_need(spdlog libspdlog-dev CONFIG)
mica_need(nlohmann_json nlohmann-json3-dev CONFIG)
mica_need(ZLIB zlib1g-dev)
mica_need(PNG libpng-dev)
mica_need(Threads g++)
# Threads come from OpenMP, the library oneDNN runs on. ThreadSanitizer cannot see into it, and clang brings another one that would run a
# second team of threads beside oneDNN's: without OpenMP parallel_for is compiled over std::thread.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT MICA_SANITIZE STREQUAL "thread")
  mica_need(OpenMP g++ COMPONENTS CXX)
endif()
