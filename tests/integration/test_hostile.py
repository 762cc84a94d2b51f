# SPDX-License-Identifier: Apache-2.0
"""Somebody who means harm: a cluster that answers to hurt, a person who tries every door (P1, P6, P9)."""
import secrets
import signal

import pytest

import faulty_kube

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(rig):
    return rig.server("hostile", "it_main", **{"identity.issuer": rig.issuer}).start()


@pytest.fixture
def faulty():
    faulty = faulty_kube.FaultyKube().start()
    yield faulty
    faulty.stop()


@pytest.fixture
def cluster(rig, server, faulty):
    answer = server.client.post("/clusters", rig.identity_token("admin"), {
        "resourceName": f"h-{secrets.token_hex(4)}", "clusterType": "sub", "providerType": "AWS", "description": "hostile",
        "isClusterRegister": True, "clusterApiUrl": faulty.url, "clusterToken": secrets.token_urlsafe(24),
        "clusterCaData": faulty.authority.pem})
    assert answer.ok, answer
    cluster_id = rig.db.sql(f"SELECT cluster_id FROM cpx_cluster WHERE api_url = '{faulty.url}'", "it_main")[0][0]
    yield cluster_id
    faulty.set_mode("good")
    assert server.client.request("DELETE", f"/clusters/{cluster_id}", rig.identity_token("admin")).ok


def peak_bytes(server):
    """The most memory that the server ever held."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def labels(count):
    return ",".join(f'"{i:x}":""' for i in range(count))


def namespaces_with_labels(count, label_count):
    item = b'{"metadata":{"name":"n","creationTimestamp":"2024-05-06T07:08:09Z","labels":{%s}}}' % labels(label_count).encode()
    return faulty_kube.http(b'{"kind":"NamespaceList","metadata":{},"items":[' + b",".join([item] * count) + b"]}")


def by_path(faulty, rest):
    """Answers @rest to whatever asks for namespaces; the ping is answered as it should be."""
    def mode(send, request, server):
        send(rest if "/namespaces" in request.path else faulty_kube.http({"major": "1"}))
        return True
    faulty.answers["hostile"] = mode
    faulty.set_mode("hostile")


def test_labels_of_namespaces_cost_no_memory(rig, server, faulty, cluster):
    """16 MiB of labels nobody asked for: as a tree they would be several hundred."""
    by_path(faulty, namespaces_with_labels(90, 20000))
    before = peak_bytes(server)
    answer = server.client.get(f"/clusters/{cluster}/users/namespacesList", rig.identity_token("admin"))
    assert answer.ok and [item["cpNamespace"] for item in answer.json["items"]] == ["ALL"] + ["n"] * 90, answer
    assert peak_bytes(server) - before < 100 * MIB


@pytest.mark.parametrize("sent", [[signal.SIGHUP], [signal.SIGTERM, signal.SIGTERM, signal.SIGINT]], ids=["hang-up", "impatient"])
def test_signals_that_end_a_server_let_it_tidy_up(rig, sent):
    server = rig.server(f"signal-{secrets.token_hex(3)}", "it_main", **{"identity.issuer": rig.issuer}).start()
    for number in sent:
        server.process.send_signal(number)
    assert server.process.wait(30) == 0
    assert '"event":"stopped"' in server.log()
