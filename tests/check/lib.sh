# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# Running stages and counting their tests. A stage is a function stage_NAME; it runs in a subshell with its output in
# build/check/NAME.log. It may report single tests with `result`; a stage that reports none counts as one test itself.

ROOT=$PWD
OUT=$ROOT/build/check
CP_CACHE=${CP_CACHE:-${RIG_HOME:-${HOME:-/root}/.cache/cp-portal}}
VENV=$CP_CACHE/venv
RESULTS=$OUT/results.tsv
JOBS=$(nproc)
export CP_CACHE ROOT RESULTS

begin() {
  mkdir -p "$OUT" "$CP_CACHE"
  # Two runs in one checkout would share build folders and count each other's results.
  exec 7>"$OUT/lock"
  flock -n 7 || { echo "check: another ./check runs in this checkout" >&2; exit 2; }
  : >"$RESULTS"
  export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}"
  export no_proxy=$NO_PROXY
  export LC_ALL=C.UTF-8
}

# result STAGE TEST pass|fail|skip [REASON]
result() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}" >>"$RESULTS"; }

# count STAGE STATE: results so far; "-" as STAGE: of all
count() { awk -F'\t' -v s="$1" -v r="$2" '(s == "-" || $1 == s) && $3 == r { n++ } END { print n + 0 }' "$RESULTS"; }

# run_stage NAME [ARGUMENT...]
run_stage() {
  local name=$1 log=$OUT/$1.log t0=$SECONDS rc passed failed skipped
  printf '%-12s ' "$name"
  (set -e; "stage_$name" "${@:2}") >"$log" 2>&1 7>&-
  rc=$?
  if [ "$(count "$name" fail)" = 0 ] && { [ $rc != 0 ] || [ "$(count "$name" pass)$(count "$name" skip)" = 00 ]; }; then
    case $rc in
      0) result "$name" "$name" pass ;;
      77) result "$name" "$name" skip "$(tail -n 1 "$log")" ;;
      *) result "$name" "$name" fail "exit $rc" ;;
    esac
  fi
  passed=$(count "$name" pass) failed=$(count "$name" fail) skipped=$(count "$name" skip)
  printf '%3d passed, %d failed, %d skipped  %d s\n' "$passed" "$failed" "$skipped" $((SECONDS - t0))
  awk -F'\t' -v s="$name" '$1 == s && $3 != "pass" { printf "  %s: %s %s\n", toupper($3), $2, $4 }' "$RESULTS"
  if [ "$failed" != 0 ]; then
    tail -n 40 "$log" | sed 's/^/  | /'
    echo "  log: $log"
  fi
}

run_stages() {
  local stage
  for stage; do run_stage "$stage"; done
}

is_stage() { declare -F "stage_$1" >/dev/null; }

# finish: the last line and the exit code. In CI a test that did not run has not passed.
finish() {
  local passed failed skipped
  passed=$(count - pass) failed=$(count - fail) skipped=$(count - skip)
  if [ "${CI:-}" = true ] && [ "$skipped" != 0 ]; then
    echo "CI: $skipped skipped count as failed"
    failed=$((failed + skipped)) skipped=0
  fi
  echo "took $SECONDS s"
  if [ "$skipped" = 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
  [ "$failed" = 0 ] && [ "$passed" != 0 ]
}

need_root() { [ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }; }
