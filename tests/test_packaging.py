"""What is installed elsewhere is what lies here: the locks follow the project file, and no file stays behind."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("services", "shared", "sandbox")


def locked(lock: str) -> dict[str, str]:
    """Name → version."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    pins = (Requirement(line.rstrip(" \\")) for line in lines if line and not line.startswith((" ", "#")))
    return {pin.name: next(iter(pin.specifier)).version for pin in pins}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def unmet(requirements: list[str], lock: str) -> list[str]:
    pins = locked(lock)
    wanted = [Requirement(requirement) for requirement in requirements]
    return [str(one) for one in wanted if not one.specifier.contains(pins.get(canonicalize_name(one.name), "0"))]


class TestLocks:
    def test_what_the_services_need_is_locked(self):
        assert unmet(project()["dependencies"], "requirements.lock") == []

    def test_what_the_tests_need_is_locked(self):
        everything = project()["dependencies"] + project()["optional-dependencies"]["dev"]

        assert unmet(everything, "requirements-dev.lock") == []

    def test_the_tests_run_on_the_versions_that_the_services_run_on(self):
        tested = locked("requirements-dev.lock")

        assert {name: tested.get(name) for name in locked("requirements.lock")} == locked("requirements.lock")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the project's wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for package in PACKAGES:
        _copy(package, source)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        (source / file).write_bytes((ROOT / file).read_bytes())
    build = "from setuptools.build_meta import build_wheel; import sys; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, folder], cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


class TestWheel:
    @pytest.mark.parametrize("package", PACKAGES)
    def test_it_holds_every_file(self, packed: set[str], package: str):
        here = {str(file.relative_to(ROOT)) for file in _files(package)}

        assert here - packed == set()


def _files(package: str) -> list[Path]:
    found = (ROOT / package).rglob("*")
    return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


def _copy(package: str, target: Path) -> None:
    for file in _files(package):
        copy = target / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
