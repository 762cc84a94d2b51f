#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hardening.sh PROGRAM: reads the hardening of the release build back from the binary itself.
set -uo pipefail
program=$1
bad=0

# expect WHAT PATTERN COMMAND...: the command's output has a line matching PATTERN
expect() {
  local what=$1 pattern=$2 output
  shift 2
  output=$("$@" 2>/dev/null) || true
  if grep -Eq -- "$pattern" <<<"$output"; then
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
producer() { readelf --debug-dump=info "$program" | awk '/DW_AT_producer/ && !n++'; }
# Debian's start files carry no CET mark, so the linker puts none on the program: the landing pads themselves are looked for.
landing_pads() { objdump -d --no-show-raw-insn "$program" | awk '/<main>:/ { getline; print $2 }'; }

expect position_independent 'Type:.*DYN' readelf -h "$program"
expect pie_flag 'FLAGS_1.*PIE' readelf -d "$program"
expect relro 'GNU_RELRO' readelf -Wl "$program"
expect bind_now '(BIND_NOW|FLAGS.*NOW)' readelf -d "$program"
expect stack_not_executable '^plain$' stack_not_executable
expect stack_protector '__stack_chk_fail' imports
expect fortify '__[a-z_]+_chk' imports
expect cet_flag 'fcf-protection=full' producer
expect cet_landing_pads '^endbr64$' landing_pads
expect stack_clash_protection 'stack-clash-protection' producer
expect zeroed_locals 'auto-var-init=zero' producer
expect optimised ' -O2 ' producer
no_rpath() { readelf -d "$program" | awk '/RPATH|RUNPATH/ { found = 1 } END { print found ? "rpath" : "none" }'; }
expect no_rpath '^none$' no_rpath
exit $bad
