#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hardening.sh PROGRAM: reads the hardening of the release build back from the binary itself.
set -uo pipefail
program=$1
bad=0

# expect WHAT PATTERN COMMAND...: the command's output has a line matching PATTERN
expect() {
  local what=$1 pattern=$2
  shift 2
  if "$@" 2>/dev/null | grep -Eq -- "$pattern"; then
    echo "ok    $what"
    [ -z "${RESULTS:-}" ] || printf 'release\t%s\tpass\t\n' "$what" >>"$RESULTS"
  else
    echo "FAILS $what: no '$pattern' in: $*"
    [ -z "${RESULTS:-}" ] || printf 'release\t%s\tfail\t%s\n' "$what" "$pattern" >>"$RESULTS"
    bad=1
  fi
}

stack_not_executable() { readelf -Wl "$program" | awk '$1 == "GNU_STACK" { print ($0 ~ /RWE/ ? "executable" : "plain") }'; }
# Fortified calls of the program itself (not of a library): __memcpy_chk and the like are imported.
imports() { readelf -Ws --dyn-syms "$program"; }
# gcc leaves its options in the DWARF producer string: the only trace of flags that add no symbol.
producer() { readelf --debug-dump=info "$program" | grep -m 1 DW_AT_producer; }

expect position_independent 'Type:.*DYN' readelf -h "$program"
expect pie_flag 'FLAGS_1.*PIE' readelf -d "$program"
expect relro 'GNU_RELRO' readelf -Wl "$program"
expect bind_now '(BIND_NOW|FLAGS.*NOW)' readelf -d "$program"
expect stack_not_executable '^plain$' stack_not_executable
expect stack_protector '__stack_chk_fail' imports
expect fortify '__[a-z_]+_chk' imports
expect cet 'IBT, SHSTK' readelf -n "$program"
expect stack_clash_protection 'stack-clash-protection' producer
expect zeroed_locals 'auto-var-init=zero' producer
expect symbols_of_the_build 'DW_AT_producer.*-O2' producer
if readelf -d "$program" | grep -Eq 'RPATH|RUNPATH'; then
  echo "FAILS rpath: the program looks for libraries outside the system's folders"
  bad=1
fi
exit $bad
