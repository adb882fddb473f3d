# Where NVIDIA's libraries are: from the vendor's packages, inside the toolkit, or from Python wheels (nvidia-cudnn-cu13 and the like, which put
# include/ and lib/ into folders of site-packages/nvidia). Headers are compiled against; libraries are opened when a program first needs them
# (cuda/library.h), nothing links them.

# The folders of the wheels that MICA_PYTHON (python3, unless set) would import.
function(mica_nvidia_wheels result)
  find_program(MICA_PYTHON python3)
  mark_as_advanced(MICA_PYTHON)
  set(folders)
  if(MICA_PYTHON)
    execute_process(COMMAND ${MICA_PYTHON} -c "import sys; print(';'.join(path for path in sys.path if path))" OUTPUT_VARIABLE paths ERROR_QUIET
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    foreach(path ${paths})
      file(GLOB found LIST_DIRECTORIES true ${path}/nvidia/*)
      list(APPEND folders ${found})
    endforeach()
  endif()
  set(${result} ${folders} PARENT_SCOPE)
endfunction()

# mica_find_nvidia(TOOLKIT folder WHEELS folder...) sets MICA_NVIDIA_INCLUDES (folders of headers that are not the toolkit's own), MICA_CUDA_LIBRARY_DIRS
# (folders of libraries, separated by ':') and MICA_NVIDIA_MISSING (what is needed and has no header), and says what was found in one line. CUDNN_HOME,
# CUBLAS_HOME and NCCL_HOME (of CMake or the environment) come first, then the toolkit, CMAKE_PREFIX_PATH, the wheels and the system's folders.
function(mica_find_nvidia)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" TOOLKIT WHEELS)
  set(includes)
  set(libraries)
  set(missing)
  set(said)
  #           title|header|library, newest first|home|where the version is
  foreach(row "cuDNN|cudnn.h|libcudnn.so.9|CUDNN|cudnn_version.h" "cuBLASLt|cublasLt.h|libcublasLt.so.13 libcublasLt.so.12|CUBLAS|cublas_api.h"
              "NCCL|nccl.h|libnccl.so.2|NCCL|nccl.h")
    string(REPLACE "|" ";" row ${row})
    list(GET row 0 title)
    list(GET row 1 header)
    list(GET row 2 names)
    list(GET row 3 home)
    list(GET row 4 version_header)
    string(REPLACE " " ";" names ${names})
    set(first ${${home}_HOME} $ENV{${home}_HOME} ${arg_TOOLKIT})
    find_path(MICA_${home}_INCLUDE ${header} HINTS ${first} PATHS ${arg_WHEELS} PATH_SUFFIXES include)
    # The library that belongs to the header first. A wheel has its versioned name only.
    cmake_path(GET MICA_${home}_INCLUDE PARENT_PATH beside)
    find_path(MICA_${home}_LIBRARY_DIR NAMES ${names} HINTS ${beside} ${first} PATHS ${arg_WHEELS}
              PATH_SUFFIXES lib lib64 lib/x86_64-linux-gnu targets/x86_64-linux/lib)
    mark_as_advanced(MICA_${home}_INCLUDE MICA_${home}_LIBRARY_DIR)
    if(NOT MICA_${home}_INCLUDE)
      list(APPEND missing ${header})
      list(APPEND said "no ${title}")
      continue()
    endif()
    set(version)
    foreach(part MAJOR MINOR)
      file(STRINGS ${MICA_${home}_INCLUDE}/${version_header} line REGEX "^#define (${home}|${home}_VER)_${part} +[0-9]+")
      if(line MATCHES " ([0-9]+)")
        list(APPEND version ${CMAKE_MATCH_1})
      endif()
    endforeach()
    list(JOIN version . version)
    list(APPEND includes ${MICA_${home}_INCLUDE})
    if(MICA_${home}_LIBRARY_DIR)
      list(APPEND libraries ${MICA_${home}_LIBRARY_DIR})
      list(APPEND said "${title} ${version} in ${MICA_${home}_LIBRARY_DIR}")
    else()
      list(APPEND said "${title} ${version} (headers only, in ${MICA_${home}_INCLUDE})")
    endif()
  endforeach()
  list(REMOVE_ITEM missing nccl.h)  # not used yet
  list(REMOVE_ITEM includes ${arg_TOOLKIT}/include)
  list(REMOVE_DUPLICATES includes)
  list(REMOVE_DUPLICATES libraries)
  list(JOIN libraries : libraries)
  list(JOIN said ", " said)
  message(STATUS "mica: ${said}")
  set(MICA_NVIDIA_INCLUDES "${includes}" PARENT_SCOPE)
  set(MICA_CUDA_LIBRARY_DIRS "${libraries}" PARENT_SCOPE)
  set(MICA_NVIDIA_MISSING "${missing}" PARENT_SCOPE)
endfunction()
