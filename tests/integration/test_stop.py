# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under load: what fits the drain is answered in full, readiness turns first, exit code 0 (P11)."""
import collections
import http.client
import json
import os
import secrets
import signal
import threading
import time

import pytest

import api
import faulty_kube
import rig as rig_module

SLOW_S = 3
UNAVAILABLE_CODES = (500, 503)


def slow_list(send, request, server):
    server.released.wait(SLOW_S)
    send(faulty_kube.GOOD)
    return True


@pytest.fixture
def faulty():
    faulty = faulty_kube.FaultyKube().start()
    faulty.answers["slow"] = slow_list
    yield faulty
    faulty.stop()


@pytest.fixture
def slow_cluster(rig, faulty):
    """Registered through another server: the one that stops only uses it."""
    name = f"s-{secrets.token_hex(4)}"
    answer = rig.a.client.post("/clusters", rig.identity_token("admin"), {
        "resourceName": name, "isClusterRegister": True, "clusterApiUrl": faulty.url, "clusterToken": "t-" + name,
        "clusterCaData": faulty.authority.pem})
    assert answer.ok, answer
    cluster_id = rig.db.sql(f"SELECT cluster_id FROM cp_clusters WHERE name = '{name}'", "it_main")[0][0]
    yield cluster_id
    assert rig.a.client.request("DELETE", f"/clusters/{cluster_id}", rig.identity_token("admin")).ok


@pytest.fixture
def start(rig):
    def start(**settings):
        name = f"stop-{secrets.token_hex(3)}"
        return rig.server(name, "it_main", **{"identity.issuer": rig.issuer, **settings}).start()
    return start


class Load:
    """Clients that ask again and again, each time over a new connection, and write down how each request ended."""

    def __init__(self, server, path, token, threads):
        self.server, self.path, self.token = server, path, token
        self.ends, self.outcomes, self.cut, self.lock = threading.Event(), collections.Counter(), [], threading.Lock()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.ends.is_set():
            if self._once() == "refused":
                return

    def _once(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=40)
        step, is_stopping = "connect", self.server.is_stopping
        try:
            connection.connect()
            step = "send"
            connection.request("GET", self.path, headers={"Authorization": f"Bearer {self.token}"})
            step = "answer"
            response = connection.getresponse()
            step = "body"
            outcome = json.loads(response.read())["resultCode"]
            if is_stopping and response.headers["Connection"] != "close":
                outcome = "kept"
        except (OSError, http.client.HTTPException, ValueError) as error:
            outcome = "refused" if step == "connect" else "cut"
            if outcome == "cut":
                self.cut.append((step, repr(error)))
        finally:
            connection.close()
        with self.lock:
            self.outcomes[outcome] += 1
        return outcome

    def finish(self):
        self.ends.set()
        for thread in self.threads:
            thread.join()
        return self.outcomes


def terminate(server):
    server.process.send_signal(signal.SIGTERM)
    return time.monotonic()


def assert_ended_well(server, begun, seconds):
    assert server.process.wait(60) == 0
    took = time.monotonic() - begun
    assert took < seconds, took
    log = server.log()
    assert not rig_module.SANITIZER.search(log), log[-3000:]
    assert '"event":"stopped"' in log
    return took


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(3))
def test_nothing_that_fits_the_drain_is_cut(rig, start, faulty, slow_cluster, attempt):
    server = start(**{"drain.accept_s": 2, "drain.s": 10})
    server.is_stopping = False
    token = rig.identity_token("admin")
    faulty.set_mode("slow")
    loads = {"quick": Load(server, f"/clusters/{rig.cluster}/namespaces/shop/pods", rig.identity_token("bob"), 8),
             "suspended": Load(server, f"/clusters/{slow_cluster}/namespaces/shop/pods", token, 6),
             "refused tokens": Load(server, "/clusters", "x.y.z", 2)}
    rig_module.poll(10, "requests that wait for the slow cluster", lambda: server.metrics()["cp_workers_busy"] >= 6)
    time.sleep(0.5)
    begun = terminate(server)
    rig_module.poll(2, "readiness to turn", lambda: server.management.raw("GET", "/readyz").status == 503)
    turned = time.monotonic() - begun
    server.is_stopping = True  # every answer to a request from here on closes its connection
    # not ready, but still accepting: a load balancer needs time to look
    answer = server.client.get(f"/clusters/{rig.cluster}/namespaces/shop/pods", rig.identity_token("bob"))
    assert answer.ok and answer.headers["Connection"] == "close" and time.monotonic() - begun < 2
    assert server.management.raw("GET", "/livez").status == 200
    assert server.client.raw("GET", "/actuator/health").status == 503
    took = assert_ended_well(server, begun, 2 + SLOW_S + 5)
    outcomes = {name: load.finish() for name, load in loads.items()}
    print(f"\nnot ready after {turned * 1000:.0f} ms, ended after {took:.1f} s; " +
          ", ".join(f"{name}: {dict(o)}" for name, o in outcomes.items()))
    for name, load in loads.items():
        assert load.cut == [], (name, load.cut)
    assert set(outcomes["quick"]) <= {"SUCCESS", "refused"} and outcomes["quick"]["SUCCESS"] > 20
    assert set(outcomes["suspended"]) <= {"SUCCESS", "refused"} and outcomes["suspended"]["SUCCESS"] >= 6
    assert set(outcomes["refused tokens"]) <= {"FAIL", "refused"}


@pytest.mark.slow
def test_what_does_not_fit_is_cancelled_and_told_so(rig, start, faulty, slow_cluster):
    """Suspended requests without an end: an answer, not a cut connection, and no abort of the library (design 3.6)."""
    server = start(**{"drain.accept_s": 1, "drain.s": 2})
    faulty.set_mode("late")
    answers = []

    def ask():
        answers.append(server.client.get(f"/clusters/{slow_cluster}/namespaces/shop/pods", rig.identity_token("admin")))
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    rig_module.poll(10, "eight suspended requests", lambda: server.metrics()["cp_workers_busy"] == 8)
    begun = terminate(server)
    for thread in threads:
        thread.join()
    took = assert_ended_well(server, begun, 1 + 2 + 4)
    print(f"\nended after {took:.1f} s")
    assert took > 1 + 2 - 0.5
    assert len(answers) == 8
    for answer in answers:
        assert answer.status == 200 and answer.json["resultCode"] == "FAIL", answer
        assert answer.json["httpStatusCode"] in UNAVAILABLE_CODES and answer.headers["Connection"] == "close"


def test_an_upload_under_way_is_finished(rig, start):
    server = start(**{"drain.accept_s": 1, "drain.s": 10})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest("POST", "/login")
    connection.putheader("Authorization", f"Bearer {rig.identity_token('alice')}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "2")
    connection.endheaders(b"{")
    rig_module.poll(5, "the request", lambda: server.metrics()["cp_requests_in_flight"] == 1)
    begun = terminate(server)
    time.sleep(2.5)  # the listening socket is closed by now
    connection.send(b"}")
    answer = connection.getresponse()
    assert answer.status == 200 and json.loads(answer.read())["resultCode"] == "SUCCESS"
    assert answer.headers["Connection"] == "close"
    assert_ended_well(server, begun, 8)


def test_an_idle_server_stops_at_once(start):
    server = start(**{"drain.accept_s": 0})
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    kept.request("GET", "/actuator/health")
    kept.getresponse().read()
    begun = terminate(server)
    print(f"\nended after {assert_ended_well(server, begun, 4):.2f} s, one idle connection kept")


def test_a_second_signal_changes_nothing(rig, start, faulty, slow_cluster):
    server = start(**{"drain.accept_s": 1, "drain.s": 10})
    faulty.set_mode("slow")
    got = []
    thread = threading.Thread(target=lambda: got.append(
        server.client.get(f"/clusters/{slow_cluster}/namespaces/shop/pods", rig.identity_token("admin"))))
    thread.start()
    rig_module.poll(10, "a suspended request", lambda: server.metrics()["cp_workers_busy"] == 1)
    begun = terminate(server)
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGINT)
    thread.join()
    assert got[0].ok, got
    assert_ended_well(server, begun, SLOW_S + 5)


def test_start_after_a_kill(rig, start):
    server = start()
    server.is_stopping = False
    load = Load(server, f"/clusters/{rig.cluster}/namespaces/shop/pods", rig.identity_token("bob"), 8)
    time.sleep(1)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    load.finish()
    assert load.outcomes["SUCCESS"] > 0
    server.start()
    assert isinstance(server.client.get("/clusters", rig.identity_token("admin")), api.Answer)
    assert server.client.get(f"/clusters/{rig.cluster}/namespaces/shop/pods", rig.identity_token("bob")).ok
    begun = terminate(server)
    assert_ended_well(server, begun, 6)
