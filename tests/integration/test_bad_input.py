# SPDX-License-Identifier: Apache-2.0
"""Wrong clusters, names, methods, bodies and parameters: the bodies of design 9.4 and contract 5.4, whoever asks."""
import http.client
import json
import secrets
import urllib.parse

import pytest

import api
import bodies

PEOPLE = ("admin", "bob", "alice")
CODE_ERROR = bodies.error_message("The request has failed. Contact your administrator.", 0, "The cluster is not registered.")
GONE = bodies.result_status("The resource does not exist.", 200)
MALFORMED = bodies.error_message("JSON parse error: the request body could not be read.", 422)
TOO_LARGE = "The request body is too large."
PODS = "/clusters/{cluster}/namespaces/shop/pods"


def gate(status, detail=None):
    def check(answer):
        assert answer.status == status and answer.json == bodies.error_message(
            bodies.BAD_REQUEST["resultMessage"], status, detail or answer.json["detailMessage"]), answer
    return check


def ask(rig, who, method, path, **kw):
    """A request that may be outside of the OpenAPI document, so it is not held against it."""
    headers = {"Authorization": f"Bearer {rig.identity_token(who)}", **kw.pop("headers", {})}
    return rig.a.client.raw(method, path.format(cluster=rig.cluster), headers=headers, **kw)


def get(rig, who, path, **kw):
    return rig.a.client.get(path.format(cluster=rig.cluster), rig.portal_token(who), **kw)


def post(rig, body, path="/clusters", who="admin", method="POST", **headers):
    headers = {"Content-Type": "application/json", **headers}
    return rig.a.client.request(method, path, rig.portal_token(who), body, headers=headers)


# ---------- what is not there ----------
UNKNOWN = [f"/clusters/{c}{rest}" for c in ("no-such-cluster", "00000000-0000-0000-0000-000000000000")
           for rest in ("/namespaces/shop/pods", "/namespaces/shop/pods/web-1", "/namespaces/shop", "/nodes", "/namespaces",
                        "/users/namespacesList")]


@pytest.mark.parametrize("path", UNKNOWN)
def test_unknown_cluster(rig, path):
    """Unknown and forbidden look the same to who has no authority (design 3.4)."""
    answer = get(rig, "admin", path)
    wanted = (CODE_ERROR, bodies.result_status("Unable to communicate with your cluster api server.", 200))
    assert answer.status == 200 and answer.json in wanted, answer
    for who in ("bob", "alice"):
        assert get(rig, who, path).json == bodies.DENIED


def test_unknown_cluster_itself(rig):
    assert get(rig, "admin", "/clusters/no-such-cluster").json == GONE
    for who in ("bob", "alice"):
        assert get(rig, who, "/clusters/no-such-cluster").json == bodies.DENIED
    delete = rig.a.client.request("DELETE", "/clusters/no-such-cluster", rig.portal_token("admin"))
    assert delete.json == GONE
    for who in ("bob", "alice"):
        assert rig.a.client.request("DELETE", "/clusters/no-such-cluster", rig.portal_token(who)).json == bodies.DENIED
    assert post(rig, {"cluster": "no-such-cluster", "resourceName": "x"}, method="PATCH").json == GONE


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("rest", ["namespaces/no-such-namespace/pods", "namespaces/no-such-namespace",
                                  "namespaces/no-such-namespace/pods/x", "namespaces/no-such-namespace/yaml"])
def test_unknown_namespace(rig, who, rest):
    answer = get(rig, who, "/clusters/{cluster}/" + rest)
    if who == "alice":
        assert answer.json == bodies.FORBIDDEN
    elif rest.endswith("pods"):  # Kubernetes lists nothing there
        assert answer.ok and answer.json["items"] == []
    else:
        assert answer.json == bodies.NOT_FOUND


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("path", ["/clusters/{cluster}/namespaces/shop/widgets", "/clusters/{cluster}/widgets", "/widgets",
                                  PODS + "/web-1/yaml/more", "/", "/" + "x/" * 40 + "x", "/error", "/favicon.ico",
                                  "/Clusters", "/clusters/", PODS + "/"])
def test_unknown_kind_and_path(rig, who, path):
    """On a compat mount the caller is authenticated first (design 3.2)."""
    answer = ask(rig, who, "GET", path)
    assert answer.status == 200 and answer.json["resultCode"] == "FAIL", answer
    assert answer.json in (bodies.UNKNOWN_ROUTE, bodies.FORBIDDEN, bodies.NOT_FOUND, bodies.DENIED), answer
    refused = rig.a.client.raw("GET", path.format(cluster=rig.cluster))
    assert refused.json == bodies.NO_TOKEN


@pytest.mark.parametrize("path", ["/actuator", "/actuator/env", "/actuator/heapdump", "/actuator/health/x", "/metrics", "/readyz"])
def test_no_management_on_a_public_port(rig, path):
    answer = rig.a.client.raw("GET", path)
    assert answer.status == 404 or answer.json == bodies.NO_TOKEN


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("method, path", [("PUT", "/clusters"), ("DELETE", "/clusters"), ("POST", PODS), ("PATCH", PODS + "/x"),
                                          ("DELETE", PODS + "/web-1"), ("GET", "/login"), ("GET", "/signUp"),
                                          ("POST", "/refreshtoken"), ("PUT", "/users/clustersList")])
def test_wrong_method(rig, who, method, path):
    answer = ask(rig, who, method, path, body="{}")
    assert answer.status == 200 and answer.json == bodies.UNKNOWN_ROUTE, answer


# ---------- names ----------
@pytest.mark.parametrize("name", ["..", "%2e%2e", "a%2Fb", "a%2fb", "a%5Cb", "a%00b", "%00", "a%0Ab", "a%25b", "a;b", "%zz", "%ff",
                                  "%C0%AF", "."])
@pytest.mark.parametrize("path", ["/clusters/{name}", "/clusters/{cluster}/namespaces/{name}/pods", PODS + "/{name}",
                                  "/clusters/{cluster}/nodes/{name}", "/clusters/{cluster}/namespaces/{name}"])
def test_names_that_would_leave_their_place(rig, path, name):
    before = rig.a.counters()
    gate(400)(ask(rig, "admin", "GET", path.replace("{name}", name)))
    assert rig.a.counters() == before  # nobody behind the gate heard of it


@pytest.mark.parametrize("name", ["a%3Fb", "a%23b", "a%20b", "%3Fpretty=true", "web-1%3Fpretty", "a%26b", "%ED%95%9C%EA%B8%80", "a+b",
                                  "a:b", "a@b", "$(id)", "'--", "a,b", "%F0%9F%98%80", "x" * 253, "x" * 254, "x" * 4000])
@pytest.mark.parametrize("who", ["admin", "alice"])
def test_odd_names_are_names(rig, who, name):
    """P19: ? and # of a name went into the upstream's URL; escaped they name an object that is not there."""
    answer = get(rig, who, PODS + "/" + name)
    assert answer.status == 200 and answer.json == bodies.NOT_FOUND, answer
    answer = get(rig, who, f"/clusters/{{cluster}}/namespaces/{name}/pods")
    if who == "alice":
        assert answer.json == bodies.FORBIDDEN
    else:
        assert answer.json.get("items") == [] or answer.json["resultCode"] == "FAIL", answer


# ---------- parameters ----------
BAD_TYPES = [("limit=abc", "limit"), ("limit=", "limit"), ("offset=x", "offset"), ("limit=1.5", "limit"), ("limit=0x10", "limit"),
             ("limit=2147483648", "limit"), ("limit=-2147483649", "limit"), ("offset=99999999999999999999", "offset"),
             ("limit=1e3", "limit"), ("limit=%EF%BC%91", "limit"), ("limit=NaN", "limit"), ("includeUsage=2", "includeUsage")]


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("query, field", BAD_TYPES)
def test_parameters_of_a_wrong_type(rig, who, query, field):
    assert get(rig, who, f"{PODS}?{query}").json == bodies.error_message(f"Requirements are missing. : {field}", 0, None)


def test_all_bad_parameters_are_named(rig):
    answer = get(rig, "admin", PODS + "?offset=a&limit=b")
    assert answer.json == bodies.error_message("Requirements are missing. : offsetlimit", 0, None)


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("query", ["limit=-1", "offset=-1", "limit=-2147483648", "offset=1", "offset=1&limit=0", "offset=2147483647"])
def test_parameters_out_of_range(rig, who, query):
    assert get(rig, who, f"{PODS}?{query}").json == bodies.BAD_REQUEST


@pytest.mark.parametrize("query", ["limit=2147483647&offset=2147483647", "limit=1&offset=2147483647", "limit=2147483647"])
def test_huge_pages_are_empty_or_whole(rig, query):
    answer = get(rig, "admin", f"{PODS}?{query}")
    assert answer.ok or answer.json == bodies.BAD_REQUEST, answer


@pytest.mark.parametrize("query", ["searchName=" + urllib.parse.quote(s) for s in
                                   ("[", "(", "*", "\\", "a\tb"[:1] + "%", "x" * 4000, "한글", "' OR 1=1 --", "${x}")])
def test_search_is_text_not_a_pattern(rig, query):
    answer = get(rig, "admin", f"{PODS}?{query}")
    assert answer.ok and answer.json["itemMetaData"]["remainingItemCount"] == 0, answer


@pytest.mark.parametrize("query", ["orderBy=;drop", "orderBy=", "order=sideways", "x=y", "&&&", "=", "a=b=c", "limit=1&limit=abc"])
def test_parameters_that_mean_nothing_are_ignored(rig, query):
    assert get(rig, "admin", f"{PODS}?{query}").ok


# ---------- nobody chooses who he is (BUG-02, BUG-55) ----------
def test_query_and_headers_bind_no_path_variable(rig):
    rig.kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bug55", "namespace": "shop"}})
    plain = get(rig, "alice", PODS).json
    for extra in ("namespace=kube-system", "cluster=x&namespace=all", "namespace=all", "resourceName=x&resource=secrets"):
        assert get(rig, "alice", f"{PODS}?{extra}").json["items"] == plain["items"]
    bound = {"namespace": "kube-system", "cluster": "x", "limit": "-1", "offset": "abc", "searchName": "zzz", "resourceName": "y"}
    assert get(rig, "alice", PODS, headers=bound).json["items"] == plain["items"]


SPOOFED = {"isClusterToken": "true", "userType": "SUPER_ADMIN", "isSuperAdmin": "true"}


@pytest.mark.parametrize("path", ["/clusters", "/clusters/{cluster}", "/clusters/{cluster}/nodes", "/clusters/{cluster}/namespaces",
                                  "/clusters/{cluster}/namespaces/kube-system/pods", "/clusters/{cluster}/namespaces/all/pods",
                                  "/users/clustersList", PODS, "/clusters/{cluster}/users/namespacesList"])
@pytest.mark.parametrize("who", ["alice", "bob"])
def test_who_one_is_comes_from_the_token_alone(rig, who, path):
    spoofed = {**SPOOFED, "userAuthId": rig.auth_ids["admin"], "userId": "admin"}

    def shown(answer):
        return {key: value for key, value in answer.json.items() if key != "metadata"}
    plain = shown(get(rig, who, path))
    assert shown(get(rig, who, f"{path}?{urllib.parse.urlencode(spoofed)}")) == plain
    assert shown(get(rig, who, path, headers={**spoofed, "X-User": "admin", "Impersonate-User": "admin"})) == plain
    answer = ask(rig, who, "GET", path, body=json.dumps(spoofed), headers={"Content-Type": "application/json"})
    assert shown(answer) == plain


def test_the_body_does_not_make_an_administrator(rig):
    spoofed = {**SPOOFED, "userAuthId": rig.auth_ids["admin"], "resourceName": "x", "clusterApiUrl": "https://192.0.2.1",
               "clusterToken": "t", "isClusterRegister": True}
    for who in ("alice", "bob"):
        assert post(rig, spoofed, who=who).json == bodies.DENIED
        assert post(rig, {**spoofed, "cluster": rig.cluster}, who=who, method="PATCH").json == bodies.DENIED


@pytest.mark.parametrize("name", ["Connection: Impersonate-User", "Connection: Authorization"])
def test_no_header_is_forwarded(rig, name):
    """Finding 10: a client's Connection header could strip the impersonation of a proxy that forwards."""
    header, _, value = name.partition(": ")
    answer = get(rig, "alice", "/clusters/{cluster}/namespaces/kube-system/pods", headers={header: value})
    assert answer.json == bodies.FORBIDDEN


# ---------- bodies ----------
def nested(depth):
    return b"[" * depth + b"]" * depth


BODIES = [
    ("nothing", b"", bodies.BODY_MISSING), ("blanks", b"  ", MALFORMED), ("broken", b"{", MALFORMED), ("no JSON", b"hello", MALFORMED),
    ("single quotes", b"{'a': 1}", MALFORMED), ("trailing comma", b'{"a": 1,}', MALFORMED), ("two documents", b"{}{}", MALFORMED),
    ("comment", b"{} // x", MALFORMED), ("NaN", b'{"a": NaN}', MALFORMED), ("array", b"[]", MALFORMED), ("text", b'"x"', MALFORMED),
    ("number", b"1", MALFORMED), ("null", b"null", MALFORMED), ("byte order mark", b"\xef\xbb\xbf{}", MALFORMED),
    ("no UTF-8", b'{"a": "\xff"}', MALFORMED), ("lone surrogate", b'{"a": "\\ud800"}', MALFORMED),
    ("raw NUL", b'{"a": 1\x00}', MALFORMED), ("NUL behind", b"{}\x00", MALFORMED), ("escaped NUL", b'{"a": "x\\u0000y"}', MALFORMED),
    ("number of 400 digits", b'{"a": ' + b"9" * 400 + b"}", MALFORMED), ("1e999", b'{"a": 1e999}', MALFORMED),
    ("duplicate keys", b'{"a": 1, "a": 2}', bodies.BAD_REQUEST),
    ("duplicate keys below", b'{"x": [{"a": 1, "a": 2}]}', bodies.BAD_REQUEST),
    ("duplicate keys, one escaped", b'{"a": 1, "\\u0061": 2}', bodies.BAD_REQUEST),
    ("depth 65", b'{"a": ' + nested(64) + b"}", bodies.BAD_REQUEST), ("depth 2,000", nested(2000), bodies.BAD_REQUEST),
    ("50,001 values", b'{"a": [' + b",".join([b"1"] * 50001) + b"]}", bodies.BAD_REQUEST),
    ("20,001 texts", b'{"a": [' + b",".join([b'""'] * 20001) + b"]}", bodies.BAD_REQUEST),
]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("row", BODIES, ids=lambda row: row[0])
def test_bodies_that_are_none(rig, row, method):
    _, body, wanted = row
    before = rig.a.counters()
    answer = post(rig, body, method=method)
    assert answer.status == 200 and answer.json == wanted, answer
    # English whatever the language (contract 5.2), but for the 400 body
    if wanted != bodies.BAD_REQUEST:
        assert post(rig, body, method=method, uLang="ko").json == wanted
    answer = post(rig, body, method=method, Prefer="http-status")
    assert answer.status == (400 if wanted == bodies.BAD_REQUEST else 422) and answer.headers["Preference-Applied"] == "http-status"
    assert rig.a.counters()["upstream_calls"] == before["upstream_calls"]


def test_depth_64_is_fine(rig):
    assert post(rig, b'{"a": ' + nested(63) + b"}").json == bodies.RULE_MISSING


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("body", [b"", b"{", b'{"a": 1, "a": 2}'])
def test_who_may_not_is_told_before_the_body_is_read(rig, who, body):
    assert post(rig, body, who=who).json == bodies.DENIED


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/yaml", "application/jsonp",
                                  "multipart/form-data; boundary=x"])
def test_other_media_types(rig, kind):
    headers = {"Authorization": f"Bearer {rig.portal_token('admin')}", **({"Content-Type": kind} if kind else {})}
    answer = rig.a.client.raw("POST", "/clusters", "{}", headers)
    assert answer.status == 200 and answer.json == bodies.UNKNOWN_ROUTE, answer
    assert rig.a.client.raw("POST", "/clusters", "{}", {**headers, "Prefer": "http-status"}).status == 415


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_media_types_that_are_json(rig, kind):
    assert post(rig, b"{}", **{"Content-Type": kind}).json == bodies.RULE_MISSING


@pytest.mark.parametrize("path, method, limit, who", [("/clusters", "POST", 1 << 20, "admin"), ("/clusters", "PATCH", 1 << 20, "admin"),
                                                      ("/login", "POST", 8192, "alice"), ("/signUp", "POST", 8192, "alice")])
def test_the_body_limit_to_the_byte(rig, path, method, limit, who):
    token = rig.identity_token(who)

    def send(size):
        return rig.a.client.raw(method, path, b"{" + b" " * (size - 2) + b"}",
                                {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    fits = send(limit)
    assert fits.status == 200 and fits.json["httpStatusCode"] != 413
    gate(413, TOO_LARGE)(send(limit + 1))


def test_a_body_over_the_limit_is_refused_unread(rig):
    connection = http.client.HTTPConnection("127.0.0.1", rig.a.port, timeout=10)
    connection.putrequest("POST", "/clusters")
    for name, value in (("Authorization", f"Bearer {rig.portal_token('admin')}"), ("Content-Type", "application/json"),
                        ("Content-Length", str((1 << 20) + 1))):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()  # not one byte of it was sent
    gate(413, TOO_LARGE)(api.Answer(response.status, response.headers, response.read()))
    assert response.headers["Connection"] == "close"


# ---------- bodies with wrong values ----------
def registration(**changed):
    return {"resourceName": f"bad-{secrets.token_hex(4)}", "isClusterRegister": True, "clusterApiUrl": "https://127.0.0.1:1",
            "clusterToken": "t", **changed}


WRONG = [
    ({"resourceName": 5}, bodies.RULE_MISSING), ({"resourceName": None}, bodies.RULE_MISSING), ({"resourceName": []}, bodies.RULE_MISSING),
    ({"resourceName": "   "}, bodies.RULE_MISSING), ({"clusterApiUrl": {}}, bodies.RULE_MISSING), ({"clusterToken": 1}, bodies.RULE_MISSING),
    ({"isClusterRegister": "maybe"}, MALFORMED), ({"isClusterRegister": 1}, MALFORMED), ({"isClusterRegister": {}}, MALFORMED),
    ({"providerType": "IBM"}, MALFORMED), ({"clusterType": "zzz"}, bodies.result_status("Please check the input value again.", 200)),
    ({"clusterCaData": "not a certificate"}, bodies.result_status("Please check the input value again.", 200)),
]


@pytest.mark.parametrize("changed, wanted", WRONG, ids=lambda value: str(value)[:40])
def test_wrong_values_of_a_registration(rig, changed, wanted):
    count = rig.db.sql("SELECT COUNT(*) FROM cp_clusters", "it_main")
    answer = post(rig, registration(**changed))
    assert answer.status == 200 and answer.json == wanted, answer
    assert rig.db.sql("SELECT COUNT(*) FROM cp_clusters", "it_main") == count


@pytest.mark.parametrize("url", ["http://192.0.2.1", "ftp://127.0.0.1", "file:///etc/passwd", "https://", "https:// ", "127.0.0.1:6443",
                                 "https://user:pass@127.0.0.1", "https://127.0.0.1/../x", "https://127.0.0.1:99999", "javascript:1",
                                 "https://127.0.0.1?x=1", "https://127.0.0.1#x", "https://127.0.0.1\r\nHost: x", "gopher://127.0.0.1:70/x",
                                 "https://" + "a" * 300, "https://[::1", "https://127.0.0.1:1"])
def test_addresses_that_are_none(rig, url):
    count = rig.db.sql("SELECT COUNT(*) FROM cp_clusters", "it_main")
    answer = post(rig, registration(clusterApiUrl=url))
    assert answer.status == 200 and answer.json["resultCode"] == "FAIL" and answer.json["httpStatusCode"] in (200, 400), answer
    assert rig.db.sql("SELECT COUNT(*) FROM cp_clusters", "it_main") == count


@pytest.mark.parametrize("field, size", [("resourceName", 256), ("description", 256), ("resourceName", 100_000), ("description", 100_000)])
def test_texts_longer_than_their_column(rig, field, size):
    answer = post(rig, {"cluster": rig.cluster, "resourceName": "host-cluster", "description": "test", field: "x" * size}, method="PATCH")
    assert answer.status == 200 and answer.json["resultCode"] == "FAIL" and answer.json["httpStatusCode"] in (200, 400, 422), answer
    assert rig.db.sql(f"SELECT name, description FROM cp_clusters WHERE cluster_id = '{rig.cluster}'", "it_main") == \
        [["host-cluster", "test"]]


# ---------- languages, statuses ----------
@pytest.mark.parametrize("lang, is_korean", [("ko", True), ("KO", True), ("ko_KR", True), ("ko_", True), ("ko-KR", False), ("kor", False),
                                             ("en", False), ("", False), ("\t", False), ("xx" * 500, False)])
def test_the_language_of_errors(rig, lang, is_korean):
    missing = get(rig, "admin", PODS + "/no-such-pod", headers={"uLang": lang}).json
    assert missing["detailMessage"] == (bodies.NOT_FOUND_KO if is_korean else "Could not be found.")
    refused = get(rig, "alice", "/clusters/{cluster}/nodes", headers={"uLang": lang}).json
    assert refused["detailMessage"] == ("해당 리소스에 접근할 수 있는 권한이 없습니다." if is_korean else bodies.FORBIDDEN["detailMessage"])
    paging = get(rig, "admin", PODS + "?limit=-1", headers={"uLang": lang}).json
    assert paging["resultMessage"] == ("잘못된 요청을 처리할 수 없습니다." if is_korean else bodies.BAD_REQUEST["resultMessage"])


@pytest.mark.parametrize("path, wanted", [(PODS + "?limit=abc", bodies.error_message("Requirements are missing. : limit", 0, None)),
                                          ("/no/such/path", bodies.UNKNOWN_ROUTE)])
def test_errors_that_are_always_english(rig, path, wanted):
    assert ask(rig, "admin", "GET", path, headers={"uLang": "ko"}).json == wanted
    assert rig.a.client.raw("GET", "/clusters", headers={"uLang": "ko"}).json == bodies.NO_TOKEN


STATUSES = [("admin", "GET", PODS, 200), ("admin", "GET", PODS + "/no-such-pod", 404), ("admin", "GET", PODS + "?limit=abc", 400),
            ("admin", "GET", PODS + "?limit=-1", 400), ("alice", "GET", "/clusters/{cluster}/nodes", 403), ("alice", "GET", "/clusters", 403),
            ("admin", "GET", "/no/such/path", 404), ("admin", "PUT", "/clusters", 405), ("admin", "POST", "/clusters", 415),
            ("admin", "GET", "/clusters/no-such-cluster", 422), ("bob", "DELETE", "/clusters/x", 403)]


@pytest.mark.parametrize("prefer", ["http-status", "HTTP-Status", "respond-async, http-status; x=1"])
@pytest.mark.parametrize("who, method, path, status", STATUSES)
def test_statuses_for_who_prefers_them(rig, who, method, path, status, prefer):
    plain = ask(rig, who, method, path)
    answer = ask(rig, who, method, path, headers={"Prefer": prefer})
    assert plain.status == 200 and "Preference-Applied" not in plain.headers
    assert answer.status == status and answer.headers["Preference-Applied"] == "http-status", answer
    assert "Prefer" in answer.headers.get_all("Vary")
    assert answer.json == plain.json  # the body stays what it is
    if status == 405:
        assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("prefer", ["http-statuses", "return=minimal", "", "x-http-status"])
def test_other_preferences_change_nothing(rig, prefer):
    assert ask(rig, "admin", "GET", PODS + "/no-such-pod", headers={"Prefer": prefer}).status == 200
