"""What somebody has had made is found again in all places: /history, inline, in the gallery, and in an export."""

import io
import re
import zipfile
from urllib.parse import parse_qs

import requests

from sandbox.client import Json, SandboxClient
from tests.end_to_end.installation import MODEL, Installation, wait_until

SETTINGS = {
    "G2D_IMAGE_MODEL": MODEL,
    "G2D_LEASE_S": "3",
    "G2D_GALLERY_PORT": "0",
    "G2D_GALLERY_URL": "https://gallery.example",
}


def keyboard(message: Json) -> list[str]:
    return [button["text"] for row in message["reply_markup"]["inline_keyboard"] for button in row]


def found_inline(sandbox: SandboxClient, who: Json, words: str) -> tuple[str, Json]:
    """The answer to ``@bot words``, and the query's id."""
    query = sandbox.ask_inline(who, words)
    answer = sandbox.wait_for(lambda: (seen := sandbox.inline_answer(query))["answered"] and seen, what="the answer")
    return query, answer


class Page:
    """The gallery's page, as somebody opened it in Telegram."""

    def __init__(self, installation: Installation, who: Json) -> None:
        sandbox = installation.sandbox
        sandbox.say(who, "/gallery")
        card = sandbox.wait_for_message(who, lambda one: "🖼 Gallery" in str(one.get("reply_markup")))
        opened = sandbox.open_web_app(who, card, "🖼 Gallery")
        assert opened.startswith("https://gallery.example/#")
        self._data = parse_qs(opened.partition("#")[2])["tgWebAppData"][0]
        port = re.findall(r"gallery is served\D+127\.0\.0\.1:(\d+)", installation.bot.log)[-1]
        self._url = f"http://127.0.0.1:{port}/api/pictures"

    def ask(self, path: str = "", method: str = "GET", data: str | None = None) -> requests.Response:
        headers = {"authorization": f"tma {self._data if data is None else data}"}
        with requests.Session() as http:
            http.trust_env = False
            return http.request(method, self._url + path, headers=headers, timeout=30)


class TestAPicture:
    def test_is_found_by_its_person_alone_until_they_remove_it(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        made = installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))
        [photo] = sandbox.photos(ada)
        sandbox.say(bob, "/start")

        sandbox.say(ada, "/history FOXES? fox")
        sandbox.wait_for_message(ada, lambda one: "FOXES? fox" in one.get("text", ""))
        sandbox.say(ada, "/history Snow")
        shown = sandbox.wait_for_message(ada, lambda one: "🔎 Snow" in one.get("caption", ""))
        sandbox.press(ada, shown, "☆ Favourite")
        sandbox.wait_for_message(ada, lambda one: "reply_markup" in one and "⭐ Favourite" in keyboard(one))

        query, answer = found_inline(sandbox, ada, "snow")
        assert [one["id"] for one in answer["results"]] == [str(made.id)]
        sent = sandbox.choose_inline(query, str(made.id), chat=sandbox.group(ada, bob))
        assert {one["photo"][-1]["file_unique_id"] for one in (photo, shown, sent)} == {
            photo["photo"][-1]["file_unique_id"]
        }
        _, others = found_inline(sandbox, bob, "snow")
        assert (others["results"], others["button"]["text"]) == ([], "🎨 Create this picture")

        page, bobs = Page(installation, ada), Page(installation, bob)
        [picture] = page.ask("?search=snow&favourites=1").json()["pictures"]
        assert (picture["id"], bobs.ask().json()["pictures"]) == (made.id, [])
        assert page.ask(f"/{made.id}/original").content == installation.picture(made.image_key)
        assert page.ask(f"/{made.id}/thumbnail").headers["content-type"] == "image/jpeg"
        assert bobs.ask(f"/{made.id}/original").status_code == 404
        assert page.ask(data="user=%7B%22id%22%3A1%7D&hash=0").status_code == 401
        assert page.ask(f"/{made.id}/again?press=one", "POST").status_code == 202
        assert page.ask(f"/{made.id}/again?press=one", "POST").status_code == 202
        assert len(sandbox.wait_for_photo(ada, count=3)) == 3  # in the history, and once more

        sandbox.press(ada, shown, "🗑 Delete")
        sure = sandbox.wait_for_message(ada, lambda one: "reply_markup" in one and "🗑 Delete for good" in keyboard(one))
        sandbox.press(ada, sure, "🗑 Delete for good")
        sandbox.wait_for(lambda: page.ask(f"/{made.id}/original").status_code == 404, what="the removal")
        wait_until(lambda: is_gone(installation, made.image_key), what="the file's removal")  # after the record's


def is_gone(installation, image_key):
    """Whether the image store no longer has a picture."""
    try:
        installation.picture(image_key)
    except FileNotFoundError:
        return True
    return False


class TestAnExport:
    def test_that_is_being_sent_goes_on_after_a_kill(self, installation, sandbox):
        ada = sandbox.person("Ada")
        made = installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))
        sandbox.arm("telegram", path="sendDocument", gate="document")
        sandbox.say(ada, "/export")
        sandbox.wait_at_gate("document")

        installation.kill()
        sandbox.open_gate("document")
        installation.start()
        sandbox.wait_for_message(ada, lambda one: "Your export is complete" in one.get("text", ""))

        sent = [one for one in sandbox.from_bot(ada) if "document" in one]
        assert 1 <= len(sent) <= 2  # the one on its way at the kill may have come, too
        for one in sent:
            archive = zipfile.ZipFile(io.BytesIO(sandbox.file(one["document"])))
            assert installation.picture(made.image_key) in [archive.read(name) for name in archive.namelist()]
        assert not list((installation.folder / "images").glob("exports/*/*"))
