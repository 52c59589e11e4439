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
PACKAGES = ("services", "shared")


def locked(lock: str) -> dict[str, str]:
    """Name → version."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    pins = (Requirement(line.rstrip(" \\")) for line in lines if line and not line.startswith((" ", "#")))
    return {pin.name: next(iter(pin.specifier)).version for pin in pins}


def project(folder: str = ".") -> dict:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def unmet(requirements: list[str], lock: str) -> list[str]:
    pins = locked(lock)
    wanted = [Requirement(requirement) for requirement in requirements]
    return [str(one) for one in wanted if not one.specifier.contains(pins.get(canonicalize_name(one.name), "0"))]


class TestLocks:
    def test_what_the_services_need_is_locked(self):
        assert unmet(project()["dependencies"], "requirements.lock") == []

    def test_what_the_sandbox_needs_is_locked(self):
        assert unmet(project("sandbox")["dependencies"], "sandbox/requirements.lock") == []

    def test_what_the_tests_need_is_locked(self):
        everything = project()["dependencies"] + project()["optional-dependencies"]["dev"]
        everything += project("sandbox")["dependencies"]

        assert unmet(everything, "requirements-dev.lock") == []

    @pytest.mark.parametrize("lock", ["requirements.lock", "sandbox/requirements.lock"])
    def test_the_tests_run_on_the_versions_that_are_installed(self, lock: str):
        tested = locked("requirements-dev.lock")

        assert {name: tested.get(name) for name in locked(lock)} == locked(lock)

    def test_the_services_bring_no_web_server_of_the_sandbox(self):
        assert {"starlette", "uvicorn", "python-multipart"} & locked("requirements.lock").keys() == set()


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the project's wheel."""
    source = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        _copy(package, source / package)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        (source / file).write_bytes((ROOT / file).read_bytes())
    return _built(source)


@pytest.fixture(scope="module")
def packed_sandbox(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the sandbox's wheel."""
    source = tmp_path_factory.mktemp("sandbox")
    _copy("sandbox", source)
    return _built(source)


class TestWheels:
    @pytest.mark.parametrize("package", PACKAGES)
    def test_the_projects_holds_every_file(self, packed: set[str], package: str):
        here = {str(file.relative_to(ROOT)) for file in _files(package)}

        assert here - packed == set()

    def test_the_projects_holds_nothing_of_the_sandbox(self, packed: set[str]):
        assert {name for name in packed if name.startswith("sandbox")} == set()

    def test_the_sandboxs_holds_every_file(self, packed_sandbox: set[str]):
        here = {str(file.relative_to(ROOT)) for file in _files("sandbox")}

        assert here - packed_sandbox <= {"sandbox/pyproject.toml", "sandbox/requirements.lock"}


def _built(source: Path) -> set[str]:
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _files(package: str) -> list[Path]:
    found = (ROOT / package).rglob("*")
    made = ("__pycache__", "build", "gemini_to_diffusion_sandbox.egg-info")
    return [file for file in found if file.is_file() and not set(made) & set(file.parts)]


def _copy(package: str, target: Path) -> None:
    for file in _files(package):
        copy = target / file.relative_to(ROOT / package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
