# SPDX-License-Identifier: Apache-2.0
"""The real parts of one test run, on loopback and free ports: MariaDB, Kubernetes, and servers of ours.

Everything lies in one temporary folder; close() stops what was started, in reverse order, and reads the servers' logs for
reports of the sanitizers.
"""
import base64
import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import api

ROOT = pathlib.Path(__file__).resolve().parents[2]
RIG = ROOT / "tests" / "rig"
CLIENT_ID = "cp-client"
SUPER_ADMIN_ROLE = "cp-cluster-admin-role"
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|Assertion .* failed|LeakSanitizer")


def free_port():
    """A port below the kernel's range for outgoing connections, so that no client takes it meanwhile."""
    for _ in range(500):
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise RuntimeError("no free port")


def poll(seconds, what, probe, alive=lambda: True):
    """Ask @probe until it says something true; never a fixed sleep."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, AssertionError, ValueError):
            got = probe()
            if got:
                return got
        assert alive(), f"died while waiting for {what}"
        assert time.monotonic() < end, f"timeout waiting for {what}"
        time.sleep(0.05)


def write_secret(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as out:
        out.write(text)
    return path


def read_env(path):
    lines = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return {key: value.strip("'\"") for key, value in lines}


class MariaDB:
    def __init__(self, folder):
        self.folder = folder
        self.env = None

    def _script(self, name, *args):
        subprocess.run([RIG / "mariadb" / name, *args], check=True, env={**os.environ, "MARIADB_DIR": str(self.folder)})

    def start(self):
        self._script("start.sh")
        self.env = read_env(self.folder / "env")

    def stop(self, *args):
        self._script("stop.sh", *args)

    def sql(self, text, schema=None):
        """Rows of a statement, as the administrator; every value a string, NULL is None."""
        argv = ["mariadb", f"--defaults-file={self.folder / 'root.cnf'}", "-N", "-B", "-e", text]
        out = subprocess.run(argv + ([schema] if schema else []), check=True, capture_output=True, text=True).stdout
        return [[None if cell == "NULL" else cell for cell in line.split("\t")] for line in out.splitlines()]

    def status(self, name):
        return int(self.sql(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1])

    def new_schema(self, name):
        user, password = self.env["MARIADB_USER"], self.env["MARIADB_PASSWORD"]
        self.sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;"
                 f"GRANT ALL ON {name}.* TO {user}@'127.0.0.1'")
        return user, password


class Kube:
    def __init__(self, folder):
        self.folder = folder
        self.url = self.ca = None

    def _script(self, name, *args):
        subprocess.run([RIG / "kubernetes" / name, *args], check=True, env={**os.environ, "KUBE_DIR": str(self.folder)})

    def start(self):
        self._script("kube-up.sh")
        env = read_env(self.folder / "env")
        self.url, self.ca = env["KUBE_URL"], env["KUBE_CA"]

    def stop(self, *args):
        self._script("kube-down.sh", *args)

    def ctl(self, *args, stdin=None, check=True):
        argv = [self.folder / "kubectl", "--kubeconfig", self.folder / "admin.kubeconfig", *args]
        return subprocess.run(argv, check=check, capture_output=True, text=True, input=stdin).stdout

    def get(self, *args):
        return json.loads(self.ctl("get", "-o", "json", *args))

    def apply(self, *objects):
        self.ctl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def namespace(self, name):
        self.ctl("create", "namespace", name)
        poll(20, f"account of {name}", lambda: "default" in self.ctl("-n", name, "get", "sa", "-o", "name"))
        return name

    def requests(self, **labels):
        """How often the API server was asked for something: the sum of apiserver_request_total with these labels."""
        total = 0
        for line in self.ctl("get", "--raw", "/metrics").splitlines():
            if line.startswith("apiserver_request_total{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += int(float(line.rsplit(" ", 1)[1]))
        return total

    def portal_credential(self, folder):
        """The credential of a cluster record: exactly what we tell operators to make, so that a missing rule shows."""
        self.ctl("apply", "-f", str(ROOT / "deploy" / "kubernetes" / "portal-credential.yaml"))
        secret = ("-n", "cp-portal-system", "get", "secret", "cp-portal-token", "-o", "jsonpath={.data.token}")
        token = poll(30, "the portal's token", lambda: self.ctl(*secret))
        return write_secret(folder / "cluster.token", base64.b64decode(token).decode())


def pod(namespace, name, labels=None, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
            "spec": {"containers": [{"name": "main", "image": "registry.test/demo:1"}], **spec}}


class Server:
    """One `cp-portal serve` with its configuration file."""

    def __init__(self, rig, name, schema, **settings):
        self.rig, self.name, self.schema = rig, name, schema
        self.folder = rig.folder / name
        self.folder.mkdir(mode=0o700)
        self.port, self.management_port = free_port(), free_port()
        self.log_path = self.folder / "serve.log"
        self.process = None
        self.settings = {
            "portal.listen": f"127.0.0.1:{self.port}",
            "management.listen": f"127.0.0.1:{self.management_port}",
            "net.connections_per_ip": 0,
            "drain.accept_s": 1,
            "drain.s": 10,
            "database.host": rig.db.env["MARIADB_HOST"],
            "database.port": int(rig.db.env["MARIADB_PORT"]),
            "database.user": rig.db.env["MARIADB_USER"],
            "database.name": schema,
            "database.password_file": str(rig.folder / "db.password"),
            "secrets.key_file": str(rig.folder / "secrets.key"),
            "identity.client_ids": [CLIENT_ID],
            "identity.allow_loopback_http": True,
            **settings,
        }
        self.config = self.folder / "cp-portal.yaml"
        self.write_config()
        self.client = api.Client(f"http://127.0.0.1:{self.port}", rig.contract)
        self.management = api.Client(f"http://127.0.0.1:{self.management_port}", None)

    def write_config(self):
        lines, sections = ["version: 1"], {}
        for key, value in self.settings.items():
            section, leaf = key.split(".", 1)
            sections.setdefault(section, []).append(f"  {leaf}: {json.dumps(value)}")
        for section, leaves in sections.items():
            lines += [f"{section}:", *leaves]
        self.config.write_text("\n".join(lines) + "\n")

    def cli(self, *args, check=True):
        run = subprocess.run([self.rig.program, *args, "--config", self.config], capture_output=True, text=True)
        assert not SANITIZER.search(run.stderr), run.stderr
        assert not check or run.returncode == 0, f"cp-portal {args[0]}: {run.stderr}"
        return run.stdout.strip() if check else run

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.rig.program, "serve", "--config", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def wait_ready(self, seconds=30):
        poll(seconds, f"{self.name} ready; log: {self.log_path}",
             lambda: self.management.raw("GET", "/readyz").status == 200, self.alive)

    def stop(self, seconds=60):
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def metrics(self):
        """The figures of /metrics without labels, by name."""
        text = self.management.raw("GET", "/metrics").text
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def counters(self):
        figures = self.metrics()
        names = ("handlers", "sql_statements", "upstream_calls", "jwks_fetches")
        return {name: figures[f"cp_{name}_total"] for name in names}


class Rig:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cp-it-"))
        self.program = os.environ.get("CP_PORTAL_BIN", str(ROOT / "build/asan/app/cp-portal"))
        assert os.access(self.program, os.X_OK), f"no program {self.program}; ./check builds it"
        self.contract = api.Contract(ROOT / "openapi" / "portal.yaml")
        self.db, self.kube = MariaDB(self.folder / "db"), Kube(self.folder / "kube")
        self.servers, self.passwords, self.auth_ids, self.tokens = [], {}, {}, {}
        self.cluster = self.issuer = self.a = self.b = None

    # ---------- start ----------
    def start(self):
        self._start_parts()
        user, password = self.db.new_schema("it_main")
        assert user
        write_secret(self.folder / "db.password", password)
        subprocess.run([self.program, "secrets", "new-key", self.folder / "secrets.key"], check=True)
        issuer_port = free_port()
        self.issuer = f"http://127.0.0.1:{issuer_port}/realms/cp-realm"
        # a has the built-in issuer; b trusts it over HTTP and shares the database: a replica.
        self.a = self.server("a", "it_main", **{
            "issuer.enabled": True, "issuer.listen": f"127.0.0.1:{issuer_port}", "issuer.access_token_ttl_s": 3600})
        self.a.cli("migrate")
        self.a.start()
        self.b = self.server("b", "it_main", **{"identity.issuer": self.issuer}).start()
        self._make_people()
        return self

    def _start_parts(self):
        errors = []

        def run(part):
            try:
                part.start()
            except Exception as error:  # reported below, from the main thread
                errors.append(error)
        threads = [threading.Thread(target=run, args=(part,)) for part in (self.db, self.kube)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors

    def server(self, name, schema, **settings):
        server = Server(self, name, schema, **settings)
        self.servers.append(server)
        return server

    def _make_people(self):
        """admin: SUPER_ADMIN; bob: CLUSTER_ADMIN; alice: USER of namespace shop; carol: signed up, no right; dave: no more
        than an account."""
        self.account("admin", SUPER_ADMIN_ROLE)
        for name in ("alice", "bob", "carol", "dave"):
            self.account(name)
        # A person's row hangs on the host cluster, so that comes first.
        self.token_file = self.kube.portal_credential(self.folder)
        self.cluster = self.add_cluster(self.a, "host-cluster", self.kube.url, self.kube.ca, self.token_file, "host")
        for name in ("admin", "alice", "bob", "carol"):
            answer = self.a.client.post("/signUp", token=self.identity_token(name))
            assert answer.ok, answer
        self.kube.namespace("shop")
        self.kube.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                         "metadata": {"name": "cp-admin-role", "namespace": "shop"},
                         "rules": [{"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["*"]}]})
        self.grant(self.a, self.cluster, "bob", "--cluster-admin")
        self.grant(self.a, self.cluster, "alice", "--namespace", "shop", "--role", "cp-admin-role")

    def account(self, name, role=None, server=None):
        self.passwords[name] = secrets.token_urlsafe(12)
        path = write_secret(self.folder / f"{name}.password", self.passwords[name])
        args = ["account", "add", "--username", name, "--password-file", path, *(["--role", role] if role else [])]
        self.auth_ids[name] = (server or self.a).cli(*args)
        return self.auth_ids[name]

    def add_cluster(self, server, name, url, ca, token_file, kind="sub"):
        return server.cli("cluster", "add", "--name", name, "--type", kind, "--provider", "AWS", "--description", "test",
                          "--api-url", url, "--ca-file", ca, "--token-file", token_file)

    def grant(self, server, cluster, name, *rights):
        return server.cli("user", "grant", "--cluster", cluster, "--auth-id", self.auth_ids[name], "--user-id", name, *rights)

    # ---------- tokens ----------
    def password_grant(self, name, password=None):
        form = {"grant_type": "password", "client_id": CLIENT_ID, "username": name,
                "password": password or self.passwords[name]}
        issuer = api.Client(self.issuer, None)
        return issuer.raw("POST", "/protocol/openid-connect/token", body=urllib.parse.urlencode(form),
                          headers={"Content-Type": "application/x-www-form-urlencoded"})

    def identity_token(self, name):
        if ("identity", name) not in self.tokens:
            answer = self.password_grant(name)
            assert answer.status == 200, answer
            self.tokens["identity", name] = answer.json["access_token"]
        return self.tokens["identity", name]

    def portal_token(self, name):
        if ("portal", name) not in self.tokens:
            answer = self.a.client.post("/login", token=self.identity_token(name))
            assert answer.ok, answer
            self.tokens["portal", name] = answer.json["token"]
        return self.tokens["portal", name]

    # ---------- stop ----------
    def close(self):
        problems = []
        for server in reversed(self.servers):
            try:
                code = server.stop()
                if code != 0:
                    problems.append(f"{server.name} ended with {code}")
            except Exception as error:
                problems.append(f"{server.name} did not stop: {error}")
            report = SANITIZER.search(server.log())
            if report:
                problems.append(f"{server.name}: {server.log()[report.start():report.start() + 3000]}")
        for part in (self.kube, self.db):
            with contextlib.suppress(subprocess.CalledProcessError):
                part.stop("--purge")
        if problems and os.environ.get("CP_TEST_DIR"):
            shutil.copytree(self.folder, os.environ["CP_TEST_DIR"], dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("*.key", "*.password", "*.token", "db", "kube"))
        for server in self.servers:  # pytest shows it beside a failure
            print(f"--- {server.name}: end of its log\n{server.log()[-3000:]}")
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not problems, "\n".join(problems)
