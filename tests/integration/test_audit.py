# SPDX-License-Identifier: Apache-2.0
"""Promise P10: a change is recorded before it is made and after, a refusal before it is answered."""
import secrets


def rows(rig, request_id):
    found = rig.db.sql("SELECT action, target, outcome, detail, actor_auth_id FROM cpx_audit "
                       f"WHERE request_id = '{request_id}' ORDER BY id", "it_main")
    return [tuple(row) for row in found]


def ask(rig, method, path, name, body=None):
    request_id = "audit-" + secrets.token_hex(8)
    answer = rig.a.client.request(method, path, rig.portal_token(name), body, headers={"X-Request-Id": request_id})
    return answer, request_id


def test_a_refusal_by_rule_is_recorded(rig):
    answer, request_id = ask(rig, "DELETE", f"/clusters/{rig.cluster}", "alice")
    assert answer.json["resultMessage"] == "Access Denied"
    (row,) = rows(rig, request_id)
    assert row[0] == "DELETE /clusters/{cluster}" and row[1] == f"cluster/{rig.cluster}/"
    assert row[2] == "refused" and row[4] == rig.auth_ids["alice"]


def test_a_change_is_recorded_before_and_after(rig):
    before = rig.a.client.get(f"/clusters/{rig.cluster}", rig.portal_token("admin")).json
    body = {"cluster": rig.cluster, "resourceName": before["name"], "description": before["description"]}
    answer, request_id = ask(rig, "PATCH", "/clusters", "admin", body)
    assert answer.ok, answer
    assert [(row[0], row[1], row[2]) for row in rows(rig, request_id)] == [
        ("clusters.change", f"cluster/{rig.cluster}", "intent"), ("clusters.change", f"cluster/{rig.cluster}", "ok")]


def test_a_change_that_fails_says_so(rig):
    answer, request_id = ask(rig, "DELETE", f"/clusters/{rig.cluster}", "admin")
    assert answer.json["resultMessage"] == "Host clusters cannot be disconnected."
    assert [row[2] for row in rows(rig, request_id)] == ["intent", "failed"]


def test_no_secret_is_recorded(rig):
    token = "audit-token-" + secrets.token_hex(16)
    body = {"resourceName": "audit", "isClusterRegister": True, "clusterApiUrl": "https://127.0.0.1:1", "clusterToken": token}
    _, request_id = ask(rig, "POST", "/clusters", "admin", body)
    assert [row[2] for row in rows(rig, request_id)] == ["intent", "failed"]
    assert rig.db.sql(f"SELECT COUNT(*) FROM cpx_audit WHERE CONCAT(action, target, detail) LIKE '%{token}%'", "it_main") == [["0"]]
