# SPDX-License-Identifier: Apache-2.0
"""Every route for SUPER_ADMIN, CLUSTER_ADMIN and namespace USER: what each sees, computed from kubectl, and what is refused."""
import json
import secrets

import pytest

import api
import bodies
import expect
import rig as rig_module

PEOPLE = ("admin", "bob", "alice")


@pytest.fixture(scope="module")
def shop(rig):
    """Pods of every kind in namespace shop: running, with labels, never scheduled, with volumes and annotations."""
    rig.kube.apply(
        rig_module.pod("shop", "web-1", {"app": "web", "b": "1"}),
        rig_module.pod("shop", "web-2", {"app": "web"}),
        rig_module.pod("shop", "WEB-3".lower(), {"app": "other"}),
        rig_module.pod("shop", "waits", None, nodeSelector={"no": "node"}),
        {"apiVersion": "v1", "kind": "Pod",
         "metadata": {"name": "full", "namespace": "shop", "annotations": {
             "kubernetes.io/x": "1", "a/last-applied-b": "2", "plain": "3"}},
         "spec": {"volumes": [{"name": "v", "secret": {"secretName": "none", "optional": True}}, {"name": "e", "emptyDir": {}}],
                  "containers": [{"name": "main", "image": "registry.test/demo:1", "args": ["x"], "command": ["/bin/y"],
                                  "env": [{"name": "A", "value": "1"},
                                          {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                                  "ports": [{"containerPort": 80}],
                                  "resources": {"limits": {"cpu": "1"}}}]}})
    for name in ("web-1", "web-2", "web-3", "full"):
        rig.kube.ctl("-n", "shop", "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    return "shop"


def settled(rig, kind, scope, ask):
    """Ask the portal between two equal answers of kubectl, so that a change in between does not look like a fault."""
    def attempt():
        before = rig.kube.get(kind, *scope)["items"]
        try:
            answer = ask()
        except AssertionError as error:  # a wrong answer does not get better by asking again
            pytest.fail(str(error))
        return (before, answer) if before == rig.kube.get(kind, *scope)["items"] else None
    return rig_module.poll(30, f"{kind} to settle", attempt)


def assert_list(rig, kind, scope, path, token, **wanted):
    names = {"search": "searchName", "order_by": "orderBy"}
    query = api.query(**{names.get(key, key): value for key, value in wanted.items()}) if wanted else ""
    items, answer = settled(rig, kind, scope, lambda: rig.a.client.get(path + query, token))
    assert answer.ok, answer
    meta, rows = expect.page(kind, items, **wanted)
    assert answer.json["itemMetaData"] == meta
    assert answer.json["items"] == rows
    return answer


LISTS = [dict(), dict(limit=2), dict(limit=2, offset=1), dict(limit=2, offset=99), dict(order_by="name"),
         dict(order_by="name", order="desc"), dict(order_by="NAME", order="ASC"), dict(order="asc"), dict(search="WEB"),
         dict(search="web", limit=1, offset=1, order_by="name", order="asc"), dict(search="no-such-name"),
         dict(order_by="namespace", order="asc"), dict(order_by="name", order=""), dict(order="")]


# ---------- pods ----------
@pytest.mark.parametrize("wanted", LISTS, ids=str)
def test_pods_of_a_namespace(rig, shop, wanted):
    assert_list(rig, "pods", ["-n", "shop"], f"/clusters/{rig.cluster}/namespaces/shop/pods", rig.portal_token("admin"), **wanted)


@pytest.mark.parametrize("name", PEOPLE)
def test_pods_are_the_same_for_all_who_may(rig, shop, name):
    assert_list(rig, "pods", ["-n", "shop"], f"/clusters/{rig.cluster}/namespaces/shop/pods", rig.identity_token(name))


@pytest.mark.parametrize("all_", ["all", "ALL"])
@pytest.mark.parametrize("name", ["admin", "bob"])
def test_pods_of_all_namespaces(rig, shop, namespace, name, all_):
    rig.kube.apply(rig_module.pod(namespace, "far"))
    answer = assert_list(rig, "pods", ["-A"], f"/clusters/{rig.cluster}/namespaces/{all_}/pods", rig.portal_token(name))
    assert "far" in answer.names


def test_pods_metadata_is_passed_through(rig, a, shop):
    metadata = a.get(f"/clusters/{rig.cluster}/namespaces/shop/pods", rig.portal_token("admin")).json["metadata"]
    assert int(metadata["resourceVersion"]) > 0


@pytest.mark.parametrize("query", ["limit=-1", "offset=-1", "offset=1", "offset=1&limit=0"])
def test_bad_paging(rig, a, shop, query):
    answer = a.get(f"/clusters/{rig.cluster}/namespaces/shop/pods?{query}", rig.portal_token("admin"))
    assert answer.json == bodies.BAD_REQUEST


@pytest.mark.parametrize("query, field", [("limit=abc", "limit"), ("offset=1.5", "offset"), ("includeUsage=maybe", "includeUsage"),
                                          ("limit=99999999999999999999", "limit")])
def test_parameters_of_a_wrong_type(rig, a, shop, query, field):
    answer = a.get(f"/clusters/{rig.cluster}/namespaces/shop/pods?{query}", rig.portal_token("admin"))
    assert answer.json == bodies.error_message(f"Requirements are missing. : {field}", 0, None)


def test_a_path_variable_is_not_overridden(rig, a, shop):
    """BUG-55: a query parameter or a header of the same name changes nothing."""
    path = f"/clusters/{rig.cluster}/namespaces/shop/pods?namespace=kube-system&cluster=x"
    answer = a.get(path, rig.portal_token("alice"), headers={"namespace": "kube-system", "limit": "1"})
    assert {item["namespace"] for item in answer.json["items"]} == {"shop"} and len(answer.json["items"]) > 1


def test_pod_detail(rig, a, shop):
    item = rig.kube.get("-n", "shop", "pod", "full")
    got = a.get(f"/clusters/{rig.cluster}/namespaces/shop/pods/full", rig.portal_token("alice")).json
    row = expect.pod_row(item)
    for field in ("name", "namespace", "labels", "nodes", "podStatus", "restarts", "creationTimestamp"):
        assert got[field] == row[field], field
    assert got["uid"] == item["metadata"]["uid"] and got["ip"] == item["status"]["podIP"]
    assert got["qosClass"] == item["status"]["qosClass"] and got["controllers"] == "-"
    assert {"checkYn": "Y", "key": "kubernetes.io/x", "value": "1"} in got["annotations"]
    assert {"checkYn": "Y", "key": "a/last-applied-b", "value": "2"} in got["annotations"]
    assert {"checkYn": "N", "key": "plain", "value": "3"} in got["annotations"]
    assert {"name": "e", "secret": None} in got["volumes"]
    assert {"name": "v", "secret": {"secretName": "none", "defaultMode": "420"}} in got["volumes"]
    container = got["containers"][0]
    assert container["args"] == ["x"] and container["command"] == ["/bin/y"] and container["image"] == "registry.test/demo:1"
    assert container["env"] == item["spec"]["containers"][0]["env"]
    assert container["ports"] == [{"name": "-", "port": "80", "protocol": "TCP", "targetPort": "-", "nodePort": "-"}]
    assert container["resources"]["limits"] == {"cpu": "1"} and container["resources"]["usage"] is None


def test_pod_yaml_is_the_api_servers_text(rig, a, shop):
    got = a.get(f"/clusters/{rig.cluster}/namespaces/shop/pods/web-1/yaml", rig.portal_token("alice"))
    assert got.ok
    import yaml
    shown, real = yaml.safe_load(got.json["sourceTypeYaml"]), rig.kube.get("-n", "shop", "pod", "web-1")
    assert shown["metadata"]["uid"] == real["metadata"]["uid"] and shown["spec"] == real["spec"]
    assert "managedFields" in shown["metadata"]


def test_pod_that_is_not_there(rig, a, shop):
    for path in ("pods/none", "pods/none/yaml", "pods/a%3Fpretty=true"):
        answer = a.get(f"/clusters/{rig.cluster}/namespaces/shop/{path}", rig.portal_token("admin"))
        assert answer.json["resultCode"] == "FAIL" and answer.json["httpStatusCode"] in (400, 404), answer


def test_korean(rig, a, shop):
    for language in ("ko", "KO", "ko_KR"):
        answer = a.get(f"/clusters/{rig.cluster}/namespaces/shop/pods", rig.portal_token("admin"), headers={"uLang": language})
        assert answer.json["resultMessage"] == answer.json["detailMessage"] == bodies.OK_KO
    path = f"/clusters/{rig.cluster}/namespaces/shop/pods/none"
    assert a.get(path, rig.portal_token("admin"), headers={"uLang": "ko"}).json["resultMessage"] == bodies.NOT_FOUND_KO
    assert a.get(path, rig.portal_token("admin"), headers={"uLang": "ko-KR"}).json == bodies.NOT_FOUND


# ---------- namespaces ----------
@pytest.mark.parametrize("wanted", [dict(), dict(limit=2, offset=1), dict(order_by="name"), dict(search="KUBE", order="asc")], ids=str)
@pytest.mark.parametrize("name", ["admin", "bob"])
def test_namespaces(rig, shop, name, wanted):
    assert_list(rig, "namespaces", [], f"/clusters/{rig.cluster}/namespaces", rig.portal_token(name), **wanted)


@pytest.mark.parametrize("name", PEOPLE)
def test_namespace_detail_and_yaml(rig, a, shop, name):
    path, token = f"/clusters/{rig.cluster}/namespaces/shop", rig.portal_token(name)
    got, real = a.get(path, token), rig.kube.get("namespace", "shop")
    text = a.get(f"{path}/yaml", token)
    if name == "alice" and not got.ok:
        # The row lets her in; whether her account may read the Namespace object is the cluster's decision.
        assert got.json == bodies.FORBIDDEN and text.json == bodies.FORBIDDEN
        return
    assert got.json["uid"] == real["metadata"]["uid"] and got.json["labels"] == real["metadata"]["labels"]
    assert got.json["namespaceStatus"] == "Active" and got.json["annotations"] == [{"checkYn": "-", "key": "-", "value": "-"}]
    assert real["metadata"]["uid"] in text.json["sourceTypeYaml"]


# ---------- nodes ----------
@pytest.mark.parametrize("name", ["admin", "bob"])
def test_nodes(rig, name):
    assert_list(rig, "nodes", [], f"/clusters/{rig.cluster}/nodes", rig.portal_token(name), order_by="name", order="asc")


@pytest.mark.parametrize("name", ["admin", "bob"])
def test_node_detail(rig, a, name):
    got, real = a.get(f"/clusters/{rig.cluster}/nodes/fake-node-1", rig.portal_token(name)), rig.kube.get("node", "fake-node-1")
    assert got.ok and got.json["uid"] == real["metadata"]["uid"] and got.json["info"]["machineID"] == real["status"]["nodeInfo"]["machineID"]
    assert got.json["podsCIDR"] == real["spec"].get("podCIDR")
    assert got.json["addresses"] == [{"address": x["address"], "type": x["type"]} for x in real["status"]["addresses"]]


def test_a_node_that_is_not_there(rig, a):
    assert a.get(f"/clusters/{rig.cluster}/nodes/none", rig.portal_token("admin")).json == bodies.NOT_FOUND


def test_nodes_ordered_by_namespace_do_not_fail(rig, a):
    answer = a.get(f"/clusters/{rig.cluster}/nodes?orderBy=namespace", rig.portal_token("admin"))
    assert answer.status == 200


# ---------- clusters ----------
@pytest.mark.parametrize("name", ["admin", "bob"])
def test_clusters(rig, a, name):
    answer = a.get("/clusters", rig.portal_token(name))
    assert answer.ok
    mine = [item for item in answer.json["items"] if item["clusterId"] == rig.cluster]
    assert len(mine) == 1 and mine[0]["name"] == "host-cluster" and mine[0]["status"] == "A" and mine[0]["clusterType"] == "host"


@pytest.mark.parametrize("name", ["admin", "bob"])
def test_cluster_detail_shows_no_secret(rig, a, name):
    answer = a.get(f"/clusters/{rig.cluster}", rig.portal_token(name))
    assert answer.ok and answer.json["isActive"] is True and answer.json["clusterToken"] == "-"
    version = rig.kube.get("node", "fake-node-1")["status"]["nodeInfo"]["kubeletVersion"]
    assert answer.json["kubernetesVersion"] == version and answer.json["clusterApiUrl"] == rig.kube.url
    assert (rig.folder / "cluster.token").read_text().strip() not in answer.text


def registration(rig, **changed):
    body = {"resourceName": f"c-{secrets.token_hex(3)}", "isClusterRegister": True, "providerType": "NHN", "description": "d",
            "clusterApiUrl": rig.kube.url.replace("127.0.0.1", "localhost"),
            "clusterToken": rig.token_file.read_text().strip(), "clusterCaData": open(rig.kube.ca).read()}
    return {**body, **changed}


def test_register_change_and_delete_a_cluster(rig, a):
    admin, body = rig.portal_token("admin"), registration(rig)
    answer = a.post("/clusters", admin, body)
    assert answer.ok and answer.json["name"] == body["resourceName"] and answer.json["isActive"] is True
    listed = a.get(f"/clusters?searchName={body['resourceName'].upper()}", admin).json["items"]
    assert len(listed) == 1 and listed[0]["providerType"] == "NHN" and listed[0]["clusterType"] == "sub" and listed[0]["status"] == "A"
    cluster = answer.json["clusterId"]  # BUG-59: the original leaves it out
    assert listed[0]["clusterId"] == cluster
    assert a.get(f"/clusters/{cluster}/namespaces", admin).ok
    # Nothing of the new cluster is bob's: unknown and forbidden look the same.
    assert a.get(f"/clusters/{cluster}", rig.portal_token("bob")).json == a.get("/clusters/none", rig.portal_token("bob")).json
    again = a.post("/clusters", admin, registration(rig))
    assert again.json == bodies.result_status("The cluster is already registered.", 200)
    changed = a.request("PATCH", "/clusters", admin, {"cluster": cluster, "resourceName": "renamed", "description": "e"})
    assert changed.ok and changed.json["name"] == "renamed" and changed.json["clusterId"] == cluster
    assert a.get(f"/clusters/{cluster}", admin).json["description"] == "e"
    assert a.request("DELETE", f"/clusters/{cluster}", admin).ok
    assert a.get(f"/clusters/{cluster}/namespaces", admin).json["resultCode"] == "FAIL"
    assert cluster not in a.get("/clusters", admin).text


@pytest.mark.parametrize("changed", [
    dict(resourceName=""), dict(clusterToken="wrong"), dict(clusterApiUrl="https://127.0.0.1:9"), dict(clusterApiUrl="http://127.0.0.1:9"),
    dict(clusterApiUrl="file:///etc/passwd"), dict(clusterApiUrl="https://user:pw@127.0.0.1:9"), dict(providerType="MOON"),
    dict(clusterCaData="nonsense"), dict(clusterApiUrl=5), dict(isClusterRegister="perhaps")], ids=str)
def test_a_bad_registration_stores_nothing(rig, a, changed):
    admin = rig.portal_token("admin")
    before = a.get("/clusters", admin).json["itemMetaData"]
    answer = a.post("/clusters", admin, registration(rig, **changed))
    assert answer.json["resultCode"] == "FAIL", answer
    assert a.get("/clusters", admin).json["itemMetaData"] == before


def test_a_credential_that_may_not_impersonate_is_refused(rig, a, namespace):
    rig.kube.ctl("-n", namespace, "create", "serviceaccount", "weak")
    token = rig.kube.ctl("-n", namespace, "create", "token", "weak").strip()
    answer = a.post("/clusters", rig.portal_token("admin"), registration(rig, clusterToken=token))
    assert answer.json["resultCode"] == "FAIL" and "impersonate" in json.dumps(answer.json), answer


def test_the_host_cluster_stays(rig, a):
    answer = a.request("DELETE", f"/clusters/{rig.cluster}", rig.portal_token("admin"))
    assert answer.json == bodies.result_status("Host clusters cannot be disconnected.", 200)


@pytest.mark.parametrize("body", [{}, {"cluster": "x"}, {"resourceName": "x"}])
def test_change_without_what_it_needs(rig, a, body):
    assert a.request("PATCH", "/clusters", rig.portal_token("admin"), body).json == bodies.RULE_MISSING


# ---------- own data ----------
@pytest.mark.parametrize("name, kind", [("admin", "SUPER_ADMIN"), ("bob", "CLUSTER_ADMIN"), ("alice", "USER")])
def test_own_clusters(rig, a, name, kind):
    items = [i for i in a.get("/users/clustersList", rig.portal_token(name)).json["items"] if i["clusterId"] == rig.cluster]
    assert len(items) == 1 and items[0]["userType"] == kind and items[0]["clusterName"] == "host-cluster"


def test_own_clusters_global(rig, a):
    assert a.get("/users/clustersList?isGlobal=true", rig.portal_token("alice")).json["items"] == []
    assert a.get("/users/clustersList?isGlobal=true", rig.portal_token("bob")).json["items"] != []


def test_own_clusters_are_the_callers_own(rig, a):
    """BUG-02: naming somebody else changes nothing."""
    path = f"/users/clustersList?userAuthId={rig.auth_ids['admin']}&userType=SUPER_ADMIN"
    answer = a.get(path, rig.portal_token("carol") if ("portal", "carol") in rig.tokens else rig.identity_token("carol"))
    assert answer.json.get("items", []) == []


@pytest.mark.parametrize("name", ["admin", "bob"])
def test_own_namespaces_of_an_administrator(rig, a, name):
    got = [i["cpNamespace"] for i in a.get(f"/clusters/{rig.cluster}/users/namespacesList", rig.portal_token(name)).json["items"]]
    real = [i["metadata"]["name"] for i in rig.kube.get("namespaces")["items"]]
    assert got[0] == "ALL" and sorted(got[1:]) == sorted(real)


def test_own_namespaces_of_a_user(rig, a):
    items = a.get(f"/clusters/{rig.cluster}/users/namespacesList", rig.portal_token("alice")).json["items"]
    assert [(i["cpNamespace"], i["roleSetCode"], i["userId"]) for i in items] == [("shop", "cp-admin-role", "alice")]


# ---------- refusals ----------
C = "/clusters/{c}"
REFUSED = [
    ("alice", "GET", "/clusters", bodies.DENIED), ("alice", "GET", C, bodies.DENIED),
    ("alice", "GET", C + "/nodes", bodies.FORBIDDEN), ("alice", "GET", C + "/nodes/fake-node-1", bodies.FORBIDDEN),
    ("alice", "GET", C + "/namespaces", bodies.FORBIDDEN), ("alice", "GET", C + "/namespaces/all/pods", bodies.FORBIDDEN),
    ("alice", "GET", C + "/namespaces/ALL/pods", bodies.FORBIDDEN),
    ("alice", "GET", C + "/namespaces/SHOP/pods", bodies.FORBIDDEN),
    ("alice", "GET", C + "/namespaces/kube-system/pods", bodies.FORBIDDEN),
    ("alice", "GET", C + "/namespaces/kube-system/pods/x", bodies.FORBIDDEN),
    ("alice", "GET", C + "/namespaces/kube-system/pods/x/yaml", bodies.FORBIDDEN),
    ("alice", "GET", C + "/namespaces/default", bodies.FORBIDDEN), ("alice", "GET", C + "/namespaces/default/yaml", bodies.FORBIDDEN),
    ("alice", "POST", "/clusters", bodies.DENIED), ("alice", "PATCH", "/clusters", bodies.DENIED),
    ("alice", "DELETE", C, bodies.DENIED), ("bob", "POST", "/clusters", bodies.DENIED), ("bob", "PATCH", "/clusters", bodies.DENIED),
    ("bob", "DELETE", C, bodies.DENIED), ("bob", "GET", "/clusters/none", bodies.DENIED),
    ("bob", "GET", "/clusters/none/namespaces", bodies.DENIED), ("alice", "GET", "/clusters/none/namespaces/shop/pods", bodies.DENIED),
    ("alice", "GET", "/clusters/none/users/namespacesList", bodies.DENIED),
    ("carol", "GET", "/clusters", bodies.DENIED), ("carol", "GET", C + "/namespaces/shop/pods", bodies.DENIED),
    ("carol", "GET", C + "/users/namespacesList", bodies.DENIED),
]


@pytest.mark.parametrize("name, method, path, body", REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_refused(rig, a, name, method, path, body):
    upstream = rig.a.counters()["upstream_calls"]
    sent = {} if method in ("POST", "PATCH") else None
    answer = a.request(method, path.format(c=rig.cluster), rig.identity_token(name), sent)
    assert answer.status == 200 and answer.json == body, answer
    assert rig.a.counters()["upstream_calls"] == upstream, "the cluster was asked for somebody who may not"


def test_the_cluster_decides_in_the_end(rig, a, namespace):
    """A right in the row, and no binding in the cluster: Kubernetes says no, and the answer is the 403 body."""
    rig.grant(rig.a, rig.cluster, "alice", "--namespace", namespace, "--role", "no-such-role")
    path = f"/clusters/{rig.cluster}/namespaces/{namespace}/pods"
    answer = rig_module.poll(5, "the right", lambda: (r := a.get(path, rig.identity_token("alice"))).json != bodies.DENIED and r)
    assert answer.json == bodies.FORBIDDEN, answer
    rig.db.sql(f"DELETE FROM cp_users WHERE namespace = '{namespace}'; UPDATE cpx_change SET seq = seq + 1", "it_main")


# ---------- statuses ----------
@pytest.mark.parametrize("path, status", [("/clusters/{c}/namespaces/shop/pods/none", 404), ("/clusters/none", 404), ("/clusters", 200),
                                          ("/clusters/{c}/namespaces/shop/pods?limit=-1", 400), ("/nowhere", 404)])
def test_real_statuses_on_request(rig, a, path, status):
    answer = a.get(path.format(c=rig.cluster), rig.portal_token("admin"), headers={"Prefer": "http-status"})
    assert answer.headers["Preference-Applied"] == "http-status" and "Prefer" in answer.headers.get_all("Vary")
    if path == "/clusters/none":
        assert answer.status in (404, 422), answer
    else:
        assert answer.status == status, answer
