# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Steps "database", "server" and "people".

readonly ADMIN=admin MEMBER=developer MEMBER_NAMESPACE=team-a CLIENT_ID=cp-client REALM=cp-realm

# A clean environment: no CP_... variable of the shell changes what the configuration file says.
portal() { env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 "$PORTAL" "$@"; }

step_database() {
  MARIADB_DIR=$RUN/mariadb MARIADB_DATABASE=cp "$ROOT/tests/rig/mariadb/start.sh"
  printf %s "$(setting "$RUN/mariadb/env" MARIADB_PASSWORD)" | write_file "$SECRETS/database.password" 600
  result "127.0.0.1:$(setting "$RUN/mariadb/env" MARIADB_PORT)"
}
stop_database() { [ ! -d "$RUN/mariadb" ] || MARIADB_DIR=$RUN/mariadb "$ROOT/tests/rig/mariadb/stop.sh" "$@"; }

# Chosen once, kept in .run/ports. They are looked at here, not in the step, because pick_port sets variables.
pick_ports() {
  pick_port PORTAL_PORT cp-portal
  pick_port MANAGEMENT_PORT cp-portal
  pick_port ISSUER_PORT cp-portal
  PORTAL_URL=http://127.0.0.1:$PORTAL_PORT
  MANAGEMENT_URL=http://127.0.0.1:$MANAGEMENT_PORT
  ISSUER_URL=http://127.0.0.1:$ISSUER_PORT/realms/$REALM
}

write_configuration() {
  write_file "$CONFIG" 600 <<C
# written by quickstart
version: 1
portal:
  listen: 127.0.0.1:$PORTAL_PORT
management:
  listen: 127.0.0.1:$MANAGEMENT_PORT
issuer:
  enabled: true
  listen: 127.0.0.1:$ISSUER_PORT
  url: $ISSUER_URL
  realm: $REALM
identity:
  issuer: $ISSUER_URL
  client_ids: [$CLIENT_ID]
  allow_loopback_http: true
database:
  host: 127.0.0.1
  port: $(setting "$RUN/mariadb/env" MARIADB_PORT)
  user: $(setting "$RUN/mariadb/env" MARIADB_USER)
  name: $(setting "$RUN/mariadb/env" MARIADB_DATABASE)
  password_file: $SECRETS/database.password
secrets:
  key_file: $SECRETS/sealing.key
drain:
  accept_s: 0
C
}

step_server() {
  local now
  write_configuration
  [ -s "$SECRETS/sealing.key" ] || portal secrets new-key "$SECRETS/sealing.key"
  now=$(cat "$PORTAL" "$CONFIG" | sha256sum | cut -c1-32)
  if is_running cp-portal && [ "$now" = "$(cat "$RUN/server.of" 2>/dev/null)" ]; then
    wait_for 10 cp-portal "the running server" http_is_200 "$MANAGEMENT_URL/readyz"
    result "runs already, $PORTAL_URL"
    return 0
  fi
  halt cp-portal 60
  portal check-config --config "$CONFIG"
  portal migrate --config "$CONFIG"
  spawn cp-portal env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 "$PORTAL" serve --config "$CONFIG"
  wait_for 30 cp-portal "the server's /readyz" http_is_200 "$MANAGEMENT_URL/readyz"
  echo "$now" | write_file "$RUN/server.of" 600
  result "$PORTAL_URL"
}

# ---------- people ----------
# form NAME: the sign-in form of a person, for curl --data @FILE; the password is in no argument of any program
write_form() {
  printf 'grant_type=password&client_id=%s&username=%s&password=%s' "$CLIENT_ID" "$1" "$(<"$SECRETS/$1.password")" |
    write_file "$SECRETS/$1.form" 600
}

# json_string NAME: the value of the first "NAME":"..." on standard input (ids and tokens: no escapes in them)
json_string() { sed -n 's/.*"'"$1"'" *: *"\([^"\\]*\)".*/\1/p' | head -n 1; }

# The portal's sign-up as a person does it: sign in at the issuer, then POST /signUp.
sign_up() {
  local answer token
  answer=$(curl -sS --noproxy '*' --max-time 30 --data "@$SECRETS/$1.form" "$ISSUER_URL/protocol/openid-connect/token")
  token=$(json_string access_token <<<"$answer")
  [ -n "$token" ] || die "the issuer gave $1 no token: $answer"
  printf 'Authorization: Bearer %s\n' "$token" | write_file "$SECRETS/$1.bearer" 600
  answer=$(curl -sS --noproxy '*' --max-time 30 -H "@$SECRETS/$1.bearer" -H 'Content-Type: application/json' \
    --data "{\"isSuperAdmin\":$2}" "$PORTAL_URL/signUp")
  rm -f "$SECRETS/$1.bearer"
  case $answer in
    *'"resultCode":"SUCCESS"'*) ;;
    *ALREADY_REGISTERED*) ;;
    *) die "sign-up of $1: $answer" ;;
  esac
}

# account NAME [OPTION...]: an account at the built-in issuer; prints its id
account() {
  local name=$1
  shift
  portal account add --config "$CONFIG" --username "$name" --password-file "$SECRETS/$name.password" "$@"
}

register_cluster() {
  portal cluster add --config "$CONFIG" --name quickstart --type host --provider AWS \
    --description "The cluster of quick start" --api-url "$(cluster_view '.clusters[0].cluster.server')" \
    --ca-file "$RUN/cluster-ca.pem" --token-file "$SECRETS/cluster.token"
}

step_people() {
  local cluster member
  secret $ADMIN.password 12 >/dev/null
  secret $MEMBER.password 12 >/dev/null
  write_form $ADMIN
  write_form $MEMBER
  cluster=$(once cluster register_cluster)
  once account-$ADMIN account $ADMIN --role cp-cluster-admin-role >/dev/null
  member=$(once account-$MEMBER account $MEMBER)
  once sign-up-$ADMIN sign_up $ADMIN true
  once sign-up-$MEMBER sign_up $MEMBER false
  once grant-$MEMBER portal user grant --config "$CONFIG" --cluster "$cluster" --auth-id "$member" --user-id $MEMBER \
    --namespace $MEMBER_NAMESPACE --role cp-admin-role
  result "$ADMIN and $MEMBER, cluster $cluster"
}
