"""The gallery in the browser: who is let in, what they see, and that it is theirs alone."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from services.contact_sheet import ContactSheets
from services.gallery.init_data import NotVouched, Visitor, download_ticket, read_visitor, signature
from services.gallery.thumbnails import KEPT_S, Thumbnails
from shared.access import Profile, Role
from shared.images import Images
from shared.jobs import Image
from shared.store.access import Roles
from tests.bot.stage import BOT, TOKEN, Stage
from tests.bot.updates_scene import ADA, BOB, EVE, GROUP, PICTURE, Scene

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def init_data(who: int = ADA, *, token: str = TOKEN, at: datetime | None = None, **more: str) -> str:
    """What Telegram gives to the page, signed as it does."""
    user = json.dumps({"id": who, "first_name": "Ada", "language_code": "de"})
    fields = {"auth_date": str(int((at or datetime.now(UTC)).timestamp())), "query_id": "AAF", "user": user} | more
    return urlencode(fields | {"hash": signature(fields, token)})


class TestInitData:
    def test_tells_who_opened_the_page(self) -> None:
        assert read_visitor(init_data(at=NOW), TOKEN, NOW) == Visitor(ADA, "de")

    def test_is_checked_as_telegrams_page_says(self) -> None:
        """The example of a widely used implementation (telegram-mini-apps), whose token and data are public."""
        data = (
            "query_id=AAHdF6IQAAAAAN0XohDhrOrc&user=%7B%22id%22%3A279058397%2C%22first_name%22%3A%22Vladislav%22%2C%22"
            "last_name%22%3A%22Kibenko%22%2C%22username%22%3A%22vdkfrost%22%2C%22language_code%22%3A%22ru%22%2C%22"
            "is_premium%22%3Atrue%7D&auth_date=1662771648&hash="
            "c501b71e775f74ce10e377dea85a7ea24ecd640b223ea86dfe453e0eaed2e2b2"
        )
        token = "5768337691:" + "AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8"

        at = datetime.fromtimestamp(1662771648, UTC)
        assert read_visitor(data, token, at) == Visitor(279058397, "ru")

    @pytest.mark.parametrize(
        "forged",
        [
            "",
            "hash=",
            "user",
            "x" * 10_000,
            init_data(at=NOW, token=f"{BOT}:{'b' * 35}"),
            init_data(at=NOW).replace("101", "102"),
            init_data(at=NOW) + "&auth_date=1",
            init_data(at=NOW) + "&more=1",
            init_data(at=NOW).partition("&hash=")[0],
            init_data(at=NOW - timedelta(hours=13)),
            init_data(at=NOW + timedelta(hours=1)),
            init_data(at=NOW, auth_date=""),
            init_data(at=NOW, auth_date="٣"),
            init_data(at=NOW, user=""),
            init_data(at=NOW, user="[]"),
            init_data(at=NOW, user='{"id": "101"}'),
        ],
    )
    def test_that_is_forged_or_old_is_refused(self, forged: str) -> None:
        with pytest.raises(NotVouched):
            read_visitor(forged, TOKEN, NOW)


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"), G2D_GALLERY_URL="https://pictures.example.org/")
    yield Scene(stage)
    stage.close()


@pytest.fixture
def page(scene: Scene) -> TestClient:
    return TestClient(scene.stage.bot._parts.gallery_app)


def as_person(who: int = ADA) -> dict[str, str]:
    return {"authorization": f"tma {init_data(who)}"}


def pictures(page: TestClient, who: int = ADA, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.get("/api/pictures", params=query, headers=as_person(who)).json()["pictures"]
    return found


class TestTheButton:
    @pytest.mark.parametrize("command", ["/gallery", "/history"])
    def test_stands_in_private_chats_alone(self, scene: Scene, command: str) -> None:
        private, group = scene.say(ADA, command, ADA), scene.say(ADA, command, GROUP)

        assert '"web_app": {"url": "https://pictures.example.org/"}' in str(private.sent[0][1]["reply_markup"])
        assert "web_app" not in str(group.sent)


class TestWhoIsLetIn:
    @pytest.mark.parametrize("header", ["", "tma ", "Bearer x", f"tma {init_data(token='1:' + 'c' * 35)}"])
    def test_nobody_without_telegrams_word(self, page: TestClient, scene: Scene, header: str) -> None:
        job = scene.jobs[f"{ADA} in {ADA}"]
        for path in ("", f"/{job}/original", f"/{job}/thumbnail"):
            assert page.get(f"/api/pictures{path}", headers={"authorization": header}).status_code == 401
        assert page.post(f"/api/pictures/{job}/again?press=x", headers={"authorization": header}).status_code == 401

    def test_nobody_who_may_not_use_the_bot(self, page: TestClient, roles: Roles) -> None:
        roles.decide(Profile(EVE, "Eve"), Role.BLOCKED, by=ADA)

        assert page.get("/api/pictures", headers=as_person(EVE)).status_code == 403

    def test_everybody_to_their_own_pictures_alone(self, page: TestClient, scene: Scene) -> None:
        job = scene.jobs[f"{ADA} in {ADA}"]

        assert pictures(page, BOB) == []
        for path in (f"/{job}/original", f"/{job}/thumbnail", f"/{2**63}/original"):
            assert page.get(f"/api/pictures{path}", headers=as_person(BOB)).status_code == 404
        assert page.put(f"/api/pictures/{job}/favourite", headers=as_person(BOB)).status_code == 404


class TestThePage:
    def test_may_load_nothing_from_elsewhere_but_telegrams_script(self, page: TestClient) -> None:
        answer = page.get("/")

        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self' https://telegram.org;" in policy
        assert "unsafe" not in policy
        assert "<style" not in answer.text
        assert "style=" not in answer.text

    def test_shows_pictures_with_their_recipes(self, page: TestClient, scene: Scene) -> None:
        shown = pictures(page)

        assert {scene.jobs[f"{ADA} in {ADA}"], scene.jobs[f"{ADA} in {GROUP}"]} <= {one["id"] for one in shown}
        assert shown[0]["idea"] == "a red fox"
        assert pictures(page, search="whale") == []
        assert pictures(page, before=str(shown[0]["id"])) == shown[1:]

    def test_marks_favourites(self, page: TestClient, scene: Scene) -> None:
        job = scene.jobs[f"{ADA} in {ADA}"]

        page.put(f"/api/pictures/{job}/favourite", headers=as_person())
        assert [(one["id"], one["favourite"]) for one in pictures(page, favourites="1")] == [(job, True)]

        page.delete(f"/api/pictures/{job}/favourite", headers=as_person())
        assert pictures(page, favourites="1") == []

    def test_shows_a_picture_small_and_whole(self, page: TestClient, scene: Scene) -> None:
        job = scene.jobs[f"{ADA} in {ADA}"]
        Images(scene.stage.settings.image_store_url).put(job, PICTURE)

        original = page.get(f"/api/pictures/{job}/original", headers=as_person())
        small = page.get(f"/api/pictures/{job}/thumbnail", headers=as_person())

        assert original.content == PICTURE.data
        assert small.headers["content-type"] == "image/jpeg"


class TestADownload:
    def test_has_a_link_to_one_picture_that_ends(self, page: TestClient, scene: Scene) -> None:
        job = scene.jobs[f"{ADA} in {ADA}"]
        Images(scene.stage.settings.image_store_url).put(job, PICTURE)

        path = page.post(f"/api/pictures/{job}/link", headers=as_person()).json()["path"]
        file = page.get(f"/{path}")

        assert file.content == PICTURE.data
        assert file.headers["content-disposition"].startswith(f'attachment; filename="{job}.')
        assert page.post(f"/api/pictures/{job}/link", headers=as_person(BOB)).status_code == 404
        assert page.get(f"/{path[:-1]}{'0' if path[-1] != '0' else '1'}").status_code == 401
        other = path.replace(f"downloads/{job}.", f"downloads/{job + 1}.")
        assert page.get(f"/{other}").status_code == 401
        old = download_ticket(job, ADA, TOKEN, datetime.now(UTC) - timedelta(hours=1))
        assert page.get(f"/api/downloads/{old}").status_code == 401


class TestThumbnails:
    def test_are_drawn_once_as_long_as_there_is_room_and_it_is_not_long_ago(self, tmp_path: Path) -> None:
        images, drawn, now = Images(tmp_path.as_uri()), [], [0.0]

        class Sheets(ContactSheets):
            def thumbnail(self, picture: bytes) -> bytes:
                drawn.append(picture)
                return picture

        one, two, three = (images.put(n, Image(b"%d" % n * 100, "image/png", 1, 1)) for n in (1, 2, 3))
        thumbnails = Thumbnails(images, Sheets(), max_bytes=250, clock=lambda: now[0])
        for key in (one, two, one, three, one):
            thumbnails.of(key)
        assert [small[:1] for small in drawn] == [b"1", b"2", b"3"]

        thumbnails.of(two)  # which had to make room
        assert len(drawn) == 4
        now[0] = KEPT_S + 1
        images.delete([two])
        with pytest.raises(FileNotFoundError):
            thumbnails.of(two)


class TestAgain:
    def test_orders_the_picture_once_more_in_the_private_chat(self, page: TestClient, scene: Scene) -> None:
        job, before = scene.jobs[f"{ADA} in {GROUP}"], scene.stage.rows()

        for _ in range(2):
            answer = page.post(f"/api/pictures/{job}/again?press=abc", headers=as_person())
            assert answer.status_code == 202

        new = [row for key, row in scene.stage.rows().items() if key[0] == "jobs" and key not in before]
        assert [(row["parent_id"], row["chat_id"], row["private"], row["user_id"]) for row in new] == [
            (job, ADA, 1, ADA)
        ]
