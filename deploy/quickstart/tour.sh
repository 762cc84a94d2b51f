# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What quick start leaves behind: the file of variables, and what it prints at the end.

write_env() {
  write_file "$ENV_FILE" 600 <<V
CP_URL=$PORTAL_URL
CP_COMMON_URL=
CP_COMMON_USER=
CP_COMMON_PASSWORD=
CP_METRIC_URL=
CP_METRIC_USER=
CP_METRIC_PASSWORD=
CP_MGMT_URL=$MANAGEMENT_URL
CP_ISSUER=$ISSUER_URL
CP_CLIENT_ID=$CLIENT_ID
CP_ADMIN_USER=$ADMIN
CP_ADMIN_PASSWORD=$(<"$SECRETS/$ADMIN.password")
CP_USER=$MEMBER
CP_USER_PASSWORD=$(<"$SECRETS/$MEMBER.password")
CP_USER_NAMESPACE=$MEMBER_NAMESPACE
CP_CLUSTER_ID=$(<"$RUN/done/cluster")
CP_KUBECONFIG=$(admin_kubeconfig)
V
}

# Three lines that work when pasted. The first stores the portal's token in a header file, shows the answer without it.
print_curls() {
  local curl="curl -sS" id login=$SECRETS/$ADMIN.login header=$SECRETS/$ADMIN.header
  id=$(<"$RUN/done/cluster")
  # A web proxy of this shell must not get loopback requests.
  [ -z "${http_proxy:-}${all_proxy:-}${ALL_PROXY:-}" ] || curl+=" --noproxy 127.0.0.1"
  cat <<T
  # 1. sign in: the issuer's token becomes the portal's, kept in a file only you can read
  $curl --data @$SECRETS/$ADMIN.form $ISSUER_URL/protocol/openid-connect/token | sed -n 's/.*"access_token" *: *"\([^"]*\)".*/Authorization: Bearer \1/p' | $curl -X POST -H @- $PORTAL_URL/login >$login; sed -n 's/.*"token" *: *"\([^"]*\)".*/Authorization: Bearer \1/p' $login >$header; sed 's/\("token" *: *"\)[^"]*/\1.../' $login; echo
  # 2. the clusters
  $curl -w '\n' -H @$header "$PORTAL_URL/clusters?limit=10&offset=0"
  # 3. the pods of the demo
  $curl -w '\n' -H @$header "$PORTAL_URL/clusters/$id/namespaces/cp-portal-demo/pods?limit=10&offset=0"
T
}

print_tour() {
  # The files the first line writes are there before it, closed to others.
  local file
  for file in "$SECRETS/$ADMIN.login" "$SECRETS/$ADMIN.header"; do [ -f "$file" ] || write_file "$file" 600 </dev/null; done
  cat <<T

The portal is up at $PORTAL_URL (management: $MANAGEMENT_URL, issuer: $ISSUER_URL).
  super administrator: $ADMIN, password in $SECRETS/$ADMIN.password
  second person:       $MEMBER (namespace $MEMBER_NAMESPACE), password in $SECRETS/$MEMBER.password
  variables for sh:    . $ENV_FILE

T
  print_curls
  echo
}

print_part() { # NAME STATE_DIR PROCESS WHERE
  local pid
  if pid=$(STATE_DIR=$2 running_pid "$3"); then
    printf '  %-24s running, pid %-8s %s\n' "$1" "$pid" "$4"
  else
    printf '  %-24s stopped\n' "$1"
    return 1
  fi
}

# print_status: every part; status 0 when all run, else 3
print_status() {
  local all=0 part
  [ -f "$RUN/.rig-state" ] || { echo "quick start was never run here (no $RUN)"; return 3; }
  print_part MariaDB "$RUN/mariadb" mariadb "127.0.0.1:$(setting "$RUN/mariadb/env" MARIADB_PORT)" || all=3
  if [ "$(setting "$KUBE_CHOICE" KUBECONFIG)" = own ]; then
    for part in etcd kube-apiserver kube-controller-manager kube-scheduler; do
      print_part $part "$RUN/kube" $part "" || all=3
    done
    if "$KALL" kwok --version >/dev/null 2>&1; then print_part kwok "$RUN/kube" kwok "2 simulated nodes" || all=3; fi
  else
    printf '  %-24s %s\n' cluster "$(setting "$KUBE_CHOICE" KUBECONFIG)"
  fi
  print_part cp-portal "$RUN" cp-portal "$(setting "$ENV_FILE" CP_URL)" || all=3
  if [ $all = 0 ] && ! http_is_200 "$(setting "$ENV_FILE" CP_MGMT_URL)/readyz"; then
    echo "  cp-portal runs, but is not ready: $RUN/log/cp-portal.log"
    all=3
  fi
  return $all
}
