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
                 release    all tests, optimised, warnings are errors        (build/cpu)
                 consumer   projects outside the tree that use mica          (build/cpu)
                 asan       all tests under ASan, LeakSanitizer and UBSan    (build/asan)
                 tsan       the tests with threads under ThreadSanitizer     (build/tsan)
                 clang      clang 16 over every source and every header alone; shellcheck
                 emulated   the emulated CUDA device finds planted bugs      (build/emulated)
                 fuzz       each fuzz target for N seconds                   (build/fuzz)
  --tree STEP  this step only; may be repeated
  --fuzz-seconds N   60
END
}

steps=() fuzz_seconds=60 jobs=$(nproc)
while (($#)); do
  case $1 in
    --all) steps=(release consumer asan tsan clang emulated fuzz) ;;
    --tree)
      [[ ${2:-} =~ ^(release|consumer|asan|tsan|clang|emulated|fuzz)$ ]] || stop "--tree takes release, consumer, asan, tsan, clang, emulated or fuzz, not '${2:-}'"
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

step_release() {
  build_tree cpu -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
  run_ctest cpu -LE consumer
}

step_consumer() {
  build_tree cpu -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
  run_ctest cpu -L consumer
}

step_asan() {
  build_tree asan
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

step_emulated() {
  if [[ ! -e ${CUDA_HOME:-/usr/local/cuda}/include/cuda_runtime.h ]]; then
    skipped="NVIDIA's headers are not in CUDA_HOME (${CUDA_HOME:-/usr/local/cuda})"
    return
  fi
  build_tree emulated
  run_ctest emulated
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
  SECONDS=0 skipped=
  "step_$step"
  line=$(printf '%-9s passed in %4d s' "$step" "$SECONDS")
  if [[ -n $skipped ]]; then line=$(printf '%-9s SKIPPED: %s' "$step" "$skipped"); fi
  echo "$line"
  summary+="  $line"$'\n'
done
say "no step failed:"
printf '%s' "$summary"
