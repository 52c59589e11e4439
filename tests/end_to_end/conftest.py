"""Installations of both sizes; each module has its own, with the settings that its ``SETTINGS`` names."""

from collections.abc import Iterator

import pytest
from installation import Installation, installed

from sandbox.client import SandboxClient

LAST_LINES = 80  # of the log, shown under a test that failed


@pytest.fixture(scope="module", params=["embedded", pytest.param("distributed", marks=pytest.mark.distributed)])
def _installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = getattr(request.module, "SETTINGS", {})
    workers = getattr(request.module, "WORKERS", 1)
    folder = tmp_path_factory.mktemp(request.param)
    with installed(request.param, folder, workers=workers, **settings) as made:
        yield made


@pytest.fixture
def installation(_installation: Installation) -> Iterator[Installation]:
    """The module's installation, running, as a test finds it: no faults, nothing in the journal."""
    sandbox = _installation.sandbox
    sandbox.clear_faults()
    _installation.start()
    sandbox.clear_journal()
    sandbox.call("DELETE", "/violations")

    yield _installation

    sandbox.clear_faults()
    print("\n".join(_installation.log.splitlines()[-LAST_LINES:]))
    assert sandbox.violations() == []


@pytest.fixture
def sandbox(installation: Installation) -> SandboxClient:
    return installation.sandbox
