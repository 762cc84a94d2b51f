#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn recorded answers of the original into view vectors.

    tests/contract/import_goldens.py GOLDENS_FOLDER

Reads portal-get.jsonl, takes the reads of the kinds below that made exactly one call to Kubernetes,
and writes tests/contract/<kind>/golden-*.json (read by test_kube_vectors) and the upstream bodies
they share under tests/contract/upstream/. Where the original's answer is a registered fault, the
vector keeps it as "out" and carries the right answer as "expect", with the fault's id.
"""
import copy
import datetime
import hashlib
import json
import pathlib
import re
import sys
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
ENVELOPE = ("resultCode", "resultMessage", "httpStatusCode", "detailMessage")
KINDS = ("namespaces", "nodes", "pods", "deployments", "replicaSets", "services", "events")
QUERY = ("searchName", "limit", "offset", "orderBy", "order")
ITEM = re.compile(r"^/clusters/host-cluster-id(?:/namespaces/[^/]+)?/(%s)(?:/([^/]+))?$" % "|".join(KINDS))
ERRORS = {400: "APP_BAD_REQUEST", 0: "APP_PARAM_TYPE"}


def target(path):
    """-> (kind, view) of a request path, or None."""
    if path == "/clusters/host-cluster-id/namespaces/selectbox":
        return "namespaces", "names"
    if path.endswith("/checkTrafficPolicyManaged"):
        return None
    if re.match(r"^/clusters/host-cluster-id/namespaces/[^/]+$", path):
        return "namespaces", "detail"
    if path.endswith("/pods/resources"):
        return "pods", "list"
    if path.endswith("/pods/labels"):
        return "pods", "labels"
    if path.endswith("/replicaSets/resources"):
        return "replicaSets", "unsorted"
    hit = ITEM.match(path)
    if not hit or hit.group(2) in ("labels", "resources"):
        return None
    return hit.group(1), "detail" if hit.group(2) else "list"


def contract_time(text):
    utc = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return (utc + datetime.timedelta(hours=9)).strftime("%Y-%m-%d %H:%M:%S")


def container_ports(pod, upstream):
    for shown, real in zip(pod["containers"], upstream["spec"]["containers"]):
        for port, source in zip(shown["ports"] or [], real.get("ports") or []):
            port["port"] = str(source["containerPort"])


def corrected(kind, view, query, out, upstream):
    """-> (id, the right answer), or None where the original is right."""
    right, ids = copy.deepcopy(out), []
    if (kind, view) == ("pods", "detail"):
        container_ports(right, upstream)
        ids.append("BUG-24")
    if (kind, view) == ("deployments", "detail"):
        right["minReadySeconds"] = upstream["spec"].get("minReadySeconds", 0)
        ids.append("BUG-25")
    if kind == "services":
        for row in right["items"] if view == "list" else [right]:
            row["ports"] = row["ports"] or []
        ids.append("U1")
    if kind == "events":
        # All ties of the first ten keep the API server's order, as in the original.
        by = (lambda i: i["metadata"]["name"]) if query.get("orderBy") == "name" else lambda i: i["metadata"]["creationTimestamp"]
        items = sorted(upstream["items"], key=by, reverse=query.get("order") != "asc")
        for row, item in zip(right["items"], items):
            row["creationTimestamp"] = contract_time(item["metadata"]["creationTimestamp"])
        ids.append("BUG-26")
    if (kind, view) == ("services", "detail"):
        right["selector"] = right["selector"] or "-"
        ids.append("U2")
    return ("+".join(ids), right) if right != out else None


def share_body(text):
    folder = HERE / "upstream"
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:12] + ".json"
    (folder / name).write_text(text)
    return "upstream/" + name


def refusal(row, url):
    """A refused query -> (out, expect), or None when it is no matter of the engine."""
    query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
    if "searchName" in query:  # a regular expression there, a plain substring here
        empty = {"metadata": None, "itemMetaData": {"allItemCount": 0, "remainingItemCount": 0}, "items": []}
        return {"error": ERRORS[400]}, {"id": "BUG-54", "out": empty}
    if "limit" in query or "offset" in query:
        return {"error": ERRORS[row["response"]["httpStatusCode"]]}, None
    return None


def vector(row):
    url = urllib.parse.urlsplit(row["path"])
    found = target(url.path)
    calls = [u for u in row["upstream"] if u["svc"] == "kube"]
    query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
    if not found or "namespace" in query or len(calls) > 1:
        return None
    kind, view = found
    result = {"kind": kind, "view": view, "name": row["name"],
              "query": {k: v for k, v in query.items() if k in QUERY}}
    if row["response"].get("resultCode") != "SUCCESS":
        refused = refusal(row, url)
        if not refused:
            return None
        result["in_file"] = share_body(calls[0]["resp"] if calls else '{"items":[]}')
        result["out"] = refused[0]
        if refused[1]:
            refused[1]["out"]["metadata"] = json.loads(calls[0]["resp"])["metadata"]
            result["expect"] = refused[1]
        return result
    if len(calls) != 1 or calls[0]["status"] != 200 or query.get("type") or url.path.endswith("/yaml"):
        return None
    out = {k: v for k, v in row["response"].items() if k not in ENVELOPE}
    if view == "names":
        out["items"] = out["items"][1:]  # the endpoint puts "all" in front and fixes the order
        result["query"].update(orderBy="name", order="asc")
    if view == "labels":  # the order is open; ours is bytewise
        out["items"][0]["labels"] = {key: sorted(values) for key, values in sorted(out["items"][0]["labels"].items())}
    if kind == "events":  # the endpoint's own paging
        result["query"].update(limit="10", offset="0")
    if view == "unsorted":  # the endpoint takes no paging
        result["query"] = {}
    result["in_file"] = share_body(calls[0]["resp"])
    result["out"] = out
    right = corrected(kind, view, query, out, json.loads(calls[0]["resp"]))
    if right:
        result["expect"] = {"id": right[0], "out": right[1]}
    return result


def main(folder):
    count = 0
    for line in (pathlib.Path(folder) / "portal-get.jsonl").read_text().splitlines():
        made = vector(json.loads(line))
        if not made:
            continue
        target_folder = HERE / made["kind"]
        target_folder.mkdir(exist_ok=True)
        slug = re.sub(r"[^A-Za-z0-9]+", "-", made["name"]).strip("-").lower()
        digest = hashlib.sha256(line.encode()).hexdigest()[:6]
        path = target_folder / ("golden-%s-%s.json" % (slug, digest))
        path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
        count += 1
    print("%d vectors written" % count)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
