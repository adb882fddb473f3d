#!/usr/bin/env bash
# Prints how long a user's file that includes <mica/mica.h> takes to compile.
set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tools/common.sh"

help() {
  cat <<END
usage: tools/compile_time.sh [--runs N] [BUILD]

Compiles a file that includes <mica/mica.h> N times (5) with g++ -O2, without ccache, against the headers of the build tree BUILD (build/cpu
or build, whichever exists), and prints the fastest and the median run in seconds. CXX chooses another compiler.
END
}

runs=5 build=
while (($#)); do
  case $1 in
    --runs) runs=${2:?--runs takes a number} && shift ;;
    -h | --help)
      help
      exit
      ;;
    -*) stop "there is no option $1. What there is: tools/compile_time.sh --help" ;;
    *) build=$1 ;;
  esac
  shift
done
for folder in "$root/build/cpu" "$root/build"; do
  if [[ -z $build && -e $folder/include/mica/mica.h ]]; then build=$folder; fi
done
if [[ ! -e $build/include/mica/mica.h ]]; then stop "no configured build tree found; configure one with: cmake --preset cpu"; fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '#include <mica/mica.h>\nint main() {}\n' >"$folder/user.cpp"
advice="read the compiler's message above"
for ((run = 0; run < runs; ++run)); do
  start=$EPOCHREALTIME
  "${CXX:-g++}" -std=c++20 -O2 -I "$build/include" -c "$folder/user.cpp" -o "$folder/user.o"
  end=$EPOCHREALTIME
  awk -v a="$start" -v b="$end" 'BEGIN {printf "%.2f\n", b - a}'
done | sort -n >"$folder/seconds"
echo "#include <mica/mica.h>: $(sed -n 1p "$folder/seconds") s fastest, $(sed -n "$(((runs + 1) / 2))p" "$folder/seconds") s median of $runs ($("${CXX:-g++}" --version | head -1))"
