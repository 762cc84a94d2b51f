# SPDX-License-Identifier: Apache-2.0
"""One rig per run. A test asks for `rig`, or for `a`, the client of the first server; each makes its own namespace."""
import secrets

import pytest

import rig as rig_module


def pytest_collection_modifyitems(items):
    # The counts of a run are only known at its end.
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def rig():
    rig = rig_module.Rig()
    try:
        rig.start()
        yield rig
    finally:
        rig.close()


@pytest.fixture(scope="session")
def a(rig):
    return rig.a.client


@pytest.fixture
def namespace(rig):
    return rig.kube.namespace(f"t-{secrets.token_hex(4)}")
