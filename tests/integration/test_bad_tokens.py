# SPDX-License-Identifier: Apache-2.0
"""Every row of bad_tokens.json against every route that needs a token, and against /login and /signUp: refused as contract 3.6
says, and nobody behind the check moved."""
import http.client
import json
import re
import subprocess
import time

import pytest

import api
import bad_tokens
import bodies
import rig as rig_module
import sealed

COUNTED = ("handlers", "sql_statements", "upstream_calls")
SIGN_UP_REFUSED = bodies.result_status("The user's ID or verification ID is incorrect.", 200)


@pytest.fixture(scope="module")
def server(rig):
    """A replica that gets the key set over HTTP and, once it has it, never again: an unknown kid shows in its counters."""
    server = rig.server("tokens", "it_main", **{"identity.issuer": rig.issuer, "identity.jwks_cooldown_s": 3600,
                                                "identity.jwks_refresh_s": 86400})
    return server.start()


@pytest.fixture(scope="module")
def maker(rig, server):
    """Signs with the issuer's own key, for alice; the kid of the portal's own key is known, too."""
    _, pem = sealed.newest(rig, "it_main", "issuer-key/")
    portal_kid, portal_key = sealed.newest(rig, "it_main", "portal-key/")
    return bad_tokens.Maker(pem, rig.issuer, rig_module.CLIENT_ID, rig.auth_ids["alice"], "alice",
                            portal_key=portal_key, portal_kid=portal_kid)


@pytest.fixture(scope="module")
def routes(rig):
    """(method, path, body) of every route that needs a token, read from the running program."""
    out = subprocess.run([rig.program, "routes"], check=True, capture_output=True, text=True).stdout
    table = [json.loads(line) for line in out.splitlines()]
    named = [r for r in table if r["api"] == "portal" and r["rule"] not in ("PUBLIC", "REFRESH")]
    return [(r["method"], fill(rig, r["path"]), '{"cluster": "x"}' if r["method"] in ("POST", "PATCH", "PUT") else None)
            for r in named]


def fill(rig, template):
    known = {"cluster": rig.cluster, "namespace": "shop"}
    return re.sub(r"{(\w+)}", lambda variable: known.get(variable[1], "web-1"), template)


class Caller:
    """One kept connection; opened again when the server closes it."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def ask(self, method, path, authorization, body=None, **headers):
        if authorization:
            headers["Authorization"] = authorization
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.connection.request(method, path, body=body, headers=headers)
        response = self.connection.getresponse()
        return api.Answer(response.status, response.headers, response.read())


def watched(rig, server):
    """What must not move: the server's own counters, MariaDB's, the API server's."""
    figures = server.counters()
    return {**{name: figures[name] for name in COUNTED}, "Com_stmt_execute": rig.db.status("Com_stmt_execute"),
            "apiserver": rig.kube.requests(resource="pods", verb="LIST") + rig.kube.requests(resource="pods", verb="GET")
            + rig.kube.requests(resource="nodes", verb="LIST") + rig.kube.requests(resource="namespaces", verb="LIST")}


def good_call(rig, server, token):
    answer = Caller(server).ask("GET", f"/clusters/{rig.cluster}/namespaces/shop/pods", f"Bearer {token}")
    assert answer.ok, answer


def test_a_good_token_moves_everything(rig, server, maker):
    before = watched(rig, server)
    good_call(rig, server, maker.good())
    after = watched(rig, server)
    assert {name: after[name] > before[name] for name in before} == {name: True for name in before}, (before, after)


def test_good_rows_are_accepted(rig, server, maker):
    """The rows that must pass pass here, too: else the refusals of the others would prove nothing."""
    caller = Caller(server)
    for row in bad_tokens.table(maker, good=True):
        answer = caller.ask("GET", f"/clusters/{rig.cluster}/namespaces/shop/pods", row.authorization)
        # The server is stricter than the signature check: a person is issuer and subject (design 9.2), and it knows both.
        assert answer.ok == (row.name != "portal: good: no identity provider named"), (row.name, answer)


def test_bad_tokens_on_every_route(rig, server, maker, routes):
    rows = bad_tokens.table(maker)
    assert len(rows) >= 60 and len(routes) >= 15
    good_call(rig, server, maker.good())  # the key set is known, the person's rights are cached
    before, begun = watched(rig, server), time.monotonic()
    caller, refused = Caller(server), 0
    for row in rows:
        wanted = bodies.result_status(row.result_message, 401, row.detail_message)
        for method, path, body in routes:
            answer = caller.ask(method, path, row.authorization, body)
            assert answer.status == 200 and answer.json == wanted, (row.name, method, path, answer)
            refused += 1
    after = watched(rig, server)
    log = server.log()  # one line a request, and never what a token holds (P8)
    for row in rows:
        segments = [s for s in row.authorization.removeprefix("Bearer ").split(".") if len(s) > 30]
        assert not any(s[:30] in log for s in segments), row.name
    print(f"\n{len(rows)} tokens on {len(routes)} routes: {refused} refusals in {time.monotonic() - begun:.1f} s")
    assert after == before


def test_the_status_is_401_for_who_prefers_it(server, maker, routes):
    caller = Caller(server)
    for method, path, body in routes:
        answer = caller.ask(method, path, "Bearer x.y.z", body, Prefer="http-status")
        assert answer.status == 401 and answer.headers["Preference-Applied"] == "http-status", (path, answer)
        assert answer.json == bodies.BAD_TOKEN


# "Bearer" without a token, or with the word null, is no bearer there (design 9.1): the body's names are asked for.
@pytest.mark.parametrize("path, no_proof", [("/login", bodies.login_failed("Please enter your username.")),
                                            ("/signUp", SIGN_UP_REFUSED)])
def test_bad_tokens_at_sign_in(rig, server, maker, path, no_proof):
    good_call(rig, server, maker.good())
    before = watched(rig, server)
    caller, handled = Caller(server), 0
    for row in bad_tokens.table(maker):
        answer = caller.ask("POST", path, row.authorization, "{}")
        handled += 1
        has_token = row.authorization.startswith("Bearer ") and "." in row.authorization
        is_absent = row.authorization == "Bearer null" or (row.detail_message == "Token authentication failed" and not has_token)
        wanted = no_proof if is_absent else bodies.result_status(row.result_message, 401, row.detail_message)
        assert answer.status == 200 and answer.json == wanted, (row.name, answer)
    after = watched(rig, server)
    assert after.pop("handlers") == before.pop("handlers") + handled  # public routes judge the token in their handler
    assert after == before


@pytest.mark.parametrize("path", ["/login", "/signUp"])
def test_a_good_token_at_sign_in_reaches_the_database(rig, server, maker, path):
    before = watched(rig, server)
    answer = Caller(server).ask("POST", path, f"Bearer {maker.good()}", "{}")
    assert answer.status == 200
    after = watched(rig, server)
    assert after["sql_statements"] > before["sql_statements"] and after["Com_stmt_execute"] > before["Com_stmt_execute"]


def test_an_audience_that_is_asked_for(rig, maker):
    server = rig.server("audience", "it_main", **{"identity.issuer": rig.issuer, "identity.jwks_cooldown_s": 3600,
                                                  "identity.audience": rig_module.CLIENT_ID}).start()
    good_call(rig, server, maker.good())
    always = {row.name for row in bad_tokens.table(maker)}
    rows = [row for row in bad_tokens.table(maker, has_audience=True) if row.name not in always]
    assert len(rows) >= 3
    before, caller = watched(rig, server), Caller(server)
    for row in rows:
        answer = caller.ask("GET", f"/clusters/{rig.cluster}/namespaces/shop/pods", row.authorization)
        assert answer.json == bodies.result_status(row.result_message, 401, row.detail_message), (row.name, answer)
    assert watched(rig, server) == before
    assert server.stop() == 0


def test_an_unknown_kid_costs_one_fetch_at_most(rig, maker):
    """Design 9.12: at least the cool-down between two fetches, whatever the kid."""
    server = rig.server("kids", "it_main", **{"identity.issuer": rig.issuer, "identity.jwks_cooldown_s": 3600}).start()
    good_call(rig, server, maker.good())
    before = server.counters()
    caller = Caller(server)
    for i in range(50):
        header = json.dumps({"alg": "RS256", "typ": "JWT", "kid": f"unknown-{i}"})
        token = maker._token({"header": header})
        assert caller.ask("GET", "/clusters", f"Bearer {token}").json == bodies.BAD_TOKEN
    after = server.counters()
    assert after["jwks_fetches"] - before["jwks_fetches"] <= 1
    assert after["upstream_calls"] - before["upstream_calls"] <= 1
    assert server.stop() == 0
