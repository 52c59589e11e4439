"""The audit of dependencies: what it reads of a lock file, and of what an index tells."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci/audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(**files: Any) -> dict[str, Any]:
    return {"files": [{"filename": name, "yanked": why} for name, why in files.items()]}


def test_it_finds_every_locked_version(audit: ModuleType) -> None:
    lock = "a-b==1.0 \\\n    --hash=sha256:00\nC.d_e==2.1.post1 ; sys_platform == 'win32' \\\n    --hash=sha256:11\n"

    assert [(pin.name, pin.version) for pin in audit.pins(lock)] == [("a-b", "1.0"), ("c-d-e", "2.1.post1")]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-build.lock"])
def test_our_own_lock_files_are_read(audit: ModuleType, lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert len(list(audit.pins(text))) == sum("==" in line and not line.startswith(" ") for line in text.splitlines())


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a_b-1.0-py3-none-any.whl": "broken", "a-b-1.0.tar.gz": "broken"}, "broken"),
        ({"a_b-1.0-py3-none-any.whl": True, "a-b-1.0.tar.gz": ""}, None),
        ({"a_b-1.0-py3-none-any.whl": True}, "no reason given"),
        ({"a_b-1.0-py3-none-any.whl": False, "a_b-1.0.1-py3-none-any.whl": "broken"}, None),
        ({"a_b-1.0.1-py3-none-any.whl": "broken", "a_b-1.0-py3.egg": "broken"}, None),
        ({}, None),
    ],
)
def test_a_version_is_yanked_when_all_of_its_files_are(
    audit: ModuleType, files: dict[str, Any], why: str | None
) -> None:
    assert audit.yanked(audit.Pin("a-b", "1.0"), page(**files)) == why


def test_known_vulnerabilities_are_told_unless_they_were_withdrawn(audit: ModuleType) -> None:
    known = {"id": "PYSEC-1", "summary": "reads any file", "fixed_in": ["1.1"], "withdrawn": None}
    withdrawn = known | {"id": "PYSEC-2", "withdrawn": "2026-01-01"}

    assert audit.vulnerabilities({"vulnerabilities": [known, withdrawn]}) == ["PYSEC-1: reads any file (fixed in 1.1)"]
