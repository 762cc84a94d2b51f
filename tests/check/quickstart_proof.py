# SPDX-License-Identifier: Apache-2.0
"""What quick start left behind, seen from outside.

quickstart_proof.py state CHECKOUT   ports, process ids, rows, object versions as JSON: two runs must give the same
quickstart_proof.py proof CHECKOUT   the lists of both people against kubectl
quickstart_proof.py lines OUTPUT     the three curl lines quick start printed, as they stand there
"""
import json
import pathlib
import re
import secrets
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import api  # noqa: E402
import expect  # noqa: E402
import results  # noqa: E402

STAGE = "quickstart"


class Place:
    """A checkout in which ./quickstart ran; programs of it are called through `inside` (a chroot), files read from here."""

    def __init__(self, checkout, inside):
        self.run = pathlib.Path(checkout) / ".run"
        self.inside = inside
        text = subprocess.run(["sh", "-c", 'set -a; . "$0"; env', str(self.run / "quickstart.env")], check=True,
                              capture_output=True, text=True, env={}).stdout
        self.env = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("CP_"))

    def call(self, *argv, stdin=None):
        return subprocess.run([*self.inside, *argv], check=True, capture_output=True, text=True, input=stdin).stdout

    def kubectl(self, *argv, stdin=None):
        run = self.env["CP_KUBECONFIG"].rsplit("/kube/", 1)[0]
        return self.call(f"{run}/bin/kall", "kubectl", "--kubeconfig", self.env["CP_KUBECONFIG"], *argv, stdin=stdin)

    def sql(self, text):
        run = self.env["CP_KUBECONFIG"].rsplit("/kube/", 1)[0]
        return self.call("mariadb", f"--defaults-file={run}/mariadb/root.cnf", "-N", "-B", "-e", text)


def state(place):
    tables = place.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'cp'").split()
    files = [*place.run.glob("**/pid/*"), *place.run.glob("**/ports"), place.run / "quickstart.env"]
    kinds = "namespaces,deployments,replicasets,pods,services,configmaps,serviceaccounts,secrets,roles,rolebindings"
    objects = json.loads(place.kubectl("get", kinds, "-A", "-o", "json"))["items"]
    objects += json.loads(place.kubectl("get", "clusterroles,clusterrolebindings", "-o", "json"))["items"]
    return {
        "files": {str(f.relative_to(place.run)): f.read_text() for f in sorted(files)},
        "rows": dict(line.split("\t") for line in
                     place.sql("CHECKSUM TABLE " + ", ".join(f"cp.{t}" for t in sorted(tables))).splitlines()),
        "objects": {"/".join((o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"])):
                    [o["metadata"]["uid"], o["metadata"]["resourceVersion"]] for o in objects},
    }


def sign_in(place, user, password):
    """Password grant at the issuer, then POST /login with that token."""
    form = {"grant_type": "password", "client_id": place.env["CP_CLIENT_ID"], "username": place.env[user],
            "password": place.env[password]}
    grant = api.Client(place.env["CP_ISSUER"], None).raw(
        "POST", "/protocol/openid-connect/token", body=urllib.parse.urlencode(form),
        headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert grant.status == 200, grant
    login = portal(place).post("/login", token=grant.json["access_token"])
    assert login.ok, login
    return login.json["token"]


def portal(place):
    return api.Client(place.env["CP_URL"], api.Contract(pathlib.Path("openapi/portal.yaml")))


def add_pod(place):
    name = f"demo-{secrets.token_hex(4)}"
    place.kubectl("apply", "-f", "-", stdin=json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "cp-portal-demo", "labels": {"added": "now"}},
        "spec": {"containers": [{"name": "c", "image": "registry.test/demo:1"}]}}))
    place.kubectl("-n", "cp-portal-demo", "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    return name


def assert_same(place, answer_of, scope, **wanted):
    """The list equals the one computed from kubectl; taken again while pods still change under our hands."""
    for _ in range(20):
        before = json.loads(place.kubectl("get", "pods", *scope, "-o", "json"))["items"]
        answer = answer_of()
        after = json.loads(place.kubectl("get", "pods", *scope, "-o", "json"))["items"]
        if before == after:
            break
        time.sleep(0.5)
    assert answer.ok, answer
    meta, rows = expect.page("pods", before, **wanted)
    assert answer.json["itemMetaData"] == meta, (answer.json["itemMetaData"], meta)
    assert answer.json["items"] == rows, f"shown: {answer.json['items']}\ncomputed: {rows}"
    return answer


def admin_sees_all(place):
    token, cluster = sign_in(place, "CP_ADMIN_USER", "CP_ADMIN_PASSWORD"), place.env["CP_CLUSTER_ID"]
    name = add_pod(place)
    path = f"/clusters/{cluster}/namespaces/all/pods?limit=10&offset=0&searchName=demo"
    answer = assert_same(place, lambda: portal(place).get(path, token), ["-A"], search="demo", limit=10)
    assert name in answer.names, f"{name} is not in {answer.names}"


def person_sees_own(place):
    token, cluster = sign_in(place, "CP_USER", "CP_USER_PASSWORD"), place.env["CP_CLUSTER_ID"]
    namespace = place.env["CP_USER_NAMESPACE"]
    path = f"/clusters/{cluster}/namespaces/{namespace}/pods"
    answer = assert_same(place, lambda: portal(place).get(path, token), ["-n", namespace])
    assert answer.json["items"], "the second person's namespace is empty, which shows nothing"


def person_is_refused_elsewhere(place):
    token, cluster = sign_in(place, "CP_USER", "CP_USER_PASSWORD"), place.env["CP_CLUSTER_ID"]
    for path in ("/clusters", f"/clusters/{cluster}", f"/clusters/{cluster}/nodes", f"/clusters/{cluster}/nodes/fake-node-1",
                 f"/clusters/{cluster}/namespaces", f"/clusters/{cluster}/namespaces/all/pods",
                 f"/clusters/{cluster}/namespaces/cp-portal-demo", f"/clusters/{cluster}/namespaces/cp-portal-demo/yaml",
                 f"/clusters/{cluster}/namespaces/cp-portal-demo/pods", f"/clusters/{cluster}/namespaces/kube-system/pods",
                 "/clusters/none/namespaces/all/pods"):
        answer = portal(place).get(path, token)
        assert answer.status == 200 and answer.json["resultCode"] == "FAIL", f"{path}: {answer}"
        assert answer.json["httpStatusCode"] in (401, 403), f"{path}: {answer}"


def proof(place):
    bad = 0
    for test in (admin_sees_all, person_sees_own, person_is_refused_elsewhere):
        try:
            test(place)
            results.add(STAGE, test.__name__, "pass")
            print(f"ok    {test.__name__}")
        except (AssertionError, OSError, KeyError, subprocess.CalledProcessError) as error:
            results.add(STAGE, test.__name__, "fail", error)
            print(f"FAILS {test.__name__}: {error}\n{getattr(error, 'stderr', '')}")
            bad += 1
    return bad


def lines(path):
    found = [line for line in pathlib.Path(path).read_text().splitlines() if re.match(r"\s*curl\s", line)]
    assert len(found) == 3, f"{len(found)} curl lines"
    print("\n".join(found))


def main(what, path, *inside):
    if what == "lines":
        return lines(path)
    place = Place(path, inside)
    if what == "state":
        return print(json.dumps(state(place), indent=1, sort_keys=True))
    return proof(place)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
