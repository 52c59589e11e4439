"""/settings: every page, exact values, for whom it is meant, and what the choices do to a picture."""

import pytest

from shared.store.models import CHAT, IMAGE, Models
from shared.store.people import People
from tests.end_to_end.installation import wait_until
from tests.end_to_end.pressing import answer_to, warns

SETTINGS = {"G2D_IMAGE_MODEL": "black-forest-labs/FLUX.1-dev"}


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def open_settings(sandbox, person, chat=None):
    sandbox.say(person, "/settings", **({"chat": chat} if chat else {}))
    return sandbox.wait_for_message(chat or person, lambda message: "Settings" in message.get("text", ""))


def open_page(sandbox, person, menu, label):
    """Open the page of a preference, named by its label; those that few people change stand on a second page."""
    chat = menu["chat"]["id"]
    if not any(label in name for name in labels(menu)):
        sandbox.press(person, menu, "Advanced ›")
        menu = showing(sandbox, chat, menu, "", label)
    sandbox.press(person, menu, next(name for name in labels(menu) if label in name))


def labels(menu):
    return [button["text"] for row in menu["reply_markup"]["inline_keyboard"] for button in row]


def showing(sandbox, chat, menu, words, button=""):
    """The settings message once it shows these words and this button."""
    return sandbox.wait_for_message(
        chat,
        lambda one: (
            one["message_id"] == menu["message_id"]
            and words in one.get("text", "")
            and button in str(one.get("reply_markup"))
        ),
    )


def orders(sandbox):
    return [entry["body"] for entry in sandbox.journal("router") if entry["method"] == "POST"]


@pytest.fixture(scope="module", autouse=True)
def surveyed(_installation):
    """The bot knows what the services name: it reads the lists when it starts."""
    _installation.start()
    models = Models(_installation.database)
    wait_until(lambda: models.all(IMAGE) and models.all(CHAT), what="the first surveys")
    _installation.bot.stop()


class TestEveryPage:
    @pytest.mark.parametrize(
        ("page", "button", "after"),
        [
            ("💬 Chat model", "gemini-3.5-flash", "Chat model: gemini-3.5-flash"),
            ("🎨 Image model", "Qwen-Image 🟢", "Image model: Qwen-Image"),
            ("✍️ Prompt length (tokens)", "160", "tokens): 160"),
            ("📜 Answer length (tokens)", "512", "tokens): 512"),
            ("📐 Ratio", "16:9", "Ratio: 16:9"),
            ("🖌 Style", "noir", "Style: noir"),
            ("🌍 Language", "English", "Language: English"),
        ],
    )
    def test_takes_a_choice_in_the_one_message(self, sandbox, ada, page, button, after):
        menu = open_settings(sandbox, ada)

        open_page(sandbox, ada, menu, page)
        menu = showing(sandbox, ada, menu, page, button)
        sandbox.press(ada, menu, button)
        menu = showing(sandbox, ada, menu, after, f"✓ {button}")
        sandbox.press(ada, menu, "‹ Back")

        showing(sandbox, ada, menu, "", after)
        assert len(sandbox.from_bot(ada)) == 1

    def test_has_switches_that_show_their_state(self, sandbox, ada):
        menu = open_settings(sandbox, ada)

        sandbox.press(ada, menu, "📄 Send as file ☐")
        sandbox.press(ada, menu, "📄 Send as file ☐")

        showing(sandbox, ada, menu, "Settings", "📄 Send as file ✅")

    @pytest.mark.parametrize(
        ("page", "explained"),
        [
            ("🌡 Temperature", "How creative"),
            ("🎯 Top-p", "likely words Gemini considers"),
            ("🔝 Top-k", "From how many words"),
        ],
    )
    def test_explains_the_hard_words(self, installation, sandbox, ada, page, explained):
        People(installation.database).choose(ada["id"], "en", chat_model="gemini-3.5-flash")
        menu = open_settings(sandbox, ada)
        open_page(sandbox, ada, menu, page)
        menu = showing(sandbox, ada, menu, page, "'?'")

        sandbox.press(ada, menu, "?")

        showing(sandbox, ada, menu, explained)

    def test_turns_through_a_long_list_and_knows_models_that_were_not_shipped(self, installation, sandbox, ada):
        menu = open_settings(sandbox, ada)
        open_page(sandbox, ada, menu, "💬 Chat model")
        menu = showing(sandbox, ada, menu, "Chat model: gemini-3.8-flash", "1/2")

        sandbox.press(ada, menu, "›")
        menu = showing(sandbox, ada, menu, "Chat model", "gemini-2.5-pro")
        sandbox.press(ada, menu, "gemini-2.5-pro")
        showing(sandbox, ada, menu, "Chat model: gemini-2.5-pro", "✓ gemini-2.5-pro")

        assert "embedding" not in str(menu)
        assert People(installation.database).preferences(ada["id"]).chat_model == "gemini-2.5-pro"

    def test_goes_as_far_as_the_models_own_card(self, installation, sandbox, ada):
        People(installation.database).choose(ada["id"], "en", chat_model="gemini-3.5-flash")
        menu = open_settings(sandbox, ada)

        open_page(sandbox, ada, menu, "🔝 Top-k")
        menu = showing(sandbox, ada, menu, "Top-k: default", "Exact")
        sandbox.press(ada, menu, "✏️ Exact value")

        sandbox.wait_for_message(ada, lambda one: "from 1 to 64" in one.get("text", ""))


class TestAnExactValue:
    @pytest.fixture
    def asked(self, sandbox, ada, installation):
        menu = open_settings(sandbox, ada)
        open_page(sandbox, ada, menu, "✍️ Prompt length (tokens)")
        sandbox.press(ada, showing(sandbox, ada, menu, "(tokens): 80", "Exact"), "✏️ Exact value")
        question = sandbox.wait_for_message(ada, lambda one: "from 10 to 2048" in one.get("text", ""))
        return menu, question

    def test_comes_by_reply_and_shows_in_the_settings(self, sandbox, ada, asked):
        menu, question = asked

        sandbox.say(ada, "123", reply_to_message_id=question["message_id"])

        showing(sandbox, ada, menu, "(tokens): 123")

    def test_s_question_has_a_link_that_opens_the_same_page(self, sandbox, ada, asked):
        _, question = asked
        [link] = [one["url"] for one in question["entities"] if "start=" in one.get("url", "")]

        sandbox.say(ada, f"/start {link.partition('start=')[2]}")

        sandbox.wait_for_message(
            ada, lambda one: "(tokens): 80" in one.get("text", "") and "Exact" in str(one.get("reply_markup"))
        )

    @pytest.mark.parametrize(("typed", "said"), [("7", "goes from 10 to 2048"), ("a lot", "isn't a number")])
    def test_that_can_not_be_is_explained_and_changes_nothing(self, installation, sandbox, ada, asked, typed, said):
        _, question = asked

        sandbox.say(ada, typed, reply_to_message_id=question["message_id"])

        sandbox.wait_for_message(ada, lambda one: said in one.get("text", ""))
        assert People(installation.database).preferences(ada["id"]).prompt_tokens == 80


class TestAGroup:
    def test_has_settings_of_its_own_that_its_admins_choose(self, installation, sandbox, ada):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        sandbox.say(bob, "/settings", chat=group)
        sandbox.wait_for_message(group, lambda one: "Only admins can change" in one.get("text", ""))

        menu = open_settings(sandbox, ada, group)
        refusal = answer_to(sandbox, sandbox.press(bob, menu, "set ratio"))
        sandbox.press(ada, menu, "📄 Send as file ☐")
        showing(sandbox, group, menu, "Settings", "📄 Send as file ✅")

        assert warns(refusal)
        people = People(installation.database)
        assert people.preferences(group["id"]).as_file
        assert not people.preferences(ada["id"]).as_file

    def test_takes_choices_of_an_admin_who_speaks_in_its_name(self, installation, sandbox, ada):
        group = sandbox.group(ada)
        sandbox.say(ada, "/settings", chat=group, as_chat=group["id"])
        menu = sandbox.wait_for_message(group, lambda message: "Settings of this group" in message.get("text", ""))
        open_page(sandbox, ada, menu, "✍️ Prompt length (tokens)")
        sandbox.press(ada, showing(sandbox, group, menu, "(tokens): 80", "Exact"), "✏️ Exact value")
        question = sandbox.wait_for_message(group, lambda one: "from 10 to 2048" in one.get("text", ""))

        sandbox.say(ada, "123", chat=group, as_chat=group["id"], reply_to_message_id=question["message_id"])

        showing(sandbox, group, menu, "(tokens): 123")
        assert People(installation.database).preferences(group["id"]).prompt_tokens == 123


class TestAPicture:
    def test_is_made_as_was_chosen(self, installation, sandbox, ada):
        People(installation.database).choose(
            ada["id"],
            "en",
            chat_model="gemini-3.5-flash",
            image_model="Qwen/Qwen-Image",
            temperature=0.3,
            top_p=0.8,
            top_k=20,
            prompt_tokens=30,
            ratio=(16, 9),
            style="noir",
            as_file=True,
        )

        sandbox.say(ada, "/imagine a cat on a roof")
        message = sandbox.wait_for_message(ada, lambda one: one.get("document"))

        [question] = sandbox.journal("gemini", "generateContent")
        assert "/gemini-3.5-flash:" in question["path"]
        config = question["body"]["generationConfig"]
        assert (config["temperature"], config["topP"], config["topK"]) == (0.3, 0.8, 20)
        assert "30 tokens" in str(question["body"]["systemInstruction"])
        assert len(orders(sandbox)) == 1
        assert all(words in message["caption"] for words in ("Qwen-Image", "16:9", "noir"))

    def test_of_a_message_that_says_otherwise_is_made_as_it_says(self, installation, sandbox, ada):
        People(installation.database).choose(ada["id"], "en", ratio=(16, 9), style="noir", rewriting=False)

        sandbox.say(ada, "/imagine a cat on a roof --ar 1:1 --style oil")
        [photo] = sandbox.wait_for_photo(ada)

        assert all(words in photo["caption"] for words in ("1:1", "oil", "raw"))
        assert sandbox.journal("gemini", "generateContent") == []


class TestReset:
    def test_asks_first_and_then_forgets(self, installation, sandbox, ada):
        people = People(installation.database)
        people.choose(ada["id"], "en", style="noir", temperature=0.3)
        menu = open_settings(sandbox, ada)

        sandbox.press(ada, menu, "Advanced ›")
        sandbox.press(ada, showing(sandbox, ada, menu, "", "Reset all"), "↩️ Reset all")
        menu = showing(sandbox, ada, menu, "Reset all settings")
        assert people.preferences(ada["id"]).style == "noir"
        sandbox.press(ada, menu, "↩️ Yes, reset all")

        showing(sandbox, ada, menu, "", "Style: default")
        assert people.preferences(ada["id"]).to_json() == {}


class TestTheMenuOfCommands:
    def test_has_the_settings(self, sandbox, ada):
        assert "settings" in [command["command"] for command in sandbox.commands(ada)]
