# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # the other parts use what is set here
# What every step of quickstart uses: progress lines, one log per step, things done once. Needs tests/rig/lib.sh.

readonly SECRETS=$RUN/secrets CONFIG=$RUN/cp-portal.yaml ENV_FILE=$RUN/quickstart.env
readonly PORTAL=$ROOT/build/release/app/cp-portal

seconds_since() { local us=$((${EPOCHREALTIME//[!0-9]/} - $1)); printf '%d.%d s' $((us / 1000000)) $((us / 100000 % 10)); }

# tell TEXT: from inside a step, a line for the person (the step's own output goes to its log)
tell() { printf '\n             %s ' "$*" >&3; }
# result TEXT: what a step has to say at its end, on its own line's end
result() { echo "$*" >"$RUN/log/result"; }

# step NAME WHAT HINT FUNCTION: runs FUNCTION in a subshell, output to .run/log/step-NAME.log; says how long it took.
# When it fails: the last lines of the log, where the log is, and HINT.
step() {
  local name=$1 what=$2 hint=$3 function=$4 log=$RUN/log/step-$1.log t0=${EPOCHREALTIME//[!0-9]/} status said=
  printf '%-12s %s ... ' "$name" "$what"
  rm -f "$RUN/log/result"
  set +e
  (
    set -e
    "$function"
  ) 3>&1 >"$log" 2>&1 </dev/null
  status=$?
  set -e
  if [ "$status" -ne 0 ]; then
    printf 'FAILED after %s\n\n' "$(seconds_since "$t0")"
    tail -n 8 "$log" | sed 's/^/    /'
    printf '\nquickstart: step "%s" (%s) failed.\n  log: %s\n  do:  %s\n' "$name" "$what" "$log" "$hint"
    exit 1
  fi >&2
  [ ! -f "$RUN/log/result" ] || said=" ($(<"$RUN/log/result"))"
  printf '%s%s\n' "$(seconds_since "$t0")" "$said"
}

# once NAME COMMAND...: runs COMMAND at most once in the life of .run; prints what it printed then
once() {
  local name=$1
  shift
  if [ ! -f "$RUN/done/$name" ]; then
    "$@" >"$RUN/done/$name.new"
    mv -f "$RUN/done/$name.new" "$RUN/done/$name"
  fi
  cat "$RUN/done/$name"
}

# secret NAME BYTES: a random secret (hex), made once; prints its file
secret() {
  [ -s "$SECRETS/$1" ] || random_hex "$2" | write_file "$SECRETS/$1" 600
  echo "$SECRETS/$1"
}

# setting FILE NAME: the value of NAME=value in FILE, or nothing
setting() { [ ! -f "$1" ] || sed -n "s/^$2=//p" "$1"; }

ask() {
  local answer
  [ "$YES" != 1 ] || return 0
  [ -t 0 ] || die "$1: needs an answer; run it in a terminal or pass --yes"
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]]
}

# as_root COMMAND...: as the administrator, by sudo where we are not
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null || die "not root, and there is no sudo; as root, run: $*"
    sudo "$@"
  fi
}
