# SPDX-License-Identifier: Apache-2.0
"""What the portal must show, computed from `kubectl get -o json` alone: contract 8.1, 8.3, 9, 13.8, 13.9, 13.13-13.16,
13.18, 13.19, written down a second time, in another language, by reading the contract and not the program."""
import datetime

KST = datetime.timezone(datetime.timedelta(hours=9))


def contract_time(text):
    try:
        utc = datetime.datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return ""
    return utc.astimezone(KST).strftime("%Y-%m-%d %H:%M:%S")


def labels(item):
    return item["metadata"].get("labels") or "-"


def pod_status(item):
    """(podStatus, containerStatus): rows a to e of 13.14; an empty list of containers is as none (BUG-28)."""
    status = item.get("status", {})
    phase = status.get("phase")
    for container in status.get("containerStatuses") or [{}]:
        state = container.get("state") or {}
        if "waiting" in state:
            failed = (phase or "").lower() == "running"
            return state["waiting"].get("reason"), "Failed" if failed else phase
        if "terminated" in state:
            return state["terminated"].get("reason"), phase
        if "running" not in state:
            return status.get("reason") or phase, phase
    return phase, phase


def restarts(item):
    containers = item.get("status", {}).get("containerStatuses") or []
    return containers[0].get("restartCount", 0) if containers else 0


def pod_row(item):
    shown, containers = pod_status(item)
    return {
        "name": item["metadata"]["name"], "namespace": item["metadata"]["namespace"], "labels": labels(item),
        "nodes": item["spec"].get("nodeName") or "-", "podStatus": shown, "restarts": restarts(item),
        "creationTimestamp": contract_time(item["metadata"].get("creationTimestamp")),
        "phase": item["status"].get("phase"), "containerStatus": containers,
        "cpu": {"usage": "-"}, "memory": {"usage": "-"}}


def node_row(item):
    ready = [c["status"] for c in item["status"].get("conditions", []) if c["type"] == "Ready"]
    return {
        "name": item["metadata"]["name"], "labels": labels(item), "ready": ready[0] if ready else None,
        "creationTimestamp": contract_time(item["metadata"].get("creationTimestamp")),
        "usage": None, "clusterId": None, "clusterName": None}


def namespace_row(item):
    return {
        "name": item["metadata"]["name"], "labels": labels(item), "namespaceStatus": item["status"].get("phase"),
        "creationTimestamp": contract_time(item["metadata"].get("creationTimestamp"))}


def annotations(item):
    system = ("kubectl.kubernetes.io/", "kubernetes.io/", "k8s.io/")
    found = item["metadata"].get("annotations") or {}
    return [{"checkYn": "Y" if key.startswith(system) or "last-applied" in key else "N", "key": key, "value": value}
            for key, value in found.items()] or [{"checkYn": "-", "key": "-", "value": "-"}]


def head(item):
    """What every detail begins with."""
    meta = item["metadata"]
    return {"name": meta["name"], "uid": meta["uid"], "namespace": meta["namespace"], "labels": labels(item),
            "annotations": annotations(item), "creationTimestamp": contract_time(meta["creationTimestamp"])}


def workload_row(item):
    """A deployment or a replica set."""
    status, containers = item.get("status", {}), item["spec"]["template"]["spec"].get("containers") or []
    return {
        "name": item["metadata"]["name"], "namespace": item["metadata"]["namespace"],
        "runningPods": status.get("availableReplicas", 0), "totalPods": status.get("replicas", 0),
        "images": [container.get("image") or "-" for container in containers] or "-",
        "creationTimestamp": contract_time(item["metadata"].get("creationTimestamp"))}


def text(value):
    return "-" if value in (None, "") else str(value)


def deployment(item):
    spec, status = item["spec"], item.get("status", {})
    strategy = spec.get("strategy", {})
    rolling = strategy.get("rollingUpdate") or {}
    return {**head(item), "strategy": {"type": text(strategy.get("type")), "rollingUpdate": {
                "maxSurge": text(rolling.get("maxSurge")), "maxUnavailable": text(rolling.get("maxUnavailable"))}},
            "minReadySeconds": spec.get("minReadySeconds", 0),  # BUG-25
            "revisionHistoryLimit": spec.get("revisionHistoryLimit", 0),
            "selector": {"matchLabels": spec["selector"].get("matchLabels")}, "updated": status.get("updatedReplicas", 0),
            "total": status.get("replicas", 0), "available": status.get("availableReplicas", 0)}


def replica_set(item):
    return {**head(item), "selector": item["spec"]["selector"],
            "image": text(item["spec"]["template"]["spec"]["containers"][0].get("image"))}


def service_ports(item):
    """U1: an empty list, not null."""
    return [{name: text(port.get(name)) for name in ("name", "port", "protocol", "targetPort", "nodePort")}
            for port in item["spec"].get("ports") or []]


def service_row(item):
    return {
        "name": item["metadata"]["name"], "namespace": item["metadata"]["namespace"], "type": item["spec"].get("type"),
        "clusterIP": item["spec"].get("clusterIP"), "ports": service_ports(item),
        "creationTimestamp": contract_time(item["metadata"].get("creationTimestamp"))}


def service(item):
    spec = item["spec"]
    return {**head(item), "ports": service_ports(item), "type": spec.get("type"), "clusterIP": spec.get("clusterIP"),
            "sessionAffinity": spec.get("sessionAffinity"), "selector": spec.get("selector") or "-"}  # U2


def event_row(item):
    source = item.get("source")
    return {
        "message": item.get("message"),
        "source": None if source is None else {"component": source.get("component", ""), "host": source.get("host", "")},
        "filePath": text(item["involvedObject"].get("fieldPath")), "count": item.get("count") or 0,
        **{name: contract_time(item.get(name)) or "-" for name in ("firstTimestamp", "lastTimestamp")},
        "creationTimestamp": contract_time(item["metadata"]["creationTimestamp"])}  # BUG-26


def endpoints(item, nodes):
    """@nodes: by name. Ready addresses first, then the others (BUG-48); a subset without ports is none."""
    def ready(name):
        found = [c["status"] for c in nodes[name]["status"].get("conditions", []) if c["type"] == "Ready"] if name else []
        return found[0] if found else "[-]"
    return [{"host": address.get("ip"), "nodes": address.get("nodeName") or "[-]", "ready": ready(address.get("nodeName")),
             "ports": [{"name": port.get("name") or "[-]", "port": port["port"], "protocol": port.get("protocol")}
                       for port in subset["ports"]]}
            for subset in item.get("subsets") or [] if subset.get("ports")
            for address in (subset.get("addresses") or []) + (subset.get("notReadyAddresses") or [])]


ROWS = {"pods": pod_row, "nodes": node_row, "namespaces": namespace_row, "deployments": workload_row,
        "replicaSets": workload_row, "services": service_row, "events": event_row}
DETAILS = {"deployments": deployment, "replicaSets": replica_set, "services": service}


def page(kind, items, search="", order_by="creationTime", order="desc", limit=0, offset=0):
    """itemMetaData and items of a list. Ties stand in the order of namespace/name, bytewise, in both directions."""
    meta = [(i, i["metadata"]) for i in items if search.strip().lower() in i["metadata"]["name"].lower()]
    meta.sort(key=lambda m: f"{m[1].get('namespace', '')}/{m[1]['name']}".encode())
    by_name = order_by.lower() in ("name", "namespace")
    key = order_by.lower() if by_name else "creationTimestamp"
    ascending = order.lower() == "asc" or (order == "" and by_name)
    meta.sort(key=lambda m: m[1].get(key, "").encode(), reverse=not ascending)
    rows = [ROWS[kind](item) for item, _ in meta]
    shown = rows[offset * limit:(offset + 1) * limit] if limit else rows
    remaining = max(0, len(rows) - (offset + 1) * limit) if limit else 0
    return {"allItemCount": len(rows), "remainingItemCount": remaining}, shown
