#!/usr/bin/env bash
# Builds and passes the tests.
set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tools/common.sh"

help() {
  cat <<END
usage: tools/test.sh [--all] [--tree STEP]... [--fuzz-seconds N]

Installs what is missing (as root; otherwise it prints the line to run), builds, and passes the tests; stops at the first step that fails.
Without options: release and consumer. Build trees stay in build/.

  --all        every step:
                 release    all tests, optimised, warnings are errors, kernels on the emulated GPU   (build/emulated)
                 consumer   projects outside the tree that use mica, with that GPU and without       (build/emulated, build/cpu)
                 race       the kernels under the emulated GPU's race detector                       (build/race)
                 nvcc       nvcc compiles every kernel without warnings
                 asan       all tests under ASan, LeakSanitizer and UBSan, kernels emulated          (build/asan)
                 tsan       the tests with threads under ThreadSanitizer                             (build/tsan)
                 clang      clang 16 over every source and every header alone; shellcheck
                 fuzz       each fuzz target for N seconds                                           (build/fuzz)
               The emulated GPU needs NVIDIA's headers (CUDA_HOME or /usr/local/cuda); without them release is for the CPU alone, in build/cpu,
               and race is skipped.
  --tree STEP  this step only; may be repeated
  --fuzz-seconds N   60
END
}

steps=() fuzz_seconds=60 jobs=$(nproc)
while (($#)); do
  case $1 in
    --all) steps=(release consumer race nvcc asan tsan clang fuzz) ;;
    --tree)
      [[ ${2:-} =~ ^(release|consumer|race|nvcc|asan|tsan|clang|fuzz)$ ]] || stop "--tree takes release, consumer, race, nvcc, asan, tsan, clang or fuzz, not '${2:-}'"
      steps+=("$2") && shift
      ;;
    --fuzz-seconds) fuzz_seconds=${2:?--fuzz-seconds takes a number} && shift ;;
    -h | --help)
      help
      exit
      ;;
    *) stop "there is no option $1. What there is: tools/test.sh --help" ;;
  esac
  shift
done
if ((${#steps[@]} == 0)); then steps=(release consumer); fi
cd "$root"

# build_tree PRESET SETTING...
build_tree() {
  local preset=$1
  shift
  advice="read the message above; to build this tree alone: cmake --preset $preset && cmake --build --preset $preset"
  cmake --preset "$preset" "$@"
  cmake --build --preset "$preset" -j"$jobs"
}

# run_ctest PRESET OPTION...: passed tests are not listed one by one (build/PRESET/Testing/Temporary/LastTest.log has them).
run_ctest() {
  local preset=$1
  shift
  advice="the failed tests are listed above; one alone: ctest --preset $preset -R NAME"
  ctest --preset "$preset" -j"$jobs" "$@" 2>&1 | grep -vE '^ +Start +[0-9]+:| Passed +[0-9.]+ sec$'
}

# NumPy and safetensors, with which tests exchange data, in build/python unless Python has them. Where pip cannot get them those tests report a skip.
python_packages() {
  export PYTHONPATH="$root/build/python${PYTHONPATH:+:$PYTHONPATH}"
  if python3 -c 'import numpy, safetensors' 2>/dev/null; then return; fi
  say "pip: numpy and safetensors, for tests"
  if ! python3 -m pip install --quiet --root-user-action=ignore --target build/python numpy safetensors; then
    remark="${remark:+$remark; }dlpack_peer and safetensors_peer are skipped: pip did not get numpy and safetensors"
  fi
}

# Whether the emulated GPU can be built.
have_headers() { [[ -e ${CUDA_HOME:-/usr/local/cuda}/include/cuda_runtime.h && -e ${CUDA_HOME:-/usr/local/cuda}/include/cudnn.h ]]; }
no_headers="NVIDIA's headers (cuda_runtime.h, cudnn.h) are not in CUDA_HOME (${CUDA_HOME:-/usr/local/cuda})"

step_release() {
  local preset=emulated
  if ! have_headers; then preset=cpu remark="for the CPU alone: $no_headers"; fi
  python_packages
  build_tree "$preset" -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
  run_ctest "$preset" -LE consumer
}

step_consumer() {
  advice="read the message above; to build this tree alone: cmake --preset cpu && cmake --build --preset cpu"
  cmake --preset cpu -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
  cmake --build --preset cpu -j"$jobs" --target mica mica_program
  run_ctest cpu -L consumer
  if have_headers; then
    build_tree emulated -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
    run_ctest emulated -L consumer
  else
    remark="for the CPU alone: $no_headers"
  fi
}

step_race() {
  if ! have_headers; then skipped=$no_headers; return; fi
  build_tree race
  run_ctest race
}

step_nvcc() {
  advice="correct what nvcc says above"
  local status=0
  tools/nvcc_check.sh || status=$?
  if ((status == 77)); then skipped="there is no nvcc"; elif ((status)); then return "$status"; fi
}

step_asan() {
  if have_headers; then
    build_tree asan
  else
    build_tree asan -DMICA_CUDA=off
    remark="for the CPU alone: $no_headers"
  fi
  run_ctest asan
}

step_tsan() {
  build_tree tsan
  run_ctest tsan
}

step_clang() {
  advice="correct what clang or shellcheck says above"
  cmake --preset cpu
  tools/clang_check.sh build/cpu
  shellcheck -x -P SCRIPTDIR tools/*.sh tests/cmake/*.sh .ci/run
}

step_fuzz() {
  tools/fuzz.sh --seconds "$fuzz_seconds"
}

packages=("${packages_build[@]}" "${packages_test[@]}")
if [[ " ${steps[*]} " == *" clang "* || " ${steps[*]} " == *" fuzz "* ]]; then packages+=("${packages_check[@]}"); fi
need_packages "${packages[@]}"

mkdir -p build
summary=
for step in "${steps[@]}"; do
  say "step $step"
  SECONDS=0 skipped='' remark=''
  "step_$step"
  line=$(printf '%-9s passed in %4d s' "$step" "$SECONDS")
  if [[ -n $skipped ]]; then line=$(printf '%-9s SKIPPED: %s' "$step" "$skipped"); fi
  if [[ -n $remark ]]; then line+="   ($remark)"; fi
  echo "$line"
  summary+="  $line"$'\n'
done
say "no step failed:"
printf '%s' "$summary"
