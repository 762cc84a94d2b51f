# SPDX-License-Identifier: Apache-2.0
"""An HTTP client that holds every answer against the OpenAPI document, and counts the answers per route."""
import collections
import http.client
import json
import re
import urllib.parse

import jsonschema
import referencing
import referencing.jsonschema
import yaml

URN = "urn:cp-portal:openapi"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def ok(self):
        return self.status == 200 and self.json.get("resultCode") == "SUCCESS"

    @property
    def names(self):
        return [item["name"] for item in self.json["items"]]

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


class Contract:
    """openapi/portal.yaml as something that judges answers."""

    def __init__(self, path):
        self.document = yaml.safe_load(path.read_text(encoding="utf-8"))
        resource = referencing.Resource.from_contents(self.document, default_specification=referencing.jsonschema.DRAFT202012)
        self.registry = referencing.Registry().with_resource(URN, resource)
        self.counts = collections.Counter()
        self.routes = []
        for template, item in self.document["paths"].items():
            pattern = re.compile("^" + re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template)) + "$")
            for method, operation in item.items():
                self.routes.append((template.count("{"), method.upper(), template, pattern, operation))
        self.routes.sort(key=lambda route: route[0])  # literals win over variables

    def find(self, method, path):
        path = path.split("?", 1)[0]
        for _, route_method, template, pattern, operation in self.routes:
            if route_method == method and pattern.match(path):
                return template, operation
        return None

    def _content(self, operation, status):
        for key in (str(status), f"{status // 100}XX"):
            if key in operation["responses"]:
                response = operation["responses"][key]
                if "$ref" in response:
                    response = self.document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
                return response["content"]
        raise AssertionError(f"{operation['operationId']}: status {status} is not in the OpenAPI document")

    def judge(self, method, path, answer):
        """The answer of a known route must be one that the document allows."""
        found = self.find("GET" if method == "HEAD" else method, path)
        if found is None or method == "HEAD":
            return
        _, operation = found
        content = self._content(operation, answer.status)
        kind = answer.headers.get("Content-Type", "").split(";")[0]
        assert kind in content, f"{operation['operationId']}: content type {kind!r}, not one of {list(content)}"
        instance = answer.json if kind.endswith("json") else answer.text
        self.check(content[kind]["schema"], instance, operation["operationId"])
        if answer.status == 200 and (not isinstance(instance, dict) or instance.get("resultCode") != "FAIL"):
            self.counts[operation["operationId"]] += 1

    def check(self, schema, instance, what):
        schema = json.loads(json.dumps(schema).replace('"#/', f'"{URN}#/'))
        validator = jsonschema.Draft202012Validator(schema, registry=self.registry)
        error = jsonschema.exceptions.best_match(validator.iter_errors(instance), key=self._closest)
        if error is not None:
            raise AssertionError(f"{what}: {error.json_path}: {error.message[:300]}\nin {json.dumps(instance)[:800]}")

    @staticmethod
    def _closest(error):
        # Of the alternatives the one that got furthest explains most.
        return -len(error.path), error.validator in ("oneOf", "anyOf")


class Client:
    def __init__(self, base, contract):
        parts = urllib.parse.urlsplit(base)
        self.host, self.port, self.prefix = parts.hostname, parts.port, parts.path
        self.contract = contract

    def raw(self, method, path, body=None, headers=None, timeout=90):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, self.prefix + path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def request(self, method, path, token=None, body=None, headers=None, timeout=90):
        headers = dict(headers or {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        answer = self.raw(method, path, body, headers, timeout)
        if self.contract:
            self.contract.judge(method, path, answer)
        return answer

    def get(self, path, token=None, **kw):
        return self.request("GET", path, token, **kw)

    def post(self, path, token=None, body=None, **kw):
        return self.request("POST", path, token, body, **kw)


def query(**values):
    return "?" + urllib.parse.urlencode(values)
