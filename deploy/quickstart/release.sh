# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # the other parts use what is set here
# Official release binaries of Kubernetes, etcd and kwok: downloaded only when the table names a published checksum.
# Exit status of release_fetch: 0 (prints the folder), 3 (not to be had here: no row, no connection), else a refusal.

readonly KUBE_PROGRAMS=(etcd kube-apiserver kube-controller-manager kube-scheduler kubectl)

release_arch() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

# release_row COMPONENT: "version path digest published-at" of this machine's file; nothing when the table has none
release_row() { awk -v c="$1" -v a="$(release_arch)" '$1 == "file" && $2 == c && $4 == a { print $3, $5, $6, $7; exit }' "$RELEASES"; }

# release_url COMPONENT PATH
release_url() {
  local base
  if [ -n "$RELEASE_BASE_URL" ]; then
    echo "${RELEASE_BASE_URL%/}/$1/$2"
  else
    base=$(awk -v c="$1" '$1 == "base" && $2 == c { print $3; exit }' "$RELEASES")
    echo "$base/$2"
  fi
}

# digest_matches FILE ALGORITHM:HEX
digest_matches() {
  case $2 in
    sha256:* | sha512:*) ;;
    *)
      say "$RELEASES: checksum must be sha256:... or sha512:..., found $2"
      return 1
      ;;
  esac
  echo "${2#*:}  $1" | "${2%%:*}sum" --check --status
}

# release_download COMPONENT FILE: the verified file, or status 3 (not to be had), or 1 (refused)
release_download() {
  local version path digest published url
  read -r version path digest published <<<"$(release_row "$1")"
  if [ -z "$version" ] || [ -z "$digest" ] || [ -z "$published" ]; then
    say "$1: no published checksum is known for $(release_arch) in $RELEASES, so nothing is downloaded"
    return 3
  fi
  url=$(release_url "$1" "$path")
  say "$1 $version: $url, checksum as published at $published"
  if ! curl -fsSL --connect-timeout 10 --speed-limit 1000 --speed-time 60 --max-time 3600 -o "$2" "$url"; then
    say "$1: cannot be downloaded from $url"
    return 3
  fi
  digest_matches "$2" "$digest" || {
    rm -f "$2"
    say "$1: the file at $url does not have the published checksum $digest ($published)."
    say "It was deleted, nothing of it was used. Either the download was changed on its way, or the table is wrong."
    return 1
  }
}

# release_unpack DIR: the verified files kubernetes, etcd and kwok of DIR/.get into DIR
release_unpack() {
  local get=$1/.get
  tar -xzf "$get/kubernetes" -C "$1" --no-same-owner --strip-components=3 \
    kubernetes/server/bin/kube-{apiserver,controller-manager,scheduler} kubernetes/server/bin/kubectl || return 1
  tar -xzf "$get/etcd" -C "$1" --no-same-owner --strip-components=1 --wildcards '*/etcd' || return 1
  [ ! -f "$get/kwok" ] || install -m 755 "$get/kwok" "$1/kwok" || return 1
  rm -rf "$get"
}

# release_dir: where the binaries of the table's versions lie in the cache
release_dir() {
  local key
  key=$(for c in kubernetes etcd kwok; do release_row $c; done | sha256sum | cut -c1-16)
  echo "$RIG_HOME/bin/release-$key"
}

# Every failure is handled here, because a caller that asks for its status switches "set -e" off.
release_fetch() {
  local dir new component status
  dir=$(release_dir)
  new=$dir.new
  rm -rf "$new"
  mkdir -p "$new/.get" || die "cannot write $new"
  for component in etcd kubernetes kwok; do
    status=0
    release_download $component "$new/.get/$component" || status=$?
    # Without kwok there are no simulated nodes, which is no reason to stop; a wrong file is.
    if [ $status -ne 0 ] && [ "$component/$status" != kwok/3 ]; then
      rm -rf "$new"
      return $status
    fi
  done
  if ! release_unpack "$new"; then
    rm -rf "$new"
    die "the release files cannot be unpacked"
  fi
  rm -rf "$dir"
  mv "$new" "$dir" || die "cannot write $dir"
  echo "$dir"
}
