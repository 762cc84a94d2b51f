# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Steps "packages" and "build".

policy=/usr/sbin/policy-rc.d

# missing_packages FILE|-: of the packages listed, those not installed (the first name of alternatives)
missing_packages() {
  local names name found
  while read -r names; do
    case $names in '' | '#'*) continue ;; esac
    found=
    for name in ${names//|/ }; do
      [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" != installed ] || found=1
    done
    [ -n "$found" ] || echo "${names%%|*}"
  done <"$1"
}

# While packages are unpacked no service may start: policy-rc.d says no. One that is there already stays as it is.
block_services() {
  [ ! -e $policy ] || return 0
  trap 'as_root rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
}

# install_packages NAME...: never removes another package, waits for another apt
install_packages() (
  umask 022
  block_services
  as_root apt-get -o DPkg::Lock::Timeout=300 update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --yes --no-remove \
    --no-install-recommends "$@"
)

step_packages() {
  local missing
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    result "not a Debian system: taken as prepared, see deploy/quickstart/packages.txt"
    return 0
  fi
  mapfile -t missing < <(missing_packages "$HERE/packages.txt")
  if [ ${#missing[@]} -eq 0 ]; then
    result "all there"
    return 0
  fi
  tell "${#missing[@]} missing: ${missing[*]}"
  install_packages "${missing[@]}"
  result "${#missing[@]} installed"
}

step_build() {
  local before=none after
  [ ! -x "$PORTAL" ] || before=$(stat -c %Y.%i "$PORTAL")
  # Once configured, ninja itself sees changed CMake files.
  [ -f "$ROOT/build/release/build.ninja" ] || (cd "$ROOT" && cmake --preset release -DCP_TESTS=OFF)
  ninja -C "$ROOT/build/release" cp-portal
  after=$(stat -c %Y.%i "$PORTAL")
  if [ "$before" = "$after" ]; then result "nothing changed"; else result "$("$PORTAL" --version | head -n 1)"; fi
}
