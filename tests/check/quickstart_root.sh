#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# quickstart_root.sh: ./quickstart in a fresh minbase Debian, from a clean clone of this checkout's HEAD.
#
# The root is made by debootstrap from the machine's own package source, once, and kept as a tarball. Everything runs in a
# mount and a process namespace of its own: when its first process ends, all that ran in there is gone. The network is the
# machine's, so quick start takes free ports. The program cache is the machine's: warm, it is used; cold, it is filled.
set -euo pipefail
ROOT=${ROOT:-$PWD}
CP_CACHE=${CP_CACHE:-${HOME:-/root}/.cache/cp-portal}
PYTHON=$CP_CACHE/venv/bin/python
OUT=$ROOT/build/check
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/cp-root-XXXXXX")
FS=$WORK/fs INNER=/srv/cp-portal CHECKOUT=$WORK/fs/srv/cp-portal
HOLDER=
# Of the environment only what tells package managers where things are; and a certificate bundle under its own name,
# because installing ca-certificates writes the usual file anew.
PASS='^(PIP_|GO(PROXY|SUMDB|NOSUMDB|NOSUMCHECK|PRIVATE|NOPROXY|FLAGS|INSECURE)=|NPM_CONFIG_|npm_config_|https?_proxy=|HTTPS?_PROXY=|no_proxy=|NO_PROXY=|CI=)'
BUNDLE=/etc/cp-portal-test-ca.crt

say() { echo "== $* [$SECONDS s]"; }
result() {
  echo "$2: $1"
  [ -z "${RESULTS:-}" ] || printf 'quickstart\t%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$RESULTS"
}
fail() {
  result "$1" fail "${2:-}"
  exit 1
}

cleanup() {
  [ -z "$HOLDER" ] || kill -KILL "$HOLDER" 2>/dev/null || true
  wait 2>/dev/null || true
  # The mounts were in the namespace and are gone with it; --one-file-system in case one is not.
  rm -rf --one-file-system -- "$WORK"
}
trap cleanup EXIT

# ---------- the root ----------
package_source() { # the first URI and suite of the machine's Debian sources
  local file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ ! -f "$file" ] || awk '/^URIs:/ { u = $2 } /^Suites:/ { if (u ~ /debian\/?$/ && $2 == "bookworm") { print u; exit } }' "$file"
  done
  [ ! -f /etc/apt/sources.list ] || awk '$1 == "deb" { for (i = 2; i < NF; i++) if ($i ~ /:\/\// && $(i + 1) == "bookworm") { print $i; exit } }' /etc/apt/sources.list
}

make_tarball() {
  local mirror
  mirror=$(package_source | head -n 1)
  [ -n "$mirror" ] || { echo "no Debian source in /etc/apt"; exit 77; }
  debootstrap --variant=minbase bookworm "$FS" "$mirror"
  rm -rf "$FS"/var/cache/apt/archives/*.deb
  tar -C "$FS" --numeric-owner -cf "$1.new" .
  mv -f "$1.new" "$1"
  rm -rf "$FS"
}

make_root() {
  local tarball key file
  key=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } | sha256sum | cut -c1-12)
  tarball=$CP_CACHE/debian-bookworm-$key.tar
  if [ ! -f "$tarball" ]; then
    say "debootstrap"
    make_tarball "$tarball"
  fi
  say "unpack"
  mkdir -p "$FS"
  tar -C "$FS" --numeric-owner -xpf "$tarball"
  # Sources, keys and proxy settings of the machine; but not what container images add to throw packages away.
  cp -a /etc/apt/. "$FS/etc/apt/"
  rm -f "$FS"/etc/apt/apt.conf.d/docker-* "$FS"/etc/apt/sources.list.d/*nodesource* "$FS"/etc/apt/preferences.d/*
  [ ! -d /usr/share/keyrings ] || cp -a /usr/share/keyrings/. "$FS/usr/share/keyrings/"
  cp -L /etc/resolv.conf "$FS/etc/resolv.conf"
  cp -L /etc/hosts "$FS/etc/hosts"
  cp -L /etc/ssl/certs/ca-certificates.crt "$FS$BUNDLE"
  [ ! -d /usr/local/share/ca-certificates ] || { mkdir -p "$FS/usr/local/share/ca-certificates" &&
    cp -a /usr/local/share/ca-certificates/. "$FS/usr/local/share/ca-certificates/"; }
  for file in /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.config/go/env" "$HOME/.npmrc"; do
    [ ! -f "$file" ] || install -D -m 600 "$file" "$FS/${file/#$HOME//root}"
  done
  mkdir -p "$FS/root/.cache/cp-portal" "$CP_CACHE/apt-archives/partial"
}

# ---------- inside ----------
# The holder is the first process of the namespaces; its end ends everything in them.
start_holder() {
  # shellcheck disable=SC2016 # for the shell inside
  unshare --mount --pid --fork --kill-child --propagation private sh -c '
    set -e
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
    mount --bind "$2" "$1/root/.cache/cp-portal"
    mount --bind "$2/apt-archives" "$1/var/cache/apt/archives"
    : >"$1/.mounted"
    exec sleep infinity' sh "$FS" "$CP_CACHE" &
  HOLDER=$!
  local i
  for ((i = 0; i < 100; i++)); do
    [ ! -f "$FS/.mounted" ] || break
    kill -0 "$HOLDER" || fail namespaces "unshare failed"
    sleep 0.1
  done
  INIT=$(pgrep -P "$HOLDER" | head -n 1)
  mapfile -t PASSED < <(env | grep -E "$PASS" || true)
  ENTER=(nsenter -t "$INIT" -m -p chroot "$FS" env -i HOME=/root LANG=C.UTF-8 "${PASSED[@]}"
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    "SSL_CERT_FILE=$BUNDLE" "PIP_CERT=$BUNDLE" "NODE_EXTRA_CA_CERTS=$BUNDLE")
}

inside() { "${ENTER[@]}" sh -c "cd $INNER && $1"; }
outside() { "$PYTHON" tests/check/quickstart_proof.py "$1" "$CHECKOUT" "${ENTER[@]}"; }

# quickstart_run N: quick start's output in quickstart-N.out, the state after it in quickstart-N.json
quickstart_run() {
  local t0=$SECONDS
  if ! inside './quickstart --detach' >"$OUT/quickstart-$1.out" 2>&1; then
    cat "$OUT/quickstart-$1.out"
    cp -r "$CHECKOUT/.run/log" "$OUT/quickstart-$1-log" 2>/dev/null || true
    fail "quickstart_run_$1"
  fi
  cat "$OUT/quickstart-$1.out"
  say "run $1 took $((SECONDS - t0)) s"
  result "quickstart_run_$1" pass
}

# The printed lines, word by word, each of which must succeed and show what it is about.
run_printed_lines() {
  local line n=0 want=('"SUCCESS"' '"quickstart"' 'demo-web-')
  "$PYTHON" tests/check/quickstart_proof.py lines "$OUT/quickstart-1.out" >"$OUT/quickstart-lines"
  while IFS= read -r line <&5; do
    n=$((n + 1))
    printf '%s\n' "$line" >"$FS/srv/line.sh"
    if "${ENTER[@]}" bash /srv/line.sh >"$OUT/quickstart-line-$n" 2>&1 5<&- &&
      grep -q '"resultCode" *: *"SUCCESS"' "$OUT/quickstart-line-$n" && grep -q -- "${want[n - 1]}" "$OUT/quickstart-line-$n"; then
      result "printed_line_$n" pass
    else
      cat "$OUT/quickstart-line-$n"
      result "printed_line_$n" fail "no SUCCESS and ${want[n - 1]}"
    fi
  done 5<"$OUT/quickstart-lines"
  [ $n = 3 ] || fail printed_lines "$n lines"
}

second_run_changes_nothing() {
  local t0
  outside state >"$OUT/quickstart-1.json"
  t0=$SECONDS
  quickstart_run 2
  [ $((SECONDS - t0)) -le 30 ] || result second_run_takes_seconds fail "$((SECONDS - t0)) s"
  outside state >"$OUT/quickstart-2.json"
  if diff -u "$OUT/quickstart-1.json" "$OUT/quickstart-2.json" && [ -s "$OUT/quickstart-1.json" ]; then
    result second_run_changes_nothing pass
  else
    result second_run_changes_nothing fail
  fi
}

stop_leaves_nothing() {
  local left
  inside './quickstart stop'
  left=$("${ENTER[@]}" sh -c 'for p in /proc/[0-9]*; do tr "\0" " " <"$p/cmdline" 2>/dev/null; echo; done' |
    grep -E '/srv/cp-portal|mariadbd|kube-|etcd' || true)
  if [ -z "$left" ]; then result stop_leaves_nothing pass; else result stop_leaves_nothing fail "$left"; fi
}

cd "$ROOT"
mkdir -p "$OUT"
rm -rf -- "$OUT"/quickstart-[0-9l]*
make_root
say "clone"
git -c safe.directory='*' clone -q --no-hardlinks "$ROOT" "$CHECKOUT"
start_holder
say "first run"
quickstart_run 1
run_printed_lines
second_run_changes_nothing
outside proof || true
stop_leaves_nothing
