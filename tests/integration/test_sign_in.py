# SPDX-License-Identifier: Apache-2.0
"""Sign-in, sign-up and refresh: contract 3.7, 3.8, 13.1; design 9.1 to 9.6."""
import base64
import hmac
import json
import secrets
import time

import pytest

import bodies
import rig as rig_module
import sealed


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def header(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.fixture
def person(rig):
    """Somebody new with an account at the issuer and nothing else."""
    name = f"p{secrets.token_hex(4)}"
    rig.account(name)
    return name


# ---------- login ----------
@pytest.mark.parametrize("body", [None, {}, {"userId": "", "userAuthId": ""}, {"userId": None, "userAuthId": None}],
                         ids=["none", "empty", "blank", "null"])
def test_login_takes_the_person_from_the_token(rig, a, body):
    answer = a.post("/login", rig.identity_token("alice"), body)
    assert answer.ok, answer
    assert answer.json["userId"] == "alice" and answer.json["userAuthId"] == rig.auth_ids["alice"]
    assert answer.json["resultMessage"] == answer.json["detailMessage"] == "Login Successful."


@pytest.mark.parametrize("name, kind", [("admin", "SUPER_ADMIN"), ("bob", "CLUSTER_ADMIN"), ("alice", "USER")])
def test_login_type_and_claims(rig, a, name, kind):
    answer = a.post("/login", rig.identity_token(name), {"userId": name, "clientIp": "10.0.0.7", "browser": "b"})
    assert answer.ok and answer.json["userType"] == kind and answer.json["isSuperAdmin"] is (kind == "SUPER_ADMIN")
    token = answer.json["token"]
    assert header(token)["alg"] == "HS512"
    got = claims(token)
    assert got["sub"] == name and got["userType"] == kind and got["userAuthId"] == rig.auth_ids[name]
    assert got["IP"] == "10.0.0.7" and got["Browser"] == "b" and got["exp"] == got["iat"] + 10800
    role = {"userType": kind, "namespaceList": ["shop"] if kind == "USER" else None}
    assert got["rolesInfo"][rig.cluster] == role


def test_login_does_not_let_the_caller_choose_his_type(rig, a):
    answer = a.post("/login", rig.identity_token("alice"), {"isSuperAdmin": True, "userType": "SUPER_ADMIN"})
    assert answer.ok and answer.json["userType"] == "USER" and answer.json["isSuperAdmin"] is False


@pytest.mark.parametrize("body", [{"userId": "bob"}, {"userAuthId": "x"}, {"userId": "alice", "userAuthId": "x"},
                                  {"userId": "ALICE"}, {"userId": " alice"}])
def test_login_refuses_another_person_in_the_body(rig, a, body):
    answer = a.post("/login", rig.identity_token("alice"), body)
    assert answer.json == bodies.login_failed("The login information is incorrect.")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer null"}, {"Authorization": "Basic eDp5"}],
                         ids=["none", "null", "basic"])
@pytest.mark.parametrize("body, detail", [
    ({}, "Please enter your username."), ({"userId": "alice"}, "Please enter your verification ID")])
def test_login_without_proof(a, headers, body, detail):
    assert a.post("/login", body=body, headers=headers).json == bodies.login_failed(detail)


def test_login_with_right_names_and_no_proof_is_refused(rig, a):
    body = {"userId": "alice", "userAuthId": rig.auth_ids["alice"]}
    assert a.post("/login", body=body).json["resultCode"] == "FAIL"


def test_login_with_a_portal_token_is_refused(rig, a):
    answer = a.post("/login", rig.portal_token("alice"))
    assert answer.json == bodies.BAD_TOKEN


def test_login_without_sign_up(rig, a):
    assert a.post("/login", rig.identity_token("dave")).json == bodies.login_failed("The login information is incorrect.")


def test_login_without_rights_is_inactive(rig, a):
    answer = a.post("/login", rig.identity_token("carol"))
    assert answer.json["resultMessage"] == "INACTIVE_USER" and answer.json["httpStatusCode"] == 403
    assert answer.json["detailMessage"] == "Unauthorized user. Please contact your administrator."
    assert answer.json["token"] == "-"


@pytest.mark.parametrize("body", [b"{", b'{"userId": "a", "userId": "b"}', b'{"userId": 5}', b"[]", b"[" * 65 + b"]" * 65, b"\x00{}"])
def test_login_with_a_broken_body(rig, a, body):
    answer = a.post("/login", rig.identity_token("alice"), body)
    assert answer.status == 200 and (answer.json["resultCode"] == "FAIL" or body == b'{"userId": 5}'), answer


def test_login_is_english_only(rig, a):
    answer = a.post("/login", rig.identity_token("dave"), headers={"uLang": "ko"})
    assert answer.json["detailMessage"] == "The login information is incorrect."


def test_wrong_password_gets_no_token(rig):
    answer = rig.password_grant("alice", "wrong")
    assert answer.status in (400, 401) and answer.json["error"] == "invalid_grant" and "access_token" not in answer.json


# ---------- both tokens, both servers ----------
@pytest.mark.parametrize("kind", ["identity_token", "portal_token"])
@pytest.mark.parametrize("server", ["a", "b"])
def test_both_tokens_open_the_api_on_every_replica(rig, kind, server):
    answer = getattr(rig, server).client.get("/users/clustersList", getattr(rig, kind)("alice"))
    assert answer.ok and [item["clusterId"] for item in answer.json["items"]] == [rig.cluster]


def test_a_person_without_sign_up_gets_nothing(rig, a):
    answer = a.get("/users/clustersList", rig.identity_token("dave"))
    assert answer.json["resultCode"] == "FAIL" or answer.json["items"] == []


# ---------- sign-up ----------
def test_sign_up_then_login(rig, a, person):
    assert a.post("/signUp", rig.identity_token(person), {"userId": person, "userAuthId": rig.auth_ids[person]}).json == bodies.DONE
    rows = rig.db.sql(f"SELECT user_id, user_type, namespace FROM cp_users WHERE user_auth_id = '{rig.auth_ids[person]}'", "it_main")
    assert rows == [[person, "USER", "cp-portal-temp-namespace"]]
    assert a.post("/login", rig.identity_token(person)).json["resultMessage"] == "INACTIVE_USER"


def test_sign_up_twice(rig, a, person):
    assert a.post("/signUp", rig.identity_token(person)).ok
    answer = a.post("/signUp", rig.identity_token(person))
    assert answer.json == bodies.result_status("USER_ALREADY_REGISTERED", 200)


def test_sign_up_does_not_make_a_super_administrator_of_anybody(rig, a, person):
    answer = a.post("/signUp?isAdmin=true", rig.identity_token(person), {"isSuperAdmin": True, "userType": "SUPER_ADMIN"})
    rows = rig.db.sql(f"SELECT user_type FROM cp_users WHERE user_auth_id = '{rig.auth_ids[person]}'", "it_main")
    assert ["SUPER_ADMIN"] not in rows, answer


def test_a_second_super_administrator_is_refused(rig, a):
    name = f"p{secrets.token_hex(4)}"
    rig.account(name, rig_module.SUPER_ADMIN_ROLE)
    answer = a.post("/signUp", rig.identity_token(name))
    assert answer.json == bodies.result_status("SUPER_ADMIN_ALREADY_REGISTERED", 200)


@pytest.mark.parametrize("body", [{}, {"userId": "x"}, {"userAuthId": "x"}])
def test_sign_up_without_proof_and_names(a, body):
    answer = a.post("/signUp", body=body)
    assert answer.json == bodies.result_status("The user's ID or verification ID is incorrect.", 200)


def test_sign_up_without_proof(a):
    assert not a.post("/signUp", body={"userId": "eve", "userAuthId": "eve"}).ok


def test_sign_up_for_somebody_else(rig, a, person):
    assert not a.post("/signUp", rig.identity_token(person), {"userId": "alice"}).ok


# ---------- refresh ----------
REFRESH = {"isRefreshToken": "true"}


def test_a_valid_token_is_not_refreshed(rig, a):
    answer = a.get("/refreshtoken", rig.portal_token("alice"), headers=REFRESH)
    assert answer.json["resultMessage"] == answer.json["detailMessage"] == "Refresh Token Failed."
    assert answer.json["httpStatusCode"] == 500 and answer.json["token"] == "-"


@pytest.mark.parametrize("headers", [REFRESH, {}], ids=["asked", "not-asked"])
def test_refresh_without_token(a, headers):
    assert a.get("/refreshtoken", headers=headers).json == bodies.NO_TOKEN


def test_refresh_with_an_identity_token(rig, a):
    assert a.get("/refreshtoken", rig.identity_token("alice"), headers=REFRESH).json["resultCode"] == "FAIL"


def flipped(token):
    head, body, mac = token.split(".")
    return f"{head}.{body}.{'A' if mac[0] != 'A' else 'B'}{mac[1:]}"


def test_refresh_with_a_forged_token(rig, a):
    assert a.get("/refreshtoken", flipped(rig.portal_token("alice")), headers=REFRESH).json == bodies.BAD_TOKEN


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def aged(rig, token, seconds, **changed):
    """The same portal token, as it would be had the person signed in @seconds ago; signed with the servers' key."""
    kid, key = sealed.newest(rig, "it_main", "portal-key/")
    assert header(token)["kid"] == kid
    got = claims(token)
    seconds += got["iat"] - int(time.time())
    got.update({name: got[name] - seconds for name in ("iat", "exp", "auth_time")}, **changed)
    signed = token.split(".")[0] + "." + b64(json.dumps(got).encode())
    return f"{signed}.{b64(hmac.digest(key, signed.encode(), 'sha512'))}"


def test_an_expired_token_is_refreshed(rig, a):
    old = aged(rig, rig.portal_token("alice"), 4 * 3600)
    assert a.get("/users/clustersList", old).json == bodies.EXPIRED
    for client in (a, rig.b.client):
        answer = client.get("/refreshtoken", old, headers=REFRESH)
        assert answer.ok and answer.json["resultMessage"] == "Refresh Token Successful."
        fresh, before = claims(answer.json["token"]), claims(old)
        assert fresh["exp"] == fresh["iat"] + 10800 and abs(fresh["iat"] - time.time()) < 60
        for name in ("sub", "userType", "userAuthId", "IP", "Browser", "auth_time", "rolesInfo"):
            assert fresh[name] == before[name], name
        assert a.get("/users/clustersList", answer.json["token"]).ok


@pytest.mark.parametrize("headers", [{}, {"isRefreshToken": "TRUE"}, {"isRefreshToken": "1"}, {"isRefreshToken": "false"}], ids=str)
def test_an_expired_token_without_the_header(rig, a, headers):
    assert a.get("/refreshtoken", aged(rig, rig.portal_token("alice"), 4 * 3600), headers=headers).json == bodies.EXPIRED


def test_an_expired_token_is_no_good_elsewhere(rig, a):
    old = aged(rig, rig.portal_token("admin"), 4 * 3600)
    for path in ("/clusters", "/xrefreshtoken/y", "/refreshtoken/", "/clusters?x=refreshtoken"):
        assert a.get(path, old, headers=REFRESH).json == bodies.EXPIRED, path


def test_a_session_ends_after_twelve_hours(rig, a):
    assert a.get("/refreshtoken", aged(rig, rig.portal_token("alice"), 12 * 3600 - 60), headers=REFRESH).ok
    answer = a.get("/refreshtoken", aged(rig, rig.portal_token("alice"), 12 * 3600 + 60), headers=REFRESH)
    assert answer.json["resultMessage"] == "Refresh Token Failed." and answer.json["token"] == "-"


def test_refresh_takes_the_rights_of_now(rig, a):
    """BUG-05: what the old token says of its bearer counts for nothing."""
    old = aged(rig, rig.portal_token("alice"), 4 * 3600, userType="SUPER_ADMIN", rolesInfo={})
    fresh = claims(a.get("/refreshtoken", old, headers=REFRESH).json["token"])
    assert fresh["userType"] == "USER" and fresh["rolesInfo"] != {}


def test_refresh_of_a_person_who_is_gone(rig, a):
    old = aged(rig, rig.portal_token("alice"), 4 * 3600, userAuthId="nobody")
    answer = a.get("/refreshtoken", old, headers=REFRESH)
    assert answer.json["resultMessage"] == "Refresh Token Failed." and answer.json["token"] == "-"


@pytest.mark.parametrize("how", ["none", "HS256", "random"])
def test_refresh_wants_the_signature(rig, a, how):
    """BUG-04: an unsigned expired token was refreshed."""
    kid, key = sealed.newest(rig, "it_main", "portal-key/")
    _, body, _ = aged(rig, rig.portal_token("alice"), 4 * 3600).split(".")
    head = b64(json.dumps({"alg": {"none": "none", "HS256": "HS256", "random": "HS512"}[how], "kid": kid}).encode())
    signed = f"{head}.{body}".encode()
    mac = {"none": b"", "HS256": hmac.digest(key, signed, "sha256"), "random": hmac.digest(b"x" * 64, signed, "sha512")}[how]
    assert a.get("/refreshtoken", f"{head}.{body}.{b64(mac)}", headers=REFRESH).json == bodies.BAD_TOKEN


# ---------- rights follow the row ----------
def test_rights_given_and_taken_reach_both_replicas_within_two_seconds(rig, a, namespace, person):
    assert a.post("/signUp", rig.identity_token(person)).ok
    rig.kube.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                    "metadata": {"name": "cp-admin-role", "namespace": namespace},
                    "rules": [{"apiGroups": [""], "resources": ["*"], "verbs": ["*"]}]})
    rig.grant(rig.a, rig.cluster, person, "--namespace", namespace, "--role", "cp-admin-role")
    path, token = f"/clusters/{rig.cluster}/namespaces/{namespace}/pods", rig.identity_token(person)
    for server in (rig.a, rig.b):
        rig_module.poll(3, "the new right", lambda: server.client.get(path, token).ok)
    rig.db.sql(f"DELETE FROM cp_users WHERE user_auth_id = '{rig.auth_ids[person]}' AND namespace = '{namespace}';"
               "UPDATE cpx_change SET seq = seq + 1", "it_main")
    for server in (rig.a, rig.b):
        rig_module.poll(3, "the right to be gone", lambda: not server.client.get(path, token).ok)


def test_a_token_of_yesterday_is_worth_what_the_row_says(rig, a, person):
    """The role in a portal token is for old clients to show; the server never decides by it (design 3.3)."""
    assert a.post("/signUp", rig.identity_token(person)).ok
    assert a.get("/clusters", rig.identity_token(person)).json["resultCode"] == "FAIL"
    assert time.time() < claims(rig.portal_token("admin"))["exp"]
