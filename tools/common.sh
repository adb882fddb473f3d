# shellcheck shell=bash disable=SC2034
# Sourced by the scripts of this folder: the Debian packages mica needs, and how a script says what it does and why it stops.

# package, or package:command where any other source of that command is as good.
packages_build=(g++:g++ cmake:cmake ninja-build:ninja libdnnl-dev libxsimd-dev libspdlog-dev zlib1g-dev libpng-dev nlohmann-json3-dev libcli11-dev)
packages_test=(ccache:ccache libgtest-dev libgmock-dev pkgconf:pkg-config dataset-fashion-mnist)
packages_check=(clang-16:clang++-16 libclang-rt-16-dev shellcheck:shellcheck python3-pip:pip3)

# say TEXT...: what happens next.
say() { printf '\n==> %s\n' "$*"; }

# stop TEXT...: the sentence that says what to do, and the end of the script.
stop() {
  trap - ERR
  printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# The script stops at the first command that fails; advice is what to do about it, and each part of a script sets its own.
advice="read the message above"
trap 'stop "stopped: the command of line $LINENO failed. What to do: $advice."' ERR

# find_nvcc: prints the path of nvcc: of CUDA_HOME, of /usr/local/cuda, or on the path. Fails where there is none.
find_nvcc() {
  local folder
  for folder in ${CUDA_HOME:+"$CUDA_HOME/bin"} /usr/local/cuda/bin; do
    if [[ -x $folder/nvcc ]]; then
      echo "$folder/nvcc"
      return
    fi
  done
  command -v nvcc
}

# missing PACKAGE...: those that are not installed, one a line.
missing() {
  local entry package command
  for entry in "$@"; do
    package=${entry%%:*} command=${entry#*:}
    if [[ $entry == *:* ]] && command -v "$command" >/dev/null; then continue; fi
    if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then echo "$package"; fi
  done
}

# need_packages PACKAGE...: installs what is missing as root; for anybody else prints the line to run, and stops. With nothing missing it
# touches neither apt nor the network.
need_packages() {
  local packages
  if ! command -v dpkg-query >/dev/null; then
    say "this machine has no Debian packages; mica needs what Debian 12 calls: ${*%%:*}"
    return
  fi
  mapfile -t packages < <(missing "$@")
  if ((${#packages[@]} == 0)); then return; fi
  if ((EUID != 0)); then
    stop "these packages are missing: ${packages[*]}. To install them, run this line and start again:

    sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends ${packages[*]}'
"
  fi
  say "installing ${packages[*]}"
  advice="check the network and the package sources of this machine (apt-get update must work; Debian 12 has all of these packages), then start again"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -q -y --no-install-recommends "${packages[@]}"
}
