# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document and the route table of the running program are the same, both ways; every route was seen to work."""
import json
import subprocess

import pytest
import yaml

# Served by the server itself on every drop-in port, not by a row of a table.
BUILT_IN = {("GET", "/actuator/health")}


@pytest.fixture(scope="module")
def table(rig):
    out = subprocess.run([rig.program, "routes"], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def documented(rig):
    return {(method, template): operation for _, method, template, _, operation in rig.contract.routes}


def test_every_route_is_documented(rig, table):
    routes = {(r["method"], r["path"]) for r in table if r["api"] == "portal"}
    assert routes - set(documented(rig)) == set()


def test_every_documented_route_exists(rig, table):
    routes = {(r["method"], r["path"]) for r in table if r["api"] == "portal"} | BUILT_IN
    assert set(documented(rig)) - routes == set()


def test_ids_agree(rig, table):
    names = documented(rig)
    assert {r["id"]: names[r["method"], r["path"]]["operationId"] for r in table if r["api"] == "portal"} == \
           {r["id"]: r["id"] for r in table if r["api"] == "portal"}


def test_every_route_has_a_rule_and_only_these_are_open(table):
    assert all(r["rule"] for r in table)
    assert {r["id"] for r in table if r["api"] == "portal" and r["rule"] in ("PUBLIC", "REFRESH")} == {"P1", "P2", "P3", "X1"}


def test_routes_that_need_a_token_say_so_in_the_document(rig, table):
    names = documented(rig)
    for route in table:
        if route["api"] == "portal" and route["id"] not in ("P1", "P2", "P3"):
            is_open = names[route["method"], route["path"]].get("security") == [{}]
            assert is_open == (route["rule"] == "PUBLIC"), route


def test_the_document_is_served(rig, a):
    answer = a.get("/v3/api-docs.yaml")
    served = yaml.safe_load(answer.text)
    assert served["paths"] == rig.contract.document["paths"]
    assert served["components"] == rig.contract.document["components"]
    version = subprocess.run([rig.program, "--version"], check=True, capture_output=True, text=True).stdout
    assert served["info"]["version"] in version.split() and "@" not in served["info"]["version"]


def test_health(rig, a):
    assert a.get("/actuator/health").json == {"status": "UP"}


@pytest.mark.last
def test_every_route_was_answered(rig, request):
    """Every answer of this run was held against the document (api.py); here each route must have had a good one."""
    if request.config.option.keyword or len(request.session.items) < 100:
        pytest.skip("not the whole run")
    counts = {operation["operationId"]: rig.contract.counts[operation["operationId"]] for operation in documented(rig).values()}
    print("\nanswers per route:", ", ".join(f"{name} {count}" for name, count in counts.items()))
    assert [name for name, count in counts.items() if count == 0] == []
