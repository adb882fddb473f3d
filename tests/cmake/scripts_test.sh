#!/usr/bin/env bash
# scripts_test.sh SOURCE: the scripts explain themselves, and refuse by a sentence what they cannot do.
set -euo pipefail
cd "$1"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# says WORDS STATUS COMMAND...: the command exits with STATUS and its output has WORDS.
says() {
  local words=$1 status=$2 got=0
  shift 2
  "$@" >"$folder/log" 2>&1 </dev/null || got=$?
  if ((got != status)) || ! grep -qF -- "$words" "$folder/log"; then
    echo "$*: exit status $got (expected $status), expected it to say: $words"
    cat "$folder/log"
    exit 1
  fi
}

for script in quickstart test fuzz compile_time; do
  says "usage: tools/$script.sh" 0 "tools/$script.sh" --help
  says "there is no option --nonsense. What there is: tools/$script.sh --help" 1 "tools/$script.sh" --nonsense
done
says "--tree takes release" 1 tools/test.sh --tree nonsense

# With packages missing, root installs and anybody else gets the one line: run with commands that only print.
mkdir "$folder/bin"
printf '#!/bin/sh\nexit 1\n' >"$folder/bin/dpkg-query"
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "called: apt-get $*"\n' >"$folder/bin/apt-get"
chmod +x "$folder/bin/dpkg-query" "$folder/bin/apt-get"
need='source tools/common.sh; need_packages libdnnl-dev no-such:no-such-command bash:bash'
if ((EUID == 0)); then
  says "called: apt-get install -q -y --no-install-recommends libdnnl-dev no-such" 0 env PATH="$folder/bin:$PATH" bash -Eeuc "$need"
  if command -v setpriv >/dev/null; then
    chmod 755 "$folder" "$folder/bin"
    says "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends libdnnl-dev no-such'" 1 \
      setpriv --reuid=65534 --clear-groups env PATH="$folder/bin:$PATH" bash -Eeuc "$(cat tools/common.sh); ${need#*; }"
  fi
else
  says "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends libdnnl-dev no-such'" 1 env PATH="$folder/bin:$PATH" bash -Eeuc "$need"
fi
# With everything there, nothing is asked of apt.
printf '#!/bin/sh\nprintf installed\n' >"$folder/bin/dpkg-query"
says "untouched" 0 env PATH="$folder/bin:$PATH" bash -Eeuc "$need; echo untouched"
if grep -q apt-get "$folder/log"; then
  echo "need_packages called apt-get with nothing missing"
  exit 1
fi
echo "scripts explain themselves"
