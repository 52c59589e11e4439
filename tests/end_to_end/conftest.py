"""Installations of both sizes.

A module that names ``SETTINGS`` or ``WORKERS`` gets an installation with these; all others share one, for starting
processes takes its time. Every test brings people of its own.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sandbox.client import SandboxClient
from tests.end_to_end.installation import MODEL, Installation, installed

LAST_LINES, LONGEST_LINE = 80, 400  # of the log, shown under a test that failed
USUAL = {"G2D_IMAGE_MODEL": MODEL, "G2D_LEASE_S": "3"}


@pytest.fixture(scope="session", params=["embedded", pytest.param("distributed", marks=pytest.mark.distributed)])
def size(request: pytest.FixtureRequest) -> str:
    """How big the installation is: one process on SQLite, or several on Postgres and Redis."""
    return str(request.param)


class Provision:
    """Gives out installations: the same one as long as the same is asked for, and never two at a time."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._wishes: object = None
        self._stack = ExitStack()

    def __call__(self, size: str, settings: dict[str, str], workers: int) -> Installation:
        if self._wishes != (size, settings, workers):
            self.close()
            folder = self._factory.mktemp(size)
            self._given = self._stack.enter_context(installed(size, folder, workers=workers, **settings))
            self._wishes = size, settings, workers
        return self._given

    def close(self) -> None:
        """End what was given out."""
        self._wishes = None
        self._stack.close()


PROVISION = pytest.StashKey[Provision]()


@pytest.fixture(scope="session")
def _provide(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provision]:
    provision = request.session.stash[PROVISION] = Provision(tmp_path_factory)
    yield provision
    provision.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the installation before a test that needs none: others need its memory and its connections to Postgres."""
    if nextitem is not None and "_installation" not in nextitem.fixturenames and PROVISION in item.session.stash:
        item.session.stash[PROVISION].close()


@pytest.fixture(scope="module")
def _installation(request: pytest.FixtureRequest, size: str, _provide: Provision) -> Installation:
    settings = getattr(request.module, "SETTINGS", USUAL)
    return _provide(size, settings, getattr(request.module, "WORKERS", 1))


@pytest.fixture
def installation(_installation: Installation) -> Iterator[Installation]:
    """The module's installation, running, as a test finds it: no faults, no grudge, nothing in the journal."""
    sandbox = _installation.sandbox
    sandbox.clear_faults()
    _installation.start()
    _installation.bear_no_grudge()
    sandbox.clear_journal()
    sandbox.call("DELETE", "/violations")

    yield _installation

    sandbox.clear_faults()
    print("\n".join(line[:LONGEST_LINE] for line in _installation.log.splitlines()[-LAST_LINES:]))
    assert sandbox.violations() == []


@pytest.fixture
def sandbox(installation: Installation) -> SandboxClient:
    """People and switchboard of the running installation."""
    return installation.sandbox
