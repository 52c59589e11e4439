"""What is installed elsewhere is what lies here: the locks follow the project file, and no file stays behind."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("services", "shared")
KEPT = re.compile(r"PATH|HOME|LANG|TMPDIR|XDG_CACHE_HOME|(?:PIP|UV)_\w+")


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

    def test_what_the_pages_need_is_locked(self):
        wanted = (ROOT / "docs/requirements.in").read_text(encoding="utf-8").splitlines()

        assert unmet(wanted, "docs/requirements.lock") == []

    @pytest.mark.parametrize("lock", ["requirements.lock", "sandbox/requirements.lock"])
    def test_the_tests_run_on_the_versions_that_are_installed(self, lock: str):
        tested = locked("requirements-dev.lock")

        assert {name: tested.get(name) for name in locked(lock)} == locked(lock)

    def test_the_services_bring_nothing_that_the_sandbox_alone_needs(self):
        its_own = locked("sandbox/requirements.lock").keys() - locked("requirements.lock").keys()

        assert "python-multipart" in its_own


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's sdist, built from what lies here, and unpacked."""
    source = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        _copy(package, source / package)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        (source / file).write_bytes((ROOT / file).read_bytes())
    sdist = _build(source, "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(source / "unpacked", filter="data")
    (unpacked,) = (source / "unpacked").iterdir()
    return unpacked


@pytest.fixture(scope="module")
def wheel(unpacked: Path) -> Path:
    """The project's wheel, built from its sdist."""
    return _build(unpacked, "wheel")


@pytest.fixture(scope="module")
def packed(wheel: Path) -> set[str]:
    """The names of the files in the project's wheel."""
    return _names(wheel)


@pytest.fixture(scope="module")
def packed_sandbox(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the sandbox's wheel."""
    source = tmp_path_factory.mktemp("sandbox")
    _copy("sandbox", source)
    return _names(_build(source, "wheel"))


class TestTheSdist:
    def test_holds_every_file_and_what_it_is_built_from(self, unpacked: Path):
        here = {str(file.relative_to(ROOT)) for package in PACKAGES for file in _files(package)}
        there = {str(file.relative_to(unpacked)) for file in unpacked.rglob("*") if file.is_file()}

        assert (here | {"pyproject.toml", "README.md", "LICENSE"}) - there == set()

    def test_tells_the_version_and_the_licence(self, unpacked: Path):
        told = (unpacked / "PKG-INFO").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()

        assert {f"Version: {project()['version']}", "License-Expression: MIT"} <= set(told)
        assert unpacked.name == f"gemini_to_diffusion-{project()['version']}"


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


class TestAnEmptyEnvironment:
    def test_the_wheel_runs_there(self, wheel: Path, tmp_path: Path) -> None:
        """What it reads at run time is in it: locales, prices, styles, migrations."""
        python = tmp_path / "environment/bin/python"
        _run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "environment")
        for what in (["--require-hashes", "-r", ROOT / "requirements.lock"], ["--no-deps", wheel]):
            _run(Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--python", python, *what)
        g2d, folder = python.with_name("g2d"), tmp_path / "folder"
        folder.mkdir()
        (folder / "ideas.txt").write_text("a fox --style oil\n", encoding="utf-8")

        assert _run(g2d, "--version", folder=folder) == f"g2d {project()['version']}\n"
        _run(g2d, "migrate", folder=folder)
        assert (folder / "data/g2d.db").exists()
        assert _run(g2d, "batch", "ideas.txt", "--dry-run", folder=folder).startswith("1 picture of 1 idea,")


class TestTheVersion:
    def test_is_the_newest_that_the_changelog_tells_of(self) -> None:
        versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

        assert next(one for one in versions if one != "[Unreleased]") == project()["version"]

    def test_is_the_images_in_the_pages(self) -> None:
        pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.yaml")]
        tags = [
            tag for page in pages for tag in re.findall(r"gemini-to-diffusion:(\d[\w.]*\d)", page.read_text("utf-8"))
        ]

        assert set(tags) == {project()["version"]}

    def test_is_the_sandboxs_too(self) -> None:
        assert project("sandbox")["version"] == project()["version"]


def _build(source: Path, kind: str) -> Path:
    """Build an sdist or a wheel, as an installer does."""
    build = f"from setuptools.build_meta import build_{kind}; build_{kind}('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (built,) = (source / "dist").iterdir()
    return built


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _run(*command: object, folder: Path | None = None) -> str:
    """What a command says that has to succeed; it knows where packages come from, and no setting of the bot."""
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    index = {"UV_DEFAULT_INDEX": kept["PIP_INDEX_URL"]} if "PIP_INDEX_URL" in kept else {}
    authorities = {"SSL_CERT_FILE": kept["PIP_CERT"]} if "PIP_CERT" in kept else {}
    environment = {"UV_SYSTEM_CERTS": "1", **authorities, **index, **kept}
    done = subprocess.run(
        [str(one) for one in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _files(package: str) -> list[Path]:
    found = (ROOT / package).rglob("*")
    made = ("__pycache__", "build", "gemini_to_diffusion_sandbox.egg-info")
    return [file for file in found if file.is_file() and not set(made) & set(file.parts)]


def _copy(package: str, target: Path) -> None:
    for file in _files(package):
        copy = target / file.relative_to(ROOT / package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
