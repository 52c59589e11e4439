"""What the documents say is so: settings, links, and what the containers are given."""

import re
from pathlib import Path

import pytest

from shared.settings import BotSettings, Settings, WorkerSettings

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SET_BY_THE_IMAGE = {"G2D_DATA_DIR", "G2D_HEARTBEAT_FILE"}


def names(settings: type[Settings]) -> set[str]:
    """The variables that these settings are read from."""
    return {str(field.validation_alias) for field in settings.model_fields.values()}


def handed_to(service: str) -> set[str]:
    """The variables that the file for Docker Compose names for a service, those for both services included."""
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    shared = compose[compose.index("x-environment:") : compose.index("x-alive:")]
    own = re.search(rf"^  {service}:\n(?:(?:    .*)?\n)+", compose, re.MULTILINE)
    assert own is not None
    return set(re.findall(r"^ +([A-Z][A-Z0-9_]+):", shared + own[0], re.MULTILINE))


class TestSettings:
    @pytest.mark.parametrize("name", sorted(names(BotSettings) | names(WorkerSettings)))
    def test_the_readme_tells_what_it_is_for(self, name: str):
        table = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"]

        assert any(f"`{name}`" in line.split("|")[1] for line in table)

    def test_the_readme_tells_of_no_other(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        told = set(re.findall(r"^\| ((?:`[A-Z0-9_]+`(?:, )?)+) \|", text, re.MULTILINE))

        assert {name for cell in told for name in re.findall(r"[A-Z0-9_]+", cell)} == (
            names(BotSettings) | names(WorkerSettings)
        )


class TestContainers:
    @pytest.mark.parametrize(("service", "settings"), [("bot", BotSettings), ("worker", WorkerSettings)])
    def test_a_service_can_be_given_every_setting_of_its_own(self, service: str, settings: type[Settings]):
        assert names(settings) - handed_to(service) == SET_BY_THE_IMAGE

    @pytest.mark.parametrize(("service", "other"), [("bot", WorkerSettings), ("worker", BotSettings)])
    def test_a_service_gets_no_setting_of_the_other(self, service: str, other: type[Settings]):
        assert handed_to(service) & (names(other) - names(Settings)) == set()


class TestLinks:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
    def test_they_lead_somewhere(self, document: Path):
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))

        assert [link for link in links if not (document.parent / link).exists()] == []


class TestTheGuide:
    """``make guide`` takes its pictures: none is missing, none is left over, none is heavy."""

    def test_it_shows_every_picture_that_is_taken(self):
        shown = re.findall(r'src="images/guide/([a-z-]+)\.png"', (ROOT / "docs/guide.md").read_text(encoding="utf-8"))
        scenes = (ROOT / "tests/guide/test_pictures.py").read_text(encoding="utf-8")

        assert sorted(shown) == sorted(re.findall(r'look\(chat, "([a-z-]+)"\)', scenes))
        assert sorted(shown) == sorted(file.stem for file in (ROOT / "docs/images/guide").iterdir())

    def test_its_pictures_load_quickly(self):
        assert [file.name for file in (ROOT / "docs/images/guide").iterdir() if file.stat().st_size > 150 * 1024] == []
