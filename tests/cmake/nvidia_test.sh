#!/usr/bin/env bash
# nvidia_test.sh CMAKE SOURCE: cuDNN, cuBLASLt and NCCL are found as wheels, inside a toolkit, where a variable says, and as the vendor's packages
# put them; what is missing is named. The folders are made here: empty libraries, headers with a version.
set -euo pipefail
cmake=$1 source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# header PATH LINE...: a header with these lines.
header() {
  local path=$1
  shift
  mkdir -p "$(dirname "$path")"
  printf '%s\n' "$@" >"$path"
}
# cudnn ROOT LIB VERSION, and the others: headers in ROOT/include, a library in ROOT/LIB.
library() { mkdir -p "$(dirname "$1")" && touch "$1"; }
cudnn() { header "$1/include/cudnn.h" && header "$1/include/cudnn_version.h" "#define CUDNN_MAJOR ${3%.*}" "#define CUDNN_MINOR ${3#*.}" && library "$1/$2/libcudnn.so.9"; }
cublas() {
  header "$1/include/cublasLt.h" && header "$1/include/cublas_api.h" "#define CUBLAS_VER_MAJOR ${3%.*}" "#define CUBLAS_VER_MINOR ${3#*.}" && library "$1/$2/libcublasLt.so.${3%.*}"
}
nccl() { header "$1/include/nccl.h" "#define NCCL_MAJOR ${3%.*}" "#define NCCL_MINOR ${3#*.}" && library "$1/$2/libnccl.so.2"; }

cat >"$folder/find.cmake" <<END
include($source/cmake/mica_nvidia.cmake)
mica_nvidia_wheels(wheels)
mica_find_nvidia(TOOLKIT \${TOOLKIT} WHEELS \${wheels})
message(STATUS "includes=\${MICA_NVIDIA_INCLUDES}")
message(STATUS "libraries=\${MICA_CUDA_LIBRARY_DIRS}")
message(STATUS "missing=\${MICA_NVIDIA_MISSING}")
END
# finds SETTINGS LINE...: with these settings each of the lines is printed. %: the temporary folder.
finds() {
  local settings=$1 line
  shift
  # shellcheck disable=SC2086
  "$cmake" ${settings//%/$folder} -P "$folder/find.cmake" >"$folder/log" 2>&1
  for line in "$@"; do
    if ! grep -qxF -- "-- ${line//%/$folder}" "$folder/log"; then
      echo "with ${settings//%/$folder} expected: ${line//%/$folder}"
      cat "$folder/log"
      exit 1
    fi
  done
}
none="-DMICA_PYTHON=/nonexistent -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF"

mkdir -p "$folder/toolkit/include" "$folder/site"
finds "-DTOOLKIT=%/toolkit $none" "mica: no cuDNN, no cuBLASLt, no NCCL" "includes=" "libraries=" "missing=cudnn.h;cublasLt.h"

# Wheels for CUDA 13: one folder for the toolkit's parts, one for each of the others; and for CUDA 12: cuBLAS has its own too.
cudnn "$folder/site/nvidia/cudnn" lib 9.19
cublas "$folder/site/nvidia/cu13" lib 13.2
nccl "$folder/site/nvidia/nccl" lib 2.28
if command -v python3 >/dev/null; then
  export PYTHONPATH=$folder/site
  finds "-DTOOLKIT=%/toolkit -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF" \
    "mica: cuDNN 9.19 in %/site/nvidia/cudnn/lib, cuBLASLt 13.2 in %/site/nvidia/cu13/lib, NCCL 2.28 in %/site/nvidia/nccl/lib" \
    "includes=%/site/nvidia/cudnn/include;%/site/nvidia/cu13/include;%/site/nvidia/nccl/include" \
    "libraries=%/site/nvidia/cudnn/lib:%/site/nvidia/cu13/lib:%/site/nvidia/nccl/lib" "missing="
  unset PYTHONPATH
fi
printf '#!/bin/sh\necho %s\n' "$folder/old" >"$folder/python" && chmod +x "$folder/python"
cudnn "$folder/old/nvidia/cudnn" lib 9.10
cublas "$folder/old/nvidia/cublas" lib 12.8
finds "-DTOOLKIT=%/toolkit -DMICA_PYTHON=%/python -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF" \
  "mica: cuDNN 9.10 in %/old/nvidia/cudnn/lib, cuBLASLt 12.8 in %/old/nvidia/cublas/lib, no NCCL" \
  "includes=%/old/nvidia/cudnn/include;%/old/nvidia/cublas/include" "libraries=%/old/nvidia/cudnn/lib:%/old/nvidia/cublas/lib" "missing="

# The toolkit's own come before wheels, and its include folder is not named again; a variable comes before both.
cudnn "$folder/toolkit" lib64 9.1
cublas "$folder/toolkit" targets/x86_64-linux/lib 13.0
nccl "$folder/mine" lib/x86_64-linux-gnu 2.9
finds "-DTOOLKIT=%/toolkit -DMICA_PYTHON=%/python -DNCCL_HOME=%/mine -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF" \
  "mica: cuDNN 9.1 in %/toolkit/lib64, cuBLASLt 13.0 in %/toolkit/targets/x86_64-linux/lib, NCCL 2.9 in %/mine/lib/x86_64-linux-gnu" \
  "includes=%/mine/include" "libraries=%/toolkit/lib64:%/toolkit/targets/x86_64-linux/lib:%/mine/lib/x86_64-linux-gnu" "missing="
CUDNN_HOME=$folder/site/nvidia/cudnn finds "-DTOOLKIT=%/toolkit $none" "includes=%/site/nvidia/cudnn/include" "libraries=%/site/nvidia/cudnn/lib:%/toolkit/targets/x86_64-linux/lib"

# The vendor's packages for Debian, and headers whose library is elsewhere.
cudnn "$folder/usr" lib/x86_64-linux-gnu 9.5
finds "-DTOOLKIT=%/none -DCMAKE_PREFIX_PATH=%/usr $none" "mica: cuDNN 9.5 in %/usr/lib/x86_64-linux-gnu, no cuBLASLt, no NCCL" "missing=cublasLt.h"
rm -r "$folder/usr/lib"
finds "-DTOOLKIT=%/none -DCMAKE_PREFIX_PATH=%/usr $none" "mica: cuDNN 9.5 (headers only, in %/usr/include), no cuBLASLt, no NCCL" "libraries="
echo "found wherever they are"
