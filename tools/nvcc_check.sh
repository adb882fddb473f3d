#!/usr/bin/env bash
# Compiles every kernel file with nvcc, to an object, with warnings as errors.
set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tools/common.sh"

help() {
  cat <<END
usage: tools/nvcc_check.sh [--arch sm_NN]... [--all] [--build DIR] [--jobs N] [FILE...]

Compiles cuda/*.cu (or the files named) with nvcc to objects, warnings as errors, and prints the seconds of each. No GPU is needed. Stops at the
first file that does not compile. Exit status 77 where there is no nvcc.

  --arch sm_NN  the architecture (sm_90); may be repeated
  --all         every architecture of a release: sm_75, sm_80, sm_86, sm_89, sm_90, sm_100, sm_120
  --build DIR   a configured tree with MICA_CUDA on or emulated, whose headers are used (build/emulated, which is configured if it is not there)
  --jobs N      files at a time (the number of cores)

nvcc is \$CUDA_HOME/bin/nvcc, /usr/local/cuda/bin/nvcc or the one on the path; ccache is used where it is installed.
END
}

archs=() build='' jobs=$(nproc) files=()
while (($#)); do
  case $1 in
    --arch)
      [[ ${2:-} =~ ^sm_[0-9]+[a-z]?$ ]] || stop "--arch takes an architecture such as sm_90, not '${2:-}'"
      archs+=("$2") && shift
      ;;
    --all) archs=(sm_75 sm_80 sm_86 sm_89 sm_90 sm_100 sm_120) ;;  # MICA_CUDA_ARCHITECTURES
    --build) build=${2:?--build takes a folder} && shift ;;
    --jobs)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || stop "--jobs takes a number, not '${2:-}'"
      jobs=$2 && shift
      ;;
    -h | --help)
      help
      exit
      ;;
    -*) stop "there is no option $1. What there is: tools/nvcc_check.sh --help" ;;
    *) files+=("$1") ;;
  esac
  shift
done
if ((${#archs[@]} == 0)); then archs=(sm_90); fi
for file in ${files[@]+"${files[@]}"}; do [[ -e $file ]] || stop "there is no file $file"; done
if ((${#files[@]})); then mapfile -t files < <(realpath "${files[@]}"); fi
cd "$root"

nvcc=$(find_nvcc) || {
  echo "nvcc_check.sh: SKIPPED: there is no nvcc (CUDA_HOME is '${CUDA_HOME:-}'); install the CUDA toolkit or set CUDA_HOME"
  exit 77
}
if ((${#files[@]} == 0)); then mapfile -t files < <(find cuda -name '*.cu' | sort); fi
if [[ -z $build ]]; then
  build=build/emulated
  if [[ ! -e $build/include/mica/core/config.h ]]; then
    advice="read CMake's message above; it configures build/emulated for its headers"
    cmake --preset emulated >/dev/null
  fi
fi
grep -qs 'MICA_HAS_CUDA 1' "$build/include/mica/core/config.h" || stop "$build is not a tree configured with MICA_CUDA on or emulated: cmake --preset emulated"

compile=("$nvcc" -std=c++20 --expt-relaxed-constexpr -Werror all-warnings "-I$build/include" -Xcompiler "-Wall,-Wextra,-Wno-restrict,-Wno-array-bounds")
if command -v ccache >/dev/null; then compile=(ccache "${compile[@]}"); fi
say "$("$nvcc" --version | sed -n 's/^Cuda compilation tools, //p'): ${#files[@]} files for ${archs[*]}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# one FILE ARCH OBJECT: compiles, prints the seconds, or what nvcc says.
one() {
  local start=$EPOCHREALTIME output
  if ! output=$("${compile[@]}" "-arch=$2" -c "$1" -o "$3" 2>&1); then
    printf '%s for %s does not compile without warnings:\n%s\n' "$1" "$2" "$output"
    return 1
  fi
  printf '%-36s %-7s %6.1f s\n' "${1#"$root/"}" "$2" "$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN {print b - a}')"
}

advice="correct what nvcc says above; one file alone: tools/nvcc_check.sh FILE"
running=0 number=0
for arch in "${archs[@]}"; do
  for file in "${files[@]}"; do
    if ((running == jobs)); then
      wait -n
      running=$((running - 1))
    fi
    one "$file" "$arch" "$folder/$((++number)).o" &
    running=$((running + 1))
  done
done
while ((running--)); do wait -n; done
echo "nvcc has nothing to say about ${#files[@]} files for ${archs[*]}"
