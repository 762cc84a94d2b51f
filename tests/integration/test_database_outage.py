# SPDX-License-Identifier: Apache-2.0
"""MariaDB stopped, frozen, killed and started again: errors meanwhile, recovery without a restart."""
import concurrent.futures
import os
import secrets
import signal
import statistics
import subprocess
import threading
import time

import pytest

import bodies
import rig as rig_module

UNAVAILABLE = bodies.result_status("The server is not ready to process the request.", 503)
QUICK_S = 5        # connect 3 s
FROZEN_S = 15 + 5  # an answer of a frozen server is waited for 15 s (promises-and-limits 2)
READS = ("/clusters", "/users/clustersList", "/clusters/{cluster}", "/clusters/{cluster}/namespaces/shop/pods")


class OwnDatabase(rig_module.Rig):
    """A server with a MariaDB of its own, beside the run's cluster."""

    def __init__(self, rig):
        super().__init__()
        self.kube, self.parent = rig.kube, rig

    def start(self):
        self.db.start()
        _, password = self.db.new_schema("it_outage")
        rig_module.write_secret(self.folder / "db.password", password)
        subprocess.run([self.program, "secrets", "new-key", self.folder / "secrets.key"], check=True)
        port = rig_module.free_port()
        self.issuer = f"http://127.0.0.1:{port}/realms/cp-realm"
        self.a = self.server("outage", "it_outage", **{
            "issuer.enabled": True, "issuer.listen": f"127.0.0.1:{port}", "issuer.access_token_ttl_s": 3600})
        self.a.cli("migrate")
        self.a.start()
        self.account("admin", rig_module.SUPER_ADMIN_ROLE)
        self.token_file = self.kube.portal_credential(self.folder)
        self.cluster = self.add_cluster(self.a, "host-cluster", self.kube.url, self.kube.ca, self.token_file, "host")
        assert self.a.client.post("/signUp", self.identity_token("admin")).ok
        return self

    def close(self):
        self.kube = rig_module.Kube(self.folder / "none")  # the run's own goes on
        self.kube.stop = lambda *args: None
        super().close()

    @property
    def database_pid(self):
        return int((self.folder / "db" / "data" / "mariadbd.pid").read_text())


@pytest.fixture(scope="module")
def own(rig):
    own = OwnDatabase(rig)
    try:
        yield own.start()
    finally:
        own.close()


@pytest.fixture
def client(own):
    return own.a.client


def ask(own, template, **kw):
    """(answer, seconds)"""
    begun = time.monotonic()
    answer = own.a.client.get(template.format(cluster=own.cluster), own.identity_token("admin"), **kw)
    return answer, time.monotonic() - begun


def forget_rights(own):
    """What a person may is remembered for two seconds (design 9.7); until then a list needs no database."""
    rig_module.poll(4, "the remembered rights to be old", lambda: ask(own, READS[-1])[0].json == UNAVAILABLE)


def assert_unavailable(own, limit_s):
    forget_rights(own)
    for template in READS:
        answer, took = ask(own, template)
        assert answer.status == 200 and answer.json == UNAVAILABLE and answer.headers["Retry-After"], (template, answer)
        assert took < limit_s, (template, took)
    answer, _ = ask(own, "/clusters", headers={"Prefer": "http-status"})
    assert answer.status == 503 and answer.headers["Retry-After"]
    assert own.a.client.post("/login", own.identity_token("admin")).json["resultCode"] == "FAIL"


def assert_health_says_so(own):
    def unready():
        answer = own.a.management.raw("GET", "/readyz")
        return answer.status == 503 and "database" in answer.json["checks"] and answer.json["checks"]["database"] != "ok"
    rig_module.poll(5, "readiness to turn", unready)
    health = own.a.client.get("/actuator/health")
    assert health.status == 503 and health.json == {"status": "DOWN"}
    assert own.a.management.raw("GET", "/livez").status == 200  # no reason to restart


def assert_recovers(own, pid, seconds=10):
    rig_module.poll(seconds, "the server to be ready again", lambda: own.a.management.raw("GET", "/readyz").status == 200)
    rig_module.poll(seconds, "answers", lambda: all(ask(own, template)[0].ok for template in READS))
    assert own.a.process.pid == pid and own.a.alive()
    assert own.a.client.get("/actuator/health").json == {"status": "UP"}


def test_before_the_outage(own):
    assert all(ask(own, template)[0].ok for template in READS)


def test_a_clean_stop_and_start(own):
    pid = own.a.process.pid
    own.db.stop()
    try:
        assert_unavailable(own, QUICK_S)
        assert_health_says_so(own)
        # what needs no database goes on: a bad token is refused as ever
        assert own.a.client.get("/clusters", "x.y.z").json == bodies.BAD_TOKEN
    finally:
        own.db.start()
    assert_recovers(own, pid)


def test_an_acknowledged_write_survives_a_kill(own):
    """P4, and: a connection that died is not handed out again."""
    pid, name = own.a.process.pid, f"p{secrets.token_hex(4)}"
    own.account(name)
    assert own.a.client.post("/signUp", own.identity_token(name)).ok
    os.kill(own.database_pid, signal.SIGKILL)
    assert_unavailable(own, QUICK_S)
    own.db.stop()
    own.db.start()
    assert_recovers(own, pid)
    rows = own.db.sql(f"SELECT COUNT(*) FROM cp_users WHERE user_auth_id = '{own.auth_ids[name]}'", "it_outage")
    assert int(rows[0][0]) > 0


class Prober(threading.Thread):
    def __init__(self, own):
        super().__init__()
        self.own, self.ends, self.times = own, threading.Event(), []

    def run(self):
        while not self.ends.wait(0.05):
            for client, path in ((self.own.a.management, "/livez"), (self.own.a.management, "/readyz"),
                                 (self.own.a.management, "/metrics"), (self.own.a.client, "/actuator/health")):
                begun = time.monotonic()
                client.raw("GET", path, timeout=30)
                self.times.append((time.monotonic() - begun, path))


@pytest.mark.slow
def test_a_frozen_database(own):
    """It accepts connections and says nothing: only time-outs help. Health and metrics answer all the while (P3)."""
    pid, prober = own.a.process.pid, Prober(own)
    os.kill(own.database_pid, signal.SIGSTOP)
    try:
        time.sleep(2.5)  # see forget_rights(); nothing may be asked of a frozen server before the crowd comes
        prober.start()
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            results = list(pool.map(lambda i: ask(own, READS[i % len(READS)]), range(24)))
        for answer, took in results:
            assert answer.json == UNAVAILABLE and took < FROZEN_S, (answer, took)
        print(f"\n24 requests refused after {min(t for _, t in results):.1f} to {max(t for _, t in results):.1f} s")
        assert_health_says_so(own)
        _, took = ask(own, "/clusters")
        assert took < QUICK_S  # the frozen connections are gone, a new one fails in 3 s
    finally:
        os.kill(own.database_pid, signal.SIGCONT)
        prober.ends.set()
        prober.join()
    times = sorted(prober.times)
    print(f"{len(times)} probes: p50 {statistics.median(t for t, _ in times) * 1000:.1f} ms, worst {times[-3:]}")
    assert times[-1][0] < 1 and statistics.median(t for t, _ in times) < 0.1
    assert_recovers(own, pid)


@pytest.mark.slow
def test_a_stop_while_the_database_is_frozen(own):
    """P11: 45 s at most, whatever hangs."""
    server = own.server("frozen", "it_outage", **{"identity.issuer": own.issuer, "drain.s": 5}).start()
    token = own.identity_token("admin")
    assert server.client.get("/clusters", token).ok
    os.kill(own.database_pid, signal.SIGSTOP)
    answers = []
    try:
        time.sleep(2.5)
        threads = [threading.Thread(target=lambda: answers.append(server.client.get("/clusters", token))) for _ in range(8)]
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        took = time.monotonic() - begun
        for thread in threads:
            thread.join()
    finally:
        os.kill(own.database_pid, signal.SIGCONT)
    print(f"\nended after {took:.1f} s")
    assert took < 45 and len(answers) == 8
    assert all(answer.json["resultCode"] == "FAIL" for answer in answers), answers


def test_a_start_without_a_database_says_why(own):
    server = own.server("late", "it_outage", **{"identity.issuer": own.issuer})
    own.db.stop()
    try:
        server.start(wait=False)
        assert server.process.wait(20) not in (0, -signal.SIGABRT, -signal.SIGSEGV)
        assert "database" in server.log()
    finally:
        own.db.start()
    own.servers.remove(server)
    rig_module.poll(10, "recovery", lambda: ask(own, "/clusters")[0].ok)
