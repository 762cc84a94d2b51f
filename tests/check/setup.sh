# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the run needs and does not find: Debian packages, and Python packages in a virtual environment.

missing_packages() {
  local have
  have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | awk '$1 == "installed" { print $2 }')
  grep -v '^#' tests/check/packages.txt | grep -vxFf <(echo "$have")
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# Installing a server must not start it: for that long, a policy forbids it. One that was there already is kept.
install_packages() {
  local policy=/usr/sbin/policy-rc.d ours=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    ours=1
  fi
  as_root apt-get update -q &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
  local rc=$?
  [ -z "$ours" ] || as_root rm -f $policy
  return $rc
}

make_venv() {
  local key
  key=$(sha256sum <tests/requirements.txt)
  [ "$(cat "$VENV/.key" 2>/dev/null)" != "$key" ] || return 0
  rm -rf "$VENV"
  /usr/bin/python3 -m venv "$VENV"
  "$VENV/bin/pip" install -q -r tests/requirements.txt
  echo "$key" >"$VENV/.key"
}

stage_setup() {
  local missing
  mapfile -t missing < <(missing_packages)
  if [ ${#missing[@]} != 0 ]; then
    echo "installing: ${missing[*]}"
    install_packages "${missing[@]}"
  fi
  make_venv
}
