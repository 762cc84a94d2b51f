# SPDX-License-Identifier: Apache-2.0
"""The judge of answers is itself judged: a field too many, too few or of another type must be noticed. Needs no server."""
import copy
import email.message
import json
import pathlib

import pytest

import api

OK = {"resultCode": "SUCCESS", "resultMessage": "ok", "httpStatusCode": 200, "detailMessage": "ok"}
POD = {"name": "a", "namespace": "n", "labels": "-", "nodes": "-", "podStatus": "Pending", "restarts": 0,
       "creationTimestamp": "2024-01-03 09:00:00", "phase": "Pending", "containerStatus": "Pending",
       "cpu": {"usage": "-"}, "memory": {"usage": "2Mi"}}
PODS = {**OK, "metadata": {"resourceVersion": "1"}, "itemMetaData": {"allItemCount": 1, "remainingItemCount": 0}, "items": [POD]}
PATH = "/clusters/c/namespaces/n/pods"


@pytest.fixture(scope="module")
def contract():
    return api.Contract(pathlib.Path(__file__).parents[2] / "openapi" / "portal.yaml")


def judge(contract, body, status=200, path=PATH, kind="application/json"):
    headers = email.message.Message()
    headers["Content-Type"] = kind
    contract.judge("GET", path, api.Answer(status, headers, json.dumps(body).encode()))


def changed(change):
    body = copy.deepcopy(PODS)
    change(body)
    return body


def test_a_right_answer_passes_and_is_counted(contract):
    before = contract.counts["P65"]
    judge(contract, PODS)
    assert contract.counts["P65"] == before + 1


def test_a_failure_passes_and_is_not_counted(contract):
    before = contract.counts["P65"]
    judge(contract, {"resultCode": "FAIL", "resultMessage": "x", "httpStatusCode": 403, "detailMessage": "x", "nextActionUrl": "-"})
    judge(contract, {"resultCode": "FAIL", "resultMessage": "x", "httpStatusCode": 0, "detailMessage": None})
    assert contract.counts["P65"] == before


@pytest.mark.parametrize("change", [
    lambda b: b["items"][0].pop("phase"),
    lambda b: b["items"][0].update(extra=1),
    lambda b: b["items"][0].update(restarts="0"),
    lambda b: b["items"][0].update(labels={}),
    lambda b: b["items"][0].update(creationTimestamp="2024-01-03T09:00:00Z"),
    lambda b: b["items"][0].update(cpu={"usage": "5 m"}),
    lambda b: b.pop("itemMetaData"),
    lambda b: b.update(nextActionUrl="-"),
    lambda b: b.update(resultCode="FAIL"),
    lambda b: b.update(httpStatusCode=201),
    lambda b: b["metadata"].update(foo="bar"),
], ids=lambda c: None)
def test_a_wrong_answer_fails(contract, change):
    with pytest.raises(AssertionError):
        judge(contract, changed(change))


def test_another_content_type_fails(contract):
    with pytest.raises(AssertionError):
        judge(contract, PODS, kind="text/html")


def test_another_status_fails(contract):
    with pytest.raises(AssertionError):
        judge(contract, PODS, status=201)


@pytest.mark.parametrize("method, path, route", [
    ("GET", "/clusters/c/users/namespacesList", "P137"), ("GET", "/users/clustersList?isGlobal=true", "P136"),
    ("GET", "/clusters/c/namespaces/n/pods/p/yaml", "P70"), ("PATCH", "/clusters", "P9")])
def test_routes_are_found(contract, method, path, route):
    assert contract.find(method, path)[1]["operationId"] == route


def test_unknown_routes_are_not(contract):
    assert contract.find("GET", "/clusters/c/pods") is None
    assert contract.find("PUT", "/clusters") is None
