# SPDX-License-Identifier: Apache-2.0
"""Test results of a stage as lines of the file $RESULTS: stage, test, pass|fail|skip, reason."""
import os
import sys
import xml.etree.ElementTree as ET


def add(stage, test, state, reason=""):
    reason = " ".join(str(reason).split())[:200]
    with open(os.environ["RESULTS"], "a", encoding="utf-8") as out:
        out.write(f"{stage}\t{test}\t{state}\t{reason}\n")


def case_state(case):
    """One <testcase> of ctest or pytest. ctest marks with status=, pytest with child elements."""
    for tag in ("failure", "error"):
        found = case.find(tag)
        if found is not None:
            return "fail", found.get("message") or ""
    found = case.find("skipped")
    status = case.get("status", "run")
    if found is not None or status in ("disabled", "notrun"):
        # ctest calls a program it could not start "notrun": that is a failure, not a decision to skip.
        message = (found.get("message") if found is not None else "") or status
        return ("fail" if "Unable to find executable" in message else "skip"), message
    return ("fail", "failed") if status == "fail" else ("pass", "")


def add_junit(stage, path):
    if not os.path.exists(path):
        add(stage, stage, "fail", "no result file")
        return
    for case in ET.parse(path).getroot().iter("testcase"):
        state, reason = case_state(case)
        add(stage, case.get("name"), state, reason)


if __name__ == "__main__":
    add_junit(sys.argv[1], sys.argv[2])
