#!/usr/bin/env bash
# exports_test.sh LIBRARY EMULATED: every symbol that the shared library exports is in namespace mica. For the emulated device (EMULATED is 1) also the
# CUDA runtime, which programs with kernels of their own call, and what a kernel sees of itself.
set -euo pipefail
library=$1 emulated=$2

# Without parameters (-p) a demangled name is only the name: no return type, which would come first for a template.
names=$(nm -D --defined-only "$library" | awk '{print $NF}' | c++filt -p | sort -u)
count=$(grep -c . <<<"$names" || true)
if ((count == 0)); then
  echo "$library exports nothing"
  exit 1
fi
about='(typeinfo|typeinfo name|vtable|VTT|construction vtable|guard variable|non-virtual thunk|virtual thunk|TLS init function|TLS wrapper function)'
if ((emulated)); then
  runtime='^(cuda[A-Z][A-Za-z0-9]*|threadIdx|blockIdx|blockDim|gridDim)$'
  for name in cudaMalloc cudaMemcpyAsync cudaStreamCreateWithFlags threadIdx gridDim; do
    grep -qx "$name" <<<"$names" || { echo "$library does not export $name"; exit 1; }
  done
  names=$(grep -vE "$runtime" <<<"$names")
fi
if foreign=$(grep -vE "^($about (for|to) )?mica::" <<<"$names"); then
  echo "$library exports symbols outside namespace mica:"
  echo "$foreign"
  exit 1
fi
echo "$count exported names, all in namespace mica"
