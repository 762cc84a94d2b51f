# SPDX-License-Identifier: Apache-2.0
"""The kinds of the main screens: lists, details and YAML equal to what kubectl says, for whoever may, and nobody else."""

import pytest
import yaml

import api
import bodies
import expect
import rig as rig_module

PEOPLE = ("admin", "bob", "alice")
KINDS = ("deployments", "replicaSets", "services")
ENVELOPE = {"resultCode": "SUCCESS", "resultMessage": bodies.DONE["resultMessage"], "httpStatusCode": 200,
            "detailMessage": bodies.DONE["detailMessage"]}


def template(labels, *images):
    return {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": f"c{i}", "image": image} for i, image in enumerate(images)]}}


def workload(kind, name, labels, replicas, *images, **spec):
    return {"apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": name, "namespace": "shop", "annotations": {"kubernetes.io/x": "1", "plain": "2"}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template(labels, *images), **spec}}


def service(name, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop", "labels": {"of": "kinds"}},
            "spec": spec}


@pytest.fixture(scope="module")
def shop(rig):
    """Workloads of one and of two containers, by recreation and by rolling update, and services of each type."""
    rig.kube.apply(
        workload("Deployment", "kinds-web", {"app": "kinds-web"}, 2, "registry.test/demo:1", "registry.test/side:2",
                 minReadySeconds=1, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}),
        workload("Deployment", "kinds-api", {"app": "kinds-api"}, 1, "registry.test/api:1", strategy={"type": "Recreate"}),
        workload("Deployment", "kinds-none", {"app": "kinds-none"}, 0, "registry.test/none:1"),
        workload("ReplicaSet", "kinds-set", {"app": "kinds-set"}, 1, "registry.test/set:1"),
        service("kinds-web", selector={"app": "kinds-web"}, type="NodePort",
                ports=[{"name": "http", "port": 80, "targetPort": "web"}, {"name": "admin", "port": 8080, "protocol": "UDP"}]),
        service("kinds-headless", clusterIP="None", selector={"app": "kinds-api"}),
        service("kinds-outside", type="ExternalName", externalName="outside.test"),
        service("kinds-manual", ports=[{"port": 5432}]))
    for name in ("kinds-web", "kinds-api"):
        rig.kube.ctl("-n", "shop", "rollout", "status", f"deployment/{name}", "--timeout=60s")
    return f"/clusters/{rig.cluster}/namespaces/shop"


def settled(rig, kind, scope, ask):
    """Ask the portal between two equal answers of kubectl, so that a change in between does not look like a fault."""
    def attempt():
        before = rig.kube.get(kind, *scope)
        answer = ask()
        after = rig.kube.get(kind, *scope)
        return (before, answer) if before.get("items", before) == after.get("items", after) else None
    return rig_module.poll(30, f"{kind} to settle", attempt)


def assert_list(rig, kind, scope, path, token, keep=lambda item: True, **wanted):
    """The list @path has exactly the rows of the objects that @keep wants."""
    names = {"search": "searchName", "order_by": "orderBy"}
    if wanted:
        path += ("&" if "?" in path else "?") + api.query(**{names.get(k, k): v for k, v in wanted.items()})[1:]
    found, answer = settled(rig, kind, scope, lambda: rig.a.client.get(path, token))
    assert answer.ok, answer
    meta, rows = expect.page(kind, [item for item in found["items"] if keep(item)], **wanted)
    assert answer.json["itemMetaData"] == meta
    assert answer.json["items"] == rows
    return answer


# ---------- deployments, replica sets, services ----------
@pytest.mark.parametrize("wanted", [dict(), dict(limit=2, offset=1, order_by="name", order="asc"), dict(search="KINDS", order="asc"),
                                    dict(search="web", order_by="namespace")], ids=str)
@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("kind", KINDS)
def test_list(rig, shop, kind, name, wanted):
    answer = assert_list(rig, kind, ["-n", "shop"], f"{shop}/{kind}", rig.portal_token(name), **wanted)
    assert len(answer.json["items"]) > 0
    # Deployments do not pass the list's own metadata through (contract 13.13).
    assert ("metadata" in answer.json) == (kind != "deployments")


@pytest.mark.parametrize("name", ["admin", "bob"])
@pytest.mark.parametrize("kind", KINDS)
def test_list_of_all_namespaces(rig, shop, kind, name):
    path = shop.replace("/shop", "/ALL")
    answer = assert_list(rig, kind, ["-A"], f"{path}/{kind}", rig.portal_token(name), order_by="name", order="asc")
    if kind == "services":
        assert {item["namespace"] for item in answer.json["items"]} >= {"default", "shop"}


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("kind", KINDS)
def test_detail(rig, shop, kind, name):
    objects = [item["metadata"]["name"] for item in rig.kube.get(kind, "-n", "shop")["items"]]
    assert len(objects) >= 3
    for one in objects:
        real, answer = settled(rig, kind, ["-n", "shop", one], lambda: rig.a.client.get(f"{shop}/{kind}/{one}", rig.portal_token(name)))
        assert answer.json == {**ENVELOPE, **expect.DETAILS[kind](real)}


@pytest.mark.parametrize("kind, one", [("deployments", "kinds-web"), ("replicaSets", "kinds-set"), ("services", "kinds-web")])
@pytest.mark.parametrize("name", PEOPLE)
def test_yaml_is_the_api_servers_text(rig, a, shop, kind, one, name):
    real, answer = settled(rig, kind, ["-n", "shop", one], lambda: a.get(f"{shop}/{kind}/{one}/yaml", rig.portal_token(name)))
    shown = yaml.safe_load(answer.json["sourceTypeYaml"])
    assert "managedFields" in shown["metadata"]
    del shown["metadata"]["managedFields"]
    assert shown["spec"] == real["spec"] and shown["metadata"]["uid"] == real["metadata"]["uid"]


def test_what_the_screens_depend_on(rig, a, shop):
    """BUG-25, U1, U2: the values themselves, not only equality with another computation."""
    token = rig.portal_token("alice")
    web = a.get(f"{shop}/deployments/kinds-web", token).json
    assert web["minReadySeconds"] == 1 and web["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "0"}
    assert {"checkYn": "Y", "key": "kubernetes.io/x", "value": "1"} in web["annotations"]
    assert a.get(f"{shop}/deployments/kinds-api", token).json["strategy"] == {
        "type": "Recreate", "rollingUpdate": {"maxSurge": "-", "maxUnavailable": "-"}}
    outside = a.get(f"{shop}/services/kinds-outside", token).json
    assert outside["ports"] == [] and outside["selector"] == "-" and outside["clusterIP"] is None
    rows = {item["name"]: item for item in a.get(f"{shop}/services", token).json["items"]}
    assert rows["kinds-outside"]["ports"] == [] and rows["kinds-headless"]["clusterIP"] == "None"
    images = {item["name"]: item["images"] for item in a.get(f"{shop}/deployments", token).json["items"]}
    assert images["kinds-web"] == ["registry.test/demo:1", "registry.test/side:2"]


# ---------- refusals ----------
READS = [f"{kind}{rest}" for kind in KINDS for rest in ("", "/x", "/x/yaml")]


@pytest.mark.parametrize("read", READS)
def test_who_may_not(rig, a, shop, namespace, read):
    """A USER of another namespace, of all at once, and people without any right in the cluster; nothing goes upstream."""
    alice, carol = rig.portal_token("alice"), rig.identity_token("carol")
    before = rig.a.counters()["upstream_calls"]
    for place in (namespace, "all", "kube-system", "SHOP"):
        assert a.get(f"/clusters/{rig.cluster}/namespaces/{place}/{read}", alice).json == bodies.FORBIDDEN, place
    assert a.get(f"{shop}/{read}", carol).json == bodies.DENIED
    assert a.get(f"{shop}/{read}").json == bodies.NO_TOKEN
    assert a.get(f"/clusters/none/namespaces/shop/{read}", alice).json == bodies.DENIED
    assert rig.a.counters()["upstream_calls"] == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PEOPLE)
def test_not_there(rig, a, shop, kind, name):
    for rest in ("no-such-name", "no-such-name/yaml"):
        assert a.get(f"{shop}/{kind}/{rest}", rig.portal_token(name)).json == bodies.NOT_FOUND


@pytest.mark.parametrize("kind", KINDS)
def test_bad_parameters(rig, a, shop, kind):
    token = rig.portal_token("alice")
    for query in ("limit=-1", "offset=-1", "offset=1"):
        assert a.get(f"{shop}/{kind}?{query}", token).json == bodies.BAD_REQUEST
    wrong = a.get(f"{shop}/{kind}?limit=x", token)
    assert wrong.json == bodies.error_message("Requirements are missing. : limit", 0, None)
    # A name with a question mark is a name, not a parameter of the API server (errata P19).
    assert a.get(f"{shop}/{kind}/kinds-web%3Fpretty=true", token).json["resultCode"] == "FAIL"


# ---------- pods and replica sets of something ----------
@pytest.fixture(scope="module")
def owned(rig, shop):
    """The replica set of kinds-web, and a pod with the same labels that nobody owns."""
    rig.kube.apply(rig_module.pod("shop", "kinds-naked", {"app": "kinds-web-like", "kinds": "naked"}))
    rig.kube.ctl("-n", "shop", "wait", "--for=condition=Ready", "pod/kinds-naked", "--timeout=60s")
    sets = rig.kube.get("replicasets", "-n", "shop", "-l", "app=kinds-web")["items"]
    assert len(sets) == 1
    return sets[0]["metadata"]


@pytest.mark.parametrize("selector", ["app=kinds-web", "app in (kinds-web,kinds-api)", "app=kinds-web,pod-template-hash", "app=nobody",
                                      "!pod-template-hash"])
@pytest.mark.parametrize("name", PEOPLE)
def test_pods_of_a_selector(rig, shop, owned, name, selector):
    path = f"{shop}/pods/resources{api.query(selector=selector)}"
    answer = assert_list(rig, "pods", ["-n", "shop", "-l", selector], path, rig.portal_token(name), limit=2, order_by="name")
    assert (len(answer.json["items"]) == 0) == (selector == "app=nobody")
    assert "resourceVersion" in answer.json["metadata"]


def test_pods_of_an_owner(rig, a, shop, owned):
    """BUG-51: exactly that uid; a pod without owner is left out and breaks nothing."""
    token = rig.portal_token("alice")

    def mine(item):
        return (item["metadata"].get("ownerReferences") or [{"uid": None}])[0]["uid"] == owned["uid"]
    for selector in ("", "&selector=app%3Dkinds-web"):
        path = f"{shop}/pods/resources?type=replicaSets&ownerReferencesUid={owned['uid']}{selector}"
        answer = assert_list(rig, "pods", ["-n", "shop"], path, token, keep=mine, search="KINDS", order="asc")
        assert len(answer.json["items"]) == 2
    for uid in (".*", "", owned["uid"][:-1], owned["uid"] + "%2C"):
        assert a.get(f"{shop}/pods/resources?type=replicaSets&ownerReferencesUid={uid}", token).json["items"] == []
    # Only that spelling of the type filters.
    path = f"{shop}/pods/resources?type=replicasets&ownerReferencesUid=none"
    assert_list(rig, "pods", ["-n", "shop"], path, token)


@pytest.mark.parametrize("collection", ["pods", "replicaSets"])
def test_a_selector_of_nothing_asks_nobody(rig, a, shop, collection):
    """U2: what the UI makes of a service without a selector."""
    token = rig.portal_token("alice")
    assert a.get(f"{shop}/services", token).ok
    before = rig.a.counters()["upstream_calls"]
    answer = a.get(f"{shop}/{collection}/resources?selector=-=undefined", token)
    assert answer.json == {**ENVELOPE, "metadata": {}, "itemMetaData": {"allItemCount": 0, "remainingItemCount": 0}, "items": []}
    assert rig.a.counters()["upstream_calls"] == before


@pytest.mark.parametrize("collection", ["pods", "replicaSets"])
@pytest.mark.parametrize("name", ["admin", "alice"])
def test_a_selector_that_is_none(rig, a, shop, collection, name):
    answer = a.get(f"{shop}/{collection}/resources?selector=%21%21", rig.portal_token(name))
    assert answer.json == bodies.result_status(bodies.BAD_REQUEST["resultMessage"], 400)


@pytest.mark.parametrize("name", ["admin", "bob"])
@pytest.mark.parametrize("place", ["shop", "ALL", "default"])
def test_pods_of_a_node(rig, shop, owned, namespace, name, place):
    rig.kube.apply(rig_module.pod(namespace, "kinds-far", nodeName="fake-node-1"))
    path = f"/clusters/{rig.cluster}/namespaces/{place}/pods/nodes/fake-node-1"
    scope = ["-A", "--field-selector", "spec.nodeName=fake-node-1"]
    answer = assert_list(rig, "pods", scope, path, rig.portal_token(name), order_by="name", order="asc")
    assert "kinds-far" in answer.names and {item["nodes"] for item in answer.json["items"]} == {"fake-node-1"}


def test_a_node_name_is_not_a_condition(rig, a, shop, owned):
    """A comma in the path must not add a condition to the field selector."""
    token = rig.portal_token("admin")
    for name in ("no-such-node", "%2Cmetadata.namespace=shop", "fake-node-1%2Cmetadata.namespace!=shop", "a%3Db"):
        answer = a.get(f"{shop}/pods/nodes/{name}", token)
        assert answer.ok and answer.json["items"] == [], answer


@pytest.mark.parametrize("wanted", ["", "?searchName=kinds-naked", "?limit=1&orderBy=name&order=asc", "?searchName=nobody"])
@pytest.mark.parametrize("name", PEOPLE)
def test_pod_labels(rig, a, shop, owned, name, wanted):
    def listed():
        return [item["labels"] for item in a.get(f"{shop}/pods{wanted}", rig.portal_token(name)).json["items"]]

    def attempt():
        before, answer = listed(), a.get(f"{shop}/pods/labels{wanted}", rig.portal_token(name))
        return (before, answer) if before == listed() else None
    rows, answer = rig_module.poll(30, "pods to settle", attempt)
    values = {}
    for key, value in (pair for row in rows if row != "-" for pair in row.items()):
        values.setdefault(key, set()).add(value)
    assert answer.json == {**ENVELOPE, "metadata": None, "itemMetaData": None,
                           "items": [{"labels": {key: sorted(values[key]) for key in values}}]}
    assert wanted != "?searchName=kinds-naked" or values == {"app": {"kinds-web-like"}, "kinds": {"naked"}}


@pytest.mark.parametrize("selector", ["", "app=kinds-web", "app in (kinds-set,kinds-api)", "app=nobody"])
@pytest.mark.parametrize("name", PEOPLE)
def test_replica_sets_of_a_selector(rig, a, shop, name, selector):
    """All of them, as the API server lists them; paging plays no part (contract 8.2)."""
    path = f"{shop}/replicaSets/resources{api.query(selector=selector, limit=1, offset=5, searchName='x', orderBy='name')}"
    scope = ["-n", "shop", *(["-l", selector] if selector else [])]
    found, answer = settled(rig, "replicasets", scope, lambda: a.get(path, rig.portal_token(name)))
    assert answer.json["items"] == [expect.workload_row(item) for item in found["items"]]
    assert answer.json["itemMetaData"] == {"allItemCount": len(found["items"]), "remainingItemCount": 0}


RELATED = ["pods/resources?selector=a=b", "pods/labels", "replicaSets/resources?selector=a=b"]


@pytest.mark.parametrize("read", RELATED + ["pods/nodes/fake-node-1"])
def test_who_may_not_see_what_is_related(rig, a, shop, namespace, read):
    alice = rig.portal_token("alice")
    before = rig.a.counters()["upstream_calls"]
    for place in (namespace, "all", *(["shop"] if "nodes" in read else [])):
        assert a.get(f"/clusters/{rig.cluster}/namespaces/{place}/{read}", alice).json == bodies.FORBIDDEN, place
    assert a.get(f"{shop}/{read}", rig.identity_token("carol")).json == bodies.DENIED
    assert a.get(f"{shop}/{read}").json == bodies.NO_TOKEN
    assert rig.a.counters()["upstream_calls"] == before


@pytest.mark.parametrize("read", RELATED + ["pods/nodes/fake-node-1"])
def test_bad_parameters_of_what_is_related(rig, a, shop, read):
    token, more = rig.portal_token("admin"), "&" if "?" in read else "?"
    assert a.get(f"{shop}/{read}{more}limit=x", token).json == bodies.error_message("Requirements are missing. : limit", 0, None)
    negative = a.get(f"{shop}/{read}{more}limit=-1", token)
    assert negative.ok if read.startswith("replicaSets") else negative.json == bodies.BAD_REQUEST


# ---------- events ----------
def event(namespace, name, about, **more):
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace}, "involvedObject": about,
            "reason": "Test", "type": "Normal", "reportingComponent": "test", "reportingInstance": "test", "action": "Test", **more}


@pytest.fixture(scope="module")
def events(rig, shop):
    """13 events of one object, one of another with the same beginning of its uid, and one of a node."""
    about = {"kind": "Pod", "namespace": "shop", "name": "kinds-pod", "uid": "kinds-uid", "apiVersion": "v1"}
    rig.kube.apply(
        event("shop", "kinds-full", {**about, "fieldPath": "spec.containers{c}"}, message="경고 <b>html</b>", count=3,
              source={"component": "kubelet", "host": "fake-node-1"}, firstTimestamp="2024-01-01T00:00:00Z",
              lastTimestamp="2024-01-01T00:05:00Z"),
        *(event("shop", f"kinds-{i:02}", about, message=f"event {i}") for i in range(12)),
        event("shop", "kinds-other", {**about, "uid": "kinds-uid-2"}, message="another"),
        event("default", "kinds-node", {"kind": "Node", "name": "fake-node-1", "uid": "fake-node-1"}, message="of the node"))
    return shop


def assert_events(rig, scope, path, token, **wanted):
    """At most ten, whatever the client asks for."""
    names = {"search": "searchName", "order_by": "orderBy"}
    query = api.query(limit=1, offset=3, **{names.get(k, k): v for k, v in wanted.items()})
    found, answer = settled(rig, "events", scope, lambda: rig.a.client.get(path + ("&" + query[1:] if "?" in path else query), token))
    meta, rows = expect.page("events", found["items"], limit=10, **wanted)
    assert answer.json == {**ENVELOPE, "itemMetaData": meta, "items": rows}
    return answer


@pytest.mark.parametrize("wanted", [dict(), dict(search="KINDS"), dict(order_by="name", order="asc"), dict(search="s-full")], ids=str)
@pytest.mark.parametrize("name", PEOPLE)
def test_events(rig, events, name, wanted):
    answer = assert_events(rig, ["-n", "shop"], f"{events}/events", rig.portal_token(name), **wanted)
    assert len(answer.json["items"]) == (1 if wanted == dict(search="s-full") else 10)
    if wanted == dict(search="s-full"):
        assert answer.json["items"][0]["message"] == "경고 <b>html</b>" and answer.json["items"][0]["creationTimestamp"] != "-"


@pytest.mark.parametrize("name", ["admin", "bob"])
def test_events_of_all_namespaces(rig, events, name):
    assert_events(rig, ["-A"], events.replace("/shop", "/all") + "/events", rig.portal_token(name), search="kinds")


@pytest.mark.parametrize("name", PEOPLE)
def test_events_of_an_object(rig, events, name):
    scope = ["-n", "shop", "--field-selector", "involvedObject.uid=kinds-uid"]
    answer = assert_events(rig, scope, f"{events}/events/resources/kinds-uid", rig.portal_token(name), order_by="name", order="asc")
    assert answer.json["itemMetaData"] == {"allItemCount": 13, "remainingItemCount": 3}
    none = rig.a.client.get(f"{events}/events/resources/kinds-uid%2Cmetadata.name!=x", rig.portal_token(name))
    assert none.ok and none.json["items"] == []


@pytest.mark.parametrize("place", ["shop", "ALL"])
@pytest.mark.parametrize("name", ["admin", "bob"])
def test_events_of_a_node(rig, events, name, place):
    """By its name, and wherever they are."""
    path = f"/clusters/{rig.cluster}/namespaces/{place}/events/resources/fake-node-1?type=node"
    answer = assert_events(rig, ["-A", "--field-selector", "involvedObject.name=fake-node-1"], path, rig.portal_token(name))
    assert "of the node" in [item["message"] for item in answer.json["items"]]


def test_who_may_not_see_events(rig, a, events, namespace):
    alice = rig.portal_token("alice")
    before = rig.a.counters()["upstream_calls"]
    for place in (namespace, "all"):
        for read in ("events", "events/resources/kinds-uid"):
            assert a.get(f"/clusters/{rig.cluster}/namespaces/{place}/{read}", alice).json == bodies.FORBIDDEN
    assert a.get(f"{events}/events", rig.identity_token("carol")).json == bodies.DENIED
    assert a.get(f"{events}/events").json == bodies.NO_TOKEN
    # Her namespace in the path does not make the whole cluster's events hers; the refusal is recorded.
    count = "SELECT COUNT(*) FROM cpx_audit WHERE outcome = 'refused' AND action = 'list of the whole cluster'"
    recorded = int(rig.db.sql(count, "it_main")[0][0])
    assert a.get(f"{events}/events/resources/fake-node-1?type=node", alice).json == bodies.FORBIDDEN
    assert rig.a.counters()["upstream_calls"] == before
    assert int(rig.db.sql(count, "it_main")[0][0]) == recorded + 1


@pytest.mark.parametrize("read", ["events", "events/resources/kinds-uid"])
def test_bad_parameters_of_events(rig, a, events, read):
    token = rig.portal_token("alice")
    assert a.get(f"{events}/{read}?offset=x", token).json == bodies.error_message("Requirements are missing. : offset", 0, None)
    assert len(a.get(f"{events}/{read}?limit=-1&offset=-5", token).json["items"]) == 10


# ---------- endpoints ----------
@pytest.fixture(scope="module")
def addresses(rig, shop):
    """Addresses of a service that nobody but this test keeps: ready, not ready, without a node, on a node that is not there."""
    nodes = sorted(item["metadata"]["name"] for item in rig.kube.get("nodes")["items"])
    rig.kube.apply(
        {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "kinds-manual", "namespace": "shop"}, "subsets": [
            {"addresses": [{"ip": "10.9.0.1", "nodeName": nodes[0]}, {"ip": "10.9.0.2"}],
             "notReadyAddresses": [{"ip": "10.9.0.3", "nodeName": nodes[-1]}],
             "ports": [{"name": "p", "port": 5432}, {"name": "u", "port": 53, "protocol": "UDP"}]},
            {"notReadyAddresses": [{"ip": "10.9.0.4"}], "ports": [{"port": 5433}]},
            {"addresses": [{"ip": "10.9.0.5"}]}]},
        {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "kinds-gone", "namespace": "shop"},
         "subsets": [{"addresses": [{"ip": "10.9.1.1", "nodeName": "no-such-node"}], "ports": [{"port": 1}]}]},
        {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "kinds-empty", "namespace": "shop"}})
    return nodes


@pytest.mark.parametrize("one", ["kinds-manual", "kinds-web", "kinds-headless", "kinds-empty"])
@pytest.mark.parametrize("name", PEOPLE)
def test_endpoints(rig, a, shop, addresses, name, one):
    """Alice may not read nodes; the state of those under her endpoints is shown all the same."""
    nodes = {item["metadata"]["name"]: item for item in rig.kube.get("nodes")["items"]}
    real, answer = settled(rig, "endpoints", ["-n", "shop", one], lambda: a.get(f"{shop}/endpoints/{one}", rig.portal_token(name)))
    assert answer.json == {**ENVELOPE, "endpoints": expect.endpoints(real, nodes)}
    hosts = [row["host"] for row in answer.json["endpoints"]]
    if one == "kinds-manual":  # BUG-48: 10.9.0.3 is there; without ports there is no endpoint
        assert hosts == ["10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.4"]
        assert answer.json["endpoints"][0]["ready"] == "True" and answer.json["endpoints"][1]["ready"] == "[-]"
    assert one != "kinds-web" or len(hosts) == 2


@pytest.mark.parametrize("name", PEOPLE)
def test_endpoints_that_cannot_be_told(rig, a, shop, addresses, name):
    for one in ("kinds-gone", "no-such-name"):
        assert a.get(f"{shop}/endpoints/{one}", rig.portal_token(name)).json == bodies.NOT_FOUND


def test_each_node_is_asked_for_once(rig, a, shop, addresses):
    def calls(one):
        before = rig.a.counters()["upstream_calls"]
        assert a.get(f"{shop}/endpoints/{one}", rig.portal_token("alice")).ok
        return rig.a.counters()["upstream_calls"] - before
    assert calls("kinds-empty") == 1
    assert calls("kinds-manual") == 1 + len({addresses[0], addresses[-1]})


def test_who_may_not_see_endpoints(rig, a, shop, namespace):
    before = rig.a.counters()["upstream_calls"]
    for place in (namespace, "all"):
        answer = a.get(f"/clusters/{rig.cluster}/namespaces/{place}/endpoints/kinds-manual", rig.portal_token("alice"))
        assert answer.json == bodies.FORBIDDEN
    assert a.get(f"{shop}/endpoints/kinds-manual", rig.identity_token("carol")).json == bodies.DENIED
    assert a.get(f"{shop}/endpoints/kinds-manual").json == bodies.NO_TOKEN
    assert rig.a.counters()["upstream_calls"] == before
