# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document itself: valid schemas, nothing open, nothing optional but what is written down here."""
import sys

import jsonschema
import yaml

# Pass-through of Kubernetes objects: fields the API server left out stay out (contract 13.14; V-OBJ).
OPTIONAL = {
    "ListMeta": {"resourceVersion", "continue", "remainingItemCount", "selfLink"},
    "EnvVar": {"value", "valueFrom"},
    "KubeSelector": {"matchLabels", "matchExpressions"},
    "GateRefusal": {"nextActionUrl"},
}


def references(node, path="#"):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield path, node["$ref"]
        for key, value in node.items():
            yield from references(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from references(value, f"{path}/{index}")


def resolve(document, ref):
    node = document
    for part in ref.removeprefix("#/").split("/"):
        node = node[part]
    return node


def problems(document):
    for path, ref in references(document):
        try:
            resolve(document, ref)
        except (KeyError, TypeError):
            yield f"{path}: {ref} leads nowhere"
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        if schema.get("type") == "object" and "properties" in schema:
            if schema.get("additionalProperties") is not False:
                yield f"{name}: additionalProperties is not false"
            optional = set(schema["properties"]) - set(schema.get("required", []))
            if optional != OPTIONAL.get(name, set()):
                yield f"{name}: optional fields {sorted(optional)}"
    used = {ref.rsplit("/", 1)[1] for _, ref in references(document)}
    for section in ("schemas", "parameters", "requestBodies", "responses"):
        for name in document["components"][section]:
            if name not in used:
                yield f"components/{section}/{name} is used nowhere"
    seen = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation["operationId"] in seen:
                yield f"{method} {path}: operationId {operation['operationId']} twice"
            seen.add(operation["operationId"])


def main(path):
    with open(path, encoding="utf-8") as text:
        document = yaml.safe_load(text)
    found = list(problems(document))
    for line in found:
        print(f"{path}: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
