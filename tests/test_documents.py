"""What the documents say is so: settings, links, and what the containers are given."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from shared.catalogue import Catalogue
from shared.settings import BotSettings, BucketSettings, NetworkSettings, Settings, WorkerSettings
from tests import settings_page
from tests.guide import gallery

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PAGES_OF_THE_HOST = "../../actions/"  # beside the files, where the repository is hosted
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
    """``make settings`` writes docs/settings.md."""

    def test_the_page_is_written_from_the_classes(self):
        assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page()

    @pytest.mark.parametrize("kind", [BotSettings, WorkerSettings, NetworkSettings, BucketSettings])
    def test_each_tells_what_it_is_for(self, kind: type[BaseSettings]):
        assert [name for name, field in kind.model_fields.items() if not field.description] == []

    def test_the_page_names_the_image_model_that_is_used_unless_another_is_set(self):
        told = str(BotSettings.model_fields["image_model_setting"].description)

        assert f"`{Catalogue().default}`" in told

    def test_what_compose_reads_itself_is_told(self):
        of_services = names(BotSettings) | names(WorkerSettings)

        assert settings_page.read_by_compose() - of_services == set(settings_page.COMPOSE)

    def test_the_example_names_no_other(self):
        example = (ROOT / ".env.example").read_text(encoding="utf-8")
        named = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))

        assert named - names(BotSettings) - names(WorkerSettings) - set(settings_page.COMPOSE) == set()


def blocks(text: str) -> list[list[str]]:
    """What is to be typed: the lines of each block of code, without comments."""
    found = re.findall(r"^```(?:sh|csv)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [[line.partition(" #")[0].rstrip() for line in one.splitlines() if line[:1] != "#"] for one in found]


def shape(text: str) -> dict[str, list[str]]:
    """What a text has in common with its translation."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return {
        "headings": re.findall(r"^#+(?= )", outside, re.MULTILINE),
        "links": [link for link in re.findall(r"\]\(([^)#]+)\)", outside) if not link.startswith("README")],
        "pictures": re.findall(r'src="([^"]+)"', outside),
        "commands": [command for one in blocks(text) for command in one],
        "rows": [str(line.count("|")) for line in outside.splitlines() if line.startswith("|")],
        "bullets": re.findall(r"^(?:\*|\d\.) ", outside, re.MULTILINE),
        "arrows": [word for word in re.findall(r"\w+|--+>|-\.+->", text) if word in {"-->", "->"}],
    }


class TestTheReadmes:
    def test_the_portuguese_one_tells_the_same(self):
        english, portuguese = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.pt-BR.md")]

        assert shape(portuguese) == shape(english)

    @pytest.mark.parametrize("name", ["README.md", "README.pt-BR.md"])
    def test_they_are_read_in_a_few_minutes(self, name: str):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 120

    def test_the_moving_picture_loads_quickly(self):
        assert (ROOT / "docs/images/demo.gif").stat().st_size <= 3 * 1024 * 1024

    def test_what_make_is_asked_for_is_there(self):
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        typed = [line.split() for file in DOCUMENTS for one in blocks(file.read_text(encoding="utf-8")) for line in one]

        assert {words[1] for words in typed if words[:1] == ["make"] and len(words) > 1} - targets == set()


class TestContainers:
    @pytest.mark.parametrize(("service", "settings"), [("bot", BotSettings), ("worker", WorkerSettings)])
    def test_a_service_can_be_given_every_setting_of_its_own(self, service: str, settings: type[Settings]):
        assert names(settings) - handed_to(service) == SET_BY_THE_IMAGE

    @pytest.mark.parametrize(("service", "other"), [("bot", WorkerSettings), ("worker", BotSettings)])
    def test_a_service_gets_no_setting_of_the_other(self, service: str, other: type[Settings]):
        assert handed_to(service) & (names(other) - names(Settings)) == set()


def anchors(document: Path) -> set[str]:
    """The names of a document's headings in addresses."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestLinks:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
    def test_they_lead_somewhere(self, document: Path):
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))

        files = [link for link in links if not link.startswith(PAGES_OF_THE_HOST)]
        assert [link for link in files if not (document.parent / link).exists()] == []

    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
    def test_they_lead_to_headings_that_are_there(self, document: Path):
        links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text(encoding="utf-8"))

        targets = [(document.parent / link if link else document, anchor) for link, anchor in links]
        assert [anchor for file, anchor in targets if file.suffix == ".md" and anchor not in anchors(file)] == []


class TestTheGuide:
    """``make guide`` takes its pictures: none is missing, none is left over, none is heavy."""

    def test_it_shows_every_picture_that_is_taken(self):
        shown = re.findall(r'src="images/guide/([a-z-]+)\.png"', (ROOT / "docs/guide.md").read_text(encoding="utf-8"))
        scenes = (ROOT / "tests/guide/test_pictures.py").read_text(encoding="utf-8")

        assert sorted(shown) == sorted(re.findall(r'look\(chat, "([a-z-]+)"\)', scenes))
        assert sorted(shown) == sorted(file.stem for file in (ROOT / "docs/images/guide").iterdir())

    def test_its_pictures_load_quickly(self):
        assert [file.name for file in (ROOT / "docs/images/guide").iterdir() if file.stat().st_size > 150 * 1024] == []


class TestTheGallery:
    """``make gallery`` writes it."""

    def test_is_written_from_its_examples(self):
        assert gallery.PAGE.read_text(encoding="utf-8") == gallery.page()
        assert sorted(file.stem for file in gallery.PICTURES.iterdir()) == sorted(name for name, *_ in gallery.EXAMPLES)

    def test_its_pictures_load_quickly(self):
        assert sum(file.stat().st_size for file in gallery.PICTURES.iterdir()) <= 1_500 * 1024
