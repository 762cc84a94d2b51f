# SPDX-License-Identifier: Apache-2.0
"""House rules that no compiler checks. Each is one test; a broken one names file and line."""
import pathlib
import re
import subprocess
import sys

import results

SOURCE = re.compile(r"(\.(c|h|def|py|sh|cmake|sql)|(^|/)(CMakeLists\.txt|check|quickstart|run))$")
C_SOURCE = re.compile(r"\.(c|h|def)$")
ALLOWED_HOSTS = "tests/check/hosts.txt"


def files():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], check=True, capture_output=True).stdout
    for name in sorted(set(names.decode().split("\0")) - {""}):
        path = pathlib.Path(name)
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\0" not in data and len(data) < 8 << 20:
                yield name, data.decode("utf-8", "replace")


def grep(pattern, only=None, but=None):
    def rule(name, text):
        if (only and not only.search(name)) or (but and but.search(name)):
            return
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, match.group(0)[:80]
    return rule


def has_spdx(name, text):
    if SOURCE.search(name) and "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.split("\n")[:4]):
        yield 1, "no SPDX line"


HOST = re.compile(r"\b(?:https?|postgres|mysql|ftp)://([A-Za-z0-9_.-]+\.[A-Za-z]{2,})")


def allowed_hosts():
    with open(ALLOWED_HOSTS, encoding="utf-8") as lines:
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def host_rule():
    allowed = allowed_hosts()

    def rule(name, text):
        if name.startswith(("docs/", "tests/contract/")) or name.endswith((".md", "go.sum", "LICENSE")):
            return
        for match in HOST.finditer(text):
            host = match.group(1).lower()
            if not any(host == a or (a.startswith(".") and host.endswith(a)) for a in allowed):
                yield text.count("\n", 0, match.start()) + 1, f"host {host} is not in {ALLOWED_HOSTS}"
    return rule


def ci_run(name, text):
    if name == ".ci/run":
        code = [line for line in text.split("\n") if line and not line.startswith("#")]
        if code != ['exec "$(dirname "$0")/../check"']:
            yield 1, ".ci/run must call ./check and nothing else"


RULES = {
    "spdx": has_spdx,
    "no_parent_include": grep(re.compile(r'#\s*include\s*"[^"]*\.\./[^"]*"'), C_SOURCE),
    "no_machine_paths": grep(re.compile(r"(?<![\w$}/.])/(?:work|home/[a-z]+)/[\w.]+"), but=re.compile(r"^tests/(contract|check/rules)")),
    "known_hosts_only": host_rule(),
    "no_private_key": grep(re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")),
    "no_token": grep(re.compile(r"eyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{20,}")),
    "no_sanitizer_suppressions": grep(re.compile(r"no_sanitize|__lsan_|NOLINT(?!\w*\([\w,.-]+\))"), C_SOURCE),
    "ci_runs_check": ci_run,
}


def main():
    tree = list(files())
    bad = 0
    for rule, check in RULES.items():
        hits = [f"{name}:{line}: {what}" for name, text in tree for line, what in check(name, text)]
        for hit in hits:
            print(f"{rule}: {hit}")
        results.add("rules", rule, "fail" if hits else "pass", hits[0] if hits else "")
        bad += len(hits)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
