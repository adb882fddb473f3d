# MICA_CUDA: which GPU backend is built. Sets MICA_HAS_CUDA.
set(MICA_HAS_CUDA 0)
if(MICA_CUDA MATCHES "^(on|ON|emulated)$")
  message(FATAL_ERROR "MICA_CUDA is ${MICA_CUDA}, but this version of mica has no CUDA backend yet: use auto or off (preset cpu)")
elseif(NOT MICA_CUDA MATCHES "^(auto|off|OFF)$")
  message(FATAL_ERROR "MICA_CUDA is '${MICA_CUDA}'; it takes auto, on, off or emulated")
endif()
