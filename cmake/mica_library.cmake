# The library mica::mica: core, the backends, nn, optim and data.
file(GLOB mica_sources CONFIGURE_DEPENDS core/*.cpp core/ops/*.cpp cpu/*.cpp nn/*.cpp nn/models/*.cpp optim/*.cpp data/*.cpp)

file(GLOB mica_simd_sources CONFIGURE_DEPENDS cpu/simd/*.cpp)

if(MICA_HAS_CUDA)
  file(GLOB mica_cuda_sources CONFIGURE_DEPENDS cuda/*.cpp)
  file(GLOB mica_kernel_sources CONFIGURE_DEPENDS cuda/*.cu)
  list(APPEND mica_sources ${mica_cuda_sources})
endif()

add_library(mica ${mica_sources})
add_library(mica::mica ALIAS mica)
set(mica_targets mica)
foreach(isa v2 v3 v4)  # the same files for three instruction sets, chosen at run time
  add_library(mica_simd_${isa} OBJECT ${mica_simd_sources})
  # -O2 in unoptimised builds too: without, g++'s AVX-512 intrinsics are macros that do not take xsimd's types.
  target_compile_options(mica_simd_${isa} PRIVATE $<$<NOT:$<CONFIG:Release,RelWithDebInfo,MinSizeRel>>:-O2>)
  # -Wno-(maybe-)uninitialized: g++ 12 raises false alarms in its own AVX-512 intrinsics.
  target_compile_options(mica_simd_${isa} PRIVATE -march=x86-64-${isa} -fno-math-errno -Wno-uninitialized $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  # xsimd=xsimd_${isa} renames the namespace of the SIMD library: what of it is not inlined must not replace another set's copy.
  target_compile_definitions(mica_simd_${isa} PRIVATE MICA_ISA=${isa} xsimd=xsimd_${isa})
  target_sources(mica PRIVATE $<TARGET_OBJECTS:mica_simd_${isa}>)
  list(APPEND mica_targets mica_simd_${isa})
endforeach()
if(MICA_HAS_CUDA)  # kernels are a target of their own: nvcc, or the host's compiler before the emulated device, compiles nothing else
  add_library(mica_kernels OBJECT ${mica_kernel_sources})
  target_sources(mica PRIVATE $<TARGET_OBJECTS:mica_kernels>)
  list(APPEND mica_targets mica_kernels)
endif()
if(MICA_EMULATED)
  file(GLOB mica_emulator_sources CONFIGURE_DEPENDS tests/emulator/*.cpp)
  list(FILTER mica_emulator_sources EXCLUDE REGEX "_test\\.cpp$|/testing\\.cpp$|/reports_listener\\.cpp$|/acquire\\.cpp$")
  add_library(mica_emulator OBJECT ${mica_emulator_sources})
  target_sources(mica PRIVATE $<TARGET_OBJECTS:mica_emulator>)
  list(APPEND mica_targets mica_emulator)
  set_source_files_properties(${mica_kernel_sources} PROPERTIES LANGUAGE CXX)
  target_compile_options(mica_kernels PRIVATE -x c++ -g1)
  target_include_directories(mica_kernels BEFORE PRIVATE tests/emulator/shim)
  foreach(target mica_kernels mica_emulator)
    target_compile_definitions(${target} PRIVATE MICA_EMULATOR_SOURCE="${CMAKE_CURRENT_SOURCE_DIR}/tests/emulator" $<$<BOOL:${MICA_RACE}>:MICA_EMULATOR_RACE>)
  endforeach()
  if(MICA_RACE)
    target_compile_options(mica_kernels PRIVATE -O1 -fsanitize=thread $<IF:$<CXX_COMPILER_ID:GNU>,--param=tsan-instrument-func-entry-exit=0,SHELL:-mllvm -tsan-instrument-func-entry-exit=0>)
  endif()
elseif(MICA_HAS_CUDA)
  target_compile_options(mica_kernels PRIVATE -std=c++20 --expt-relaxed-constexpr -Xfatbin=-compress-all)
  target_link_libraries(mica PRIVATE CUDA::cudart_static)
  # One file knows the paths, so that ccache serves the others to every machine.
  set_source_files_properties(cuda/library.cpp PROPERTIES COMPILE_DEFINITIONS MICA_CUDA_LIBRARY_DIRS="${MICA_CUDA_LIBRARY_DIRS}")
endif()
if(MICA_HAS_CUDA)  # for kernels of the project around this one; an installed mica sets the same
  include(mica_add_kernels)
  set_property(GLOBAL PROPERTY mica_kernels_emulated ${MICA_EMULATED})
  set_property(GLOBAL PROPERTY mica_kernels_include ${MICA_CUDA_INCLUDE})
  set_property(GLOBAL PROPERTY mica_kernels_shim ${CMAKE_CURRENT_SOURCE_DIR}/tests/emulator/shim)
  set_property(GLOBAL PROPERTY mica_kernels_architectures ${MICA_CUDA_ARCHITECTURES})
endif()
foreach(target ${mica_targets})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${mica_include}>)
  # -fno-semantic-interposition: nobody replaces mica's functions, so calls among them may be direct or inlined.
  # -ftls-model=initial-exec: the general model makes a call of every access to a thread-local. Only without CUDA: the runtime's thread-locals take
  # 4096 bytes, and under this model the loader has room for less in a library that is opened while a program runs (tests/plugin).
  # -Wno-restrict, -Wno-array-bounds: g++ 12 raises false alarms in its own strings, and in shapes indexed from the end.
  set(options -Wall -Wextra -fno-semantic-interposition -Wno-unknown-pragmas "$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-array-bounds>")
  if(NOT MICA_HAS_CUDA)
    list(APPEND options -ftls-model=initial-exec)
  endif()
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${options}>")
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target} SYSTEM PRIVATE ${MICA_DNNL_INCLUDE} ${MICA_XSIMD_INCLUDE})
  if(MICA_HAS_CUDA)
    target_include_directories(${target} SYSTEM PRIVATE ${MICA_CUDA_INCLUDE})
  endif()
  if(OpenMP_CXX_FOUND)
    target_link_libraries(${target} PRIVATE OpenMP::OpenMP_CXX)
  endif()
endforeach()
file(GLOB mica_digits CONFIGURE_DEPENDS data/digits/*.gz)  # embedded by the assembler
set_source_files_properties(data/digits_data.cpp PROPERTIES OBJECT_DEPENDS "${mica_digits}"
                            COMPILE_OPTIONS "-Wa,-I${CMAKE_CURRENT_SOURCE_DIR}/data/digits")
# Inside BUILD_INTERFACE: what nobody who links an installed mica needs, and a path that is this machine's.
target_link_libraries(mica PRIVATE spdlog::spdlog ZLIB::ZLIB PNG::PNG Threads::Threads
  $<BUILD_INTERFACE:${MICA_DNNL_LIBRARY}> $<INSTALL_INTERFACE:dnnl> $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>)
set_target_properties(mica PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} DEFINE_SYMBOL "")
if(BUILD_SHARED_LIBS)
  set(exports ${CMAKE_CURRENT_BINARY_DIR}/exports.map)
  set(mica_emulated_exports "")
  if(MICA_EMULATED)
    set(mica_emulated_exports "cuda*; threadIdx; blockIdx; blockDim; gridDim;")
  endif()
  configure_file(cmake/exports.map.in ${exports} @ONLY)
  target_link_options(mica PRIVATE -Wl,--version-script=${exports} -Wl,-Bsymbolic-functions)
  if(NOT mica_sanitizers)  # clang leaves the sanitizer's functions to the program
    target_link_options(mica PRIVATE -Wl,--no-undefined)
  endif()
  set_property(TARGET mica APPEND PROPERTY LINK_DEPENDS ${exports})
endif()
