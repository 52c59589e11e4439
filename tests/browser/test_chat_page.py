"""What a person can do and see on the chat page, in a real browser, with a real bot on the other side."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from tests.browser.puppet_bot import Bot, a_jpeg
from tests.servers import free_port

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Page]
Guest = Callable[[str], int]
AGAIN = {"inline_keyboard": [[{"text": "Again", "callback_data": "again:1"}]]}


def bubble(page: Page, text: str) -> Locator:
    """The messages that hold a text."""
    return page.get_by_role("log").get_by_role("article").filter(has_text=text)


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


def write(page: Page, text: str) -> None:
    field(page).fill(text)
    field(page).press("Enter")


class TestTheFirstVisit:
    def test_it_opens_the_chat_with_the_bot_and_start_says_start(
        self, open_page: OpenPage, bot: Bot, new_browser: BrowserContext
    ) -> None:
        page = open_page(context=new_browser)

        page.get_by_role("button", name="START", exact=True).click()

        said = bot.next_update()["message"]
        assert said["text"] == "/start"
        assert said["from"]["first_name"] == "You"
        expect(bubble(page, "/start")).to_be_visible()
        expect(field(page)).to_be_visible()

    def test_an_empty_chat_shows_what_the_bot_can_do(
        self, open_page: OpenPage, bot: Bot, new_browser: BrowserContext
    ) -> None:
        bot.call("setMyDescription", description="I paint what you describe.")

        page = open_page(context=new_browser)

        expect(page.get_by_text("I paint what you describe.")).to_be_visible()

    def test_the_page_says_that_nothing_leaves_the_machine(
        self, open_page: OpenPage, new_browser: BrowserContext
    ) -> None:
        page = open_page(context=new_browser)

        expect(page.get_by_text("Sandbox — nothing here leaves this machine")).to_be_visible()

    def test_whoever_comes_again_is_the_same_person(
        self, open_page: OpenPage, bot: Bot, new_browser: BrowserContext
    ) -> None:
        page = open_page(context=new_browser)
        page.get_by_role("button", name="START", exact=True).click()
        expect(bubble(page, "/start")).to_be_visible()

        page.reload()

        expect(bubble(page, "/start")).to_be_visible()


class TestWriting:
    def test_a_sent_message_reaches_the_bot(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)

        write(page, "/imagine a red fox")

        assert bot.next_update()["message"]["text"] == "/imagine a red fox"
        expect(bubble(page, "/imagine a red fox")).to_be_visible()
        expect(field(page)).to_have_value("")

    def test_shift_and_enter_begin_a_new_line(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)

        field(page).fill("one")
        field(page).press("Shift+Enter")
        field(page).press_sequentially("two")
        field(page).press("Enter")

        assert bot.next_update()["message"]["text"] == "one\ntwo"

    def test_each_line_runs_as_its_own_words_do(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)

        bot.say(mira, "\u0623\u0631\u0633\u0644 \u0641\u0643\u0631\u062a\u0643\nSend me your idea, I paint it")

        expect(bubble(page, "Send me")).to_be_visible()
        arabic, english = (
            bubble(page, "Send me")
            .locator(".text")
            .evaluate(
                """text => {
                const words = text.firstChild, end = words.data.indexOf("\\n");
                return [[0, end], [end + 1, words.length]].map(([from, to]) => {
                    const line = document.createRange();
                    line.setStart(words, from);
                    line.setEnd(words, to);
                    return line.getBoundingClientRect().left;
                });
            }"""
            )
        )
        assert arabic > english

    def test_html_in_a_text_is_shown_as_text(self, open_page: OpenPage, bot: Bot, guest: Guest) -> None:
        person = guest("<i>Mira</i>")
        hostile = "<b>bold</b><img src=x onerror=\"document.title='taken'\"><script>1</script>"
        page = open_page(person)

        bot.say(person, hostile)
        write(page, "<u>mine</u>")

        expect(bubble(page, hostile)).to_be_visible()
        expect(bubble(page, "<u>mine</u>")).to_be_visible()
        expect(page.get_by_role("button", name="You are <i>Mira</i>")).to_be_visible()
        expect(page.get_by_role("log").locator("b, u, i, img, script")).to_have_count(0)

    def test_a_double_click_answers_a_message_and_quotes_it(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        asked = bot.say(mira, "Which season?")
        page = open_page(mira)

        bubble(page, "Which season?").dblclick()
        write(page, "Winter")

        assert bot.next_update()["message"]["reply_to_message"]["message_id"] == asked
        quote = bubble(page, "Winter").get_by_role("button", name="In reply to")
        expect(quote).to_contain_text("Which season?")
        quote.click()
        expect(page.locator(".row.lit")).to_contain_text("Which season?")

    def test_arrow_up_edits_the_last_own_message(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        write(page, "a red fix")
        bot.next_update()
        expect(bubble(page, "a red fix")).to_be_visible()

        field(page).press("ArrowUp")
        expect(field(page)).to_have_value("a red fix")
        write(page, "a red fox")

        assert bot.next_update()["edited_message"]["text"] == "a red fox"
        expect(bubble(page, "a red fox")).to_contain_text("edited")
        expect(bubble(page, "a red fix")).to_have_count(0)

    def test_an_own_message_is_deleted_from_its_menu(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        write(page, "never mind")

        bubble(page, "never mind").click(button="right")
        page.get_by_role("menuitem", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()

        expect(bubble(page, "never mind")).to_have_count(0)

    def test_what_was_refused_stays_in_the_field(self, open_page: OpenPage, mira: int) -> None:
        page = open_page(mira)
        page.route("**/messages?*", lambda route: route.fulfill(status=400, body='{"error": "Too long"}'))

        write(page, "a long story")

        expect(page.get_by_text("Too long")).to_be_visible()
        expect(field(page)).to_have_value("a long story")


class TestTheCommandMenu:
    @pytest.fixture
    def page(self, open_page: OpenPage, bot: Bot, mira: int) -> Page:
        names = {"imagine": "Create a picture", "settings": "Choose a model", "help": "See what I can do"}
        commands = [{"command": name, "description": about} for name, about in names.items()]
        bot.call("setMyCommands", commands=commands)
        return open_page(mira)

    def test_a_slash_opens_it_and_letters_filter_it(self, page: Page) -> None:
        field(page).press_sequentially("/")
        expect(page.get_by_role("option")).to_have_count(3)

        field(page).press_sequentially("se")

        expect(page.get_by_role("option")).to_have_text(["/settingsChoose a model"])

    def test_arrows_choose_and_enter_sends(self, page: Page, bot: Bot) -> None:
        field(page).press_sequentially("/")
        field(page).press("ArrowDown")
        field(page).press("Enter")

        assert bot.next_update()["message"]["text"] == "/settings"

    def test_tab_completes_a_command_that_wants_words(self, page: Page) -> None:
        field(page).press_sequentially("/im")
        field(page).press("Tab")

        expect(field(page)).to_have_value("/imagine ")
        expect(page.get_by_role("listbox", name="Commands")).to_be_hidden()

    def test_the_menu_button_shows_everything(self, page: Page, bot: Bot) -> None:
        page.get_by_role("button", name="Menu of commands").click()
        page.get_by_role("option", name="/help").click()

        assert bot.next_update()["message"]["text"] == "/help"

    def test_a_command_in_a_message_can_be_clicked(self, page: Page, bot: Bot, mira: int) -> None:
        bot.say(mira, "Press /help when lost")

        bubble(page, "Press /help").get_by_role("button", name="/help").click()

        assert bot.next_update()["message"]["text"] == "/help"


class TestPhotos:
    def test_a_photo_with_caption_and_buttons_shows_and_opens_full_size(
        self, open_page: OpenPage, bot: Bot, mira: int
    ) -> None:
        page = open_page(mira)

        bot.call(
            "sendPhoto", chat_id=mira, caption="A teal sea", reply_markup=json.dumps(AGAIN), files={"photo": a_jpeg()}
        )

        photo = bubble(page, "A teal sea").get_by_role("button", name="Photo, open full size")
        expect(photo.get_by_role("img")).to_have_js_property("complete", True)
        expect(page.get_by_role("button", name="Again")).to_be_visible()
        photo.click()
        viewer = page.get_by_role("dialog", name="Photo in full size")
        expect(viewer.get_by_role("img")).to_have_js_property("naturalWidth", 1200)
        expect(viewer).to_contain_text("A teal sea")
        expect(viewer.get_by_role("link", name="Download")).to_be_visible()
        page.keyboard.press("Escape")
        expect(viewer).to_have_count(0)

    def test_an_album_is_one_bubble_and_arrows_go_through_it(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        widths = {"one": 600, "two": 700, "three": 750}
        media = [{"type": "photo", "media": f"attach://{name}"} for name in widths]
        media[0]["caption"] = "Three seas"

        files = {name: a_jpeg(width, 500) for name, width in widths.items()}
        bot.call("sendMediaGroup", chat_id=mira, media=json.dumps(media), files=files)

        photos = bubble(page, "Three seas").get_by_role("button", name="Photo, open full size")
        expect(photos).to_have_count(3)
        photos.first.click()
        seen = page.get_by_role("dialog").get_by_role("img")
        expect(seen).to_have_js_property("naturalWidth", 600)
        page.keyboard.press("ArrowRight")
        expect(seen).to_have_js_property("naturalWidth", 700)

    def test_a_document_has_a_name_a_size_and_its_bytes(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        original = a_jpeg(64, 64)

        bot.call("sendDocument", chat_id=mira, files={"document": original})

        file = page.get_by_role("log").get_by_role("link", name="document.jpg")
        expect(file).to_contain_text(" B")
        with page.expect_download() as download:
            file.click()
        assert download.value.path().read_bytes() == original

    def test_a_chosen_picture_is_sent_as_a_photo_with_its_caption(
        self, open_page: OpenPage, bot: Bot, mira: int
    ) -> None:
        page = open_page(mira)

        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Attach a file").click()
        chooser.value.set_files({"name": "sea.jpg", "mimeType": "image/jpeg", "buffer": a_jpeg(320, 240)})
        page.get_by_role("dialog").get_by_label("Caption").fill("Paint this at night")
        page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()

        said = bot.next_update()["message"]
        assert said["caption"] == "Paint this at night"
        assert said["photo"][-1]["width"] == 320
        expect(bubble(page, "Paint this at night").get_by_role("img")).to_be_visible()

    def test_any_other_file_is_sent_as_a_document(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)

        page.get_by_label("Files to send").set_input_files(
            {"name": "ideas.csv", "mimeType": "text/csv", "buffer": b"a fox\na whale\n"}
        )
        page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()

        document = bot.next_update()["message"]["document"]
        assert (document["file_name"], document["file_size"]) == ("ideas.csv", 14)


class TestButtons:
    @pytest.fixture
    def page(self, open_page: OpenPage, bot: Bot, mira: int) -> Page:
        bot.say(mira, "Done", reply_markup=AGAIN)
        return open_page(mira)

    def test_a_button_turns_until_the_bot_answers(self, page: Page, bot: Bot) -> None:
        again = page.get_by_role("button", name="Again")

        again.click()

        pressed = bot.next_update()["callback_query"]
        assert pressed["data"] == "again:1"
        expect(again).to_have_attribute("aria-busy", "true")
        bot.call("answerCallbackQuery", callback_query_id=pressed["id"], text="On its way")
        expect(page.get_by_text("On its way")).to_be_visible()
        expect(again).not_to_have_attribute("aria-busy", "true")

    def test_an_alert_has_to_be_read(self, page: Page, bot: Bot) -> None:
        page.get_by_role("button", name="Again").click()
        pressed = bot.next_update()["callback_query"]

        bot.call("answerCallbackQuery", callback_query_id=pressed["id"], text="Too many today", show_alert=True)

        alert = page.get_by_role("dialog")
        expect(alert).to_contain_text("Too many today")
        alert.get_by_role("button", name="OK").click()
        expect(alert).to_have_count(0)

    def test_a_link_opens_elsewhere_and_a_copy_button_copies(
        self, open_page: OpenPage, bot: Bot, mira: int, new_browser: BrowserContext
    ) -> None:
        keys = [
            {"text": "Model card", "url": "https://example.org/card"},
            {"text": "Copy", "copy_text": {"text": "a fox"}},
        ]
        bot.say(mira, "More", reply_markup={"inline_keyboard": [keys]})
        new_browser.grant_permissions(["clipboard-read", "clipboard-write"])
        page = open_page(mira, context=new_browser)

        link = page.get_by_role("link", name="Model card")
        expect(link).to_have_attribute("href", "https://example.org/card")
        expect(link).to_have_attribute("rel", "noopener noreferrer")
        page.get_by_role("button", name="Copy", exact=True).click()

        expect(page.get_by_text("Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == "a fox"


class TestSuggestedAnswers:
    def test_a_tapped_answer_is_sent_and_removed_keys_are_gone(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        bot.say(mira, "Which look?", reply_markup={"keyboard": [[{"text": "Painterly"}, {"text": "Photo"}]]})

        page.get_by_role("button", name="Painterly").click()

        assert bot.next_update()["message"]["text"] == "Painterly"
        bot.say(mira, "Good choice", reply_markup={"remove_keyboard": True})
        expect(page.get_by_role("button", name="Painterly", exact=True)).to_have_count(0)


class TestAQuestion:
    def test_opens_the_reply_to_it(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        asked = bot.call(
            "sendMessage",
            chat_id=mira,
            text="Which idea?",
            reply_markup={"force_reply": True, "input_field_placeholder": "a fox in the snow"},
        )
        expect(page.get_by_text("Reply to")).to_be_visible()
        expect(field(page)).to_have_attribute("placeholder", "a fox in the snow")

        field(page).fill("a cat")
        field(page).press("Enter")

        assert bot.next_update()["message"]["reply_to_message"]["message_id"] == asked["message_id"]
        expect(field(page)).to_have_attribute("placeholder", "Message")


class TestWhatTheBotChanges:
    def test_edits_and_deletes_are_seen(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        status = bot.say(mira, "Writing the prompt")
        expect(bubble(page, "Writing the prompt")).to_be_visible()

        bot.call("editMessageText", chat_id=mira, message_id=status, text="Painting")
        expect(bubble(page, "Painting")).to_contain_text("edited")
        expect(bubble(page, "Writing the prompt")).to_have_count(0)

        bot.call("deleteMessage", chat_id=mira, message_id=status)
        expect(bubble(page, "Painting")).to_have_count(0)

    def test_what_the_bot_is_doing_stands_under_its_name_until_it_is_done(
        self, open_page: OpenPage, bot: Bot, mira: int
    ) -> None:
        page = open_page(mira)
        subtitle = page.locator("#chat-subtitle")
        expect(subtitle).to_have_text("bot")

        bot.call("sendChatAction", chat_id=mira, action="typing")
        expect(subtitle).to_contain_text("typing")
        bot.call("sendChatAction", chat_id=mira, action="upload_photo")
        expect(subtitle).to_contain_text("sending photo")

        bot.say(mira, "Here you are")
        expect(subtitle).to_have_text("bot")

    def test_a_draft_grows_and_gives_way_to_the_message(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        draft = page.get_by_role("article", name="The bot is writing")

        bot.call("sendMessageDraft", chat_id=mira, draft_id=1, text="Once")
        expect(draft).to_have_text("Once")
        bot.call("sendMessageDraft", chat_id=mira, draft_id=1, text="Once upon a time")
        expect(draft).to_have_text("Once upon a time")

        bot.say(mira, "Once upon a time there was a fox")
        expect(draft).to_have_count(0)
        expect(bubble(page, "there was a fox")).to_be_visible()

    def test_a_draft_can_be_stopped(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        bot.call("sendMessageDraft", chat_id=mira, draft_id=1, text="Once", can_stop=True, keep_on_stop=True)

        page.get_by_role("button", name="Stop", exact=True).click()

        expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
        expect(page.get_by_role("article", name="The bot is writing")).to_have_text("Once")


class TestFormattedText:
    def test_expandable_quotes_open_and_close(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        prompt = " ".join(f"word{number}" for number in range(200))

        bot.say(mira, f"<blockquote expandable>{prompt}</blockquote>", parse_mode="HTML")

        quote = page.get_by_role("log").locator("blockquote")
        expect(quote).to_be_visible()
        closed = quote.bounding_box()
        quote.get_by_role("button", name="Show more").click()
        opened = quote.bounding_box()
        assert closed is not None
        assert opened is not None
        assert opened["height"] > 2 * closed["height"]
        quote.get_by_role("button", name="Show less").click()
        assert quote.bounding_box() == closed

    def test_bold_links_code_and_nested_marks_are_shown(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        marks = '🦊 <b>bold <i>and italic</i></b>, <code>seed=7</code>, <a href="https://example.org/">a link</a>'

        bot.say(mira, marks, parse_mode="HTML")

        message = bubble(page, "🦊 bold and italic, seed=7, a link")
        expect(message.locator("b")).to_have_text("bold and italic")
        expect(message.locator("b i")).to_have_text("and italic")
        expect(message.locator("code")).to_have_text("seed=7")
        expect(message.get_by_role("link")).to_have_attribute("href", "https://example.org/")

    def test_a_spoiler_is_hidden_until_it_is_clicked(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)

        bot.say(mira, "It was <tg-spoiler>the cat</tg-spoiler>", parse_mode="HTML")

        expect(page.get_by_text("the cat", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Hidden text, show").click()
        expect(page.get_by_text("the cat", exact=True)).to_be_visible()


class TestSeveralPeople:
    def test_two_users_side_by_side_do_not_see_each_others_private_chats(
        self, open_page: OpenPage, bot: Bot, guest: Guest, new_browser: BrowserContext
    ) -> None:
        ada, lin = guest("Ada"), guest("Lin")
        adas, lins = open_page(ada), open_page(lin, context=new_browser)

        write(adas, "Ada's secret")
        bot.say(ada, "For Ada alone")
        bot.say(lin, "For Lin alone")

        expect(bubble(adas, "For Ada alone")).to_be_visible()
        expect(bubble(lins, "For Lin alone")).to_be_visible()
        expect(lins.get_by_text("Ada's secret")).to_have_count(0)
        expect(lins.get_by_text("For Ada alone")).to_have_count(0)
        expect(adas.get_by_text("For Lin alone")).to_have_count(0)

    def test_the_switcher_shows_another_persons_view(self, open_page: OpenPage, bot: Bot, guest: Guest) -> None:
        ada, lin = guest("Ada"), guest("Linus")
        bot.say(lin, "Hello Linus")
        page = open_page(ada)

        page.get_by_role("button", name="You are Ada").click()
        page.get_by_role("menuitemradio", name="Linus").last.click()

        expect(page.get_by_role("button", name="You are Linus")).to_be_visible()
        expect(bubble(page, "Hello Linus")).to_be_visible()

    def test_a_person_can_be_added(self, open_page: OpenPage, guest: Guest) -> None:
        page = open_page(guest("Ada"))

        page.get_by_role("button", name="You are Ada").click()
        page.get_by_role("menuitem", name="Add a person").click()
        page.get_by_role("dialog").get_by_label("First name").fill("Grace")
        page.get_by_role("dialog").get_by_role("button", name="Add").click()

        expect(page.get_by_role("button", name="You are Grace")).to_be_visible()
        expect(page.get_by_role("button", name="START", exact=True)).to_be_visible()


class TestGroups:
    def test_a_new_group_shows_who_says_what(
        self, open_page: OpenPage, bot: Bot, guest: Guest, new_browser: BrowserContext
    ) -> None:
        ada, lin = guest("Ada"), guest("Lin Unique")
        adas, lins = open_page(ada), open_page(lin, context=new_browser)

        adas.get_by_role("button", name="New group").click()
        dialog = adas.get_by_role("dialog")
        dialog.get_by_label("Title").fill("Painters")
        dialog.get_by_label("Lin Unique").last.check()
        dialog.get_by_role("button", name="Create").click()
        expect(adas.get_by_role("heading", name="Painters")).to_be_visible()
        write(adas, f"/imagine@{bot.username} a lighthouse")

        said = bot.next_update()
        while "message" not in said or "text" not in said["message"]:
            said = bot.next_update()
        assert said["message"]["text"].endswith("a lighthouse")
        lins.get_by_role("list", name="Chat list").get_by_role("button", name="Painters").click()
        expect(bubble(lins, "a lighthouse").locator(".sender")).to_have_text("Ada")

    def test_what_was_not_read_is_counted(
        self, open_page: OpenPage, bot: Bot, guest: Guest, people: SandboxClient
    ) -> None:
        ada, lin = guest("Ada"), guest("Lin")
        group = people.group(ada, lin, title="Painters")["id"]
        page = open_page(ada)
        entry = page.get_by_role("list", name="Chat list").get_by_role("button", name="Painters")

        people.say(lin, "Is anybody here?", chat=group)
        people.say(lin, "Hello?", chat=group)
        expect(entry.get_by_label("2 unread")).to_be_visible()

        entry.click()
        expect(bubble(page, "Hello?")).to_be_visible()
        expect(entry.get_by_label("unread")).to_have_count(0)

    def test_a_forums_topics_are_tabs_of_their_own(
        self, open_page: OpenPage, bot: Bot, guest: Guest, people: SandboxClient
    ) -> None:
        ada = guest("Ada")
        forum = people.group(ada, title="Studio", is_forum=True)["id"]
        page = open_page(ada, chat=forum)

        page.get_by_role("button", name="New topic").click()
        page.get_by_role("dialog").get_by_label("Name").fill("Landscapes")
        page.get_by_role("dialog").get_by_role("button", name="Create").click()
        topic = page.get_by_role("tab", name="Landscapes")
        expect(topic).to_have_attribute("aria-selected", "true")
        write(page, "Hills at dawn")

        expect(bubble(page, "Hills at dawn")).to_be_visible()
        page.get_by_role("tab", name="General").click()
        expect(bubble(page, "Hills at dawn")).to_have_count(0)


class TestTheConnection:
    def test_it_says_when_events_do_not_come_and_catches_up_later(
        self, open_page: OpenPage, bot: Bot, mira: int
    ) -> None:
        page = open_page(mira)
        expect(page.get_by_text("Connecting…")).to_be_hidden()

        page.route("**/events?*", lambda route: route.abort())
        page.reload()
        expect(page.get_by_text("Connecting…")).to_be_visible()
        bot.say(mira, "Said while nobody listened")
        page.unroute("**/events?*")

        expect(bubble(page, "Said while nobody listened")).to_be_visible()
        expect(page.get_by_text("Connecting…")).to_be_hidden()

    def test_after_a_restart_of_the_sandbox_the_same_person_begins_anew(self, new_browser: BrowserContext) -> None:
        page = new_browser.new_page()
        with Sandbox(port=free_port()) as first:
            page.goto(first.url)
            page.get_by_role("button", name="START", exact=True).click()
            expect(bubble(page, "/start")).to_be_visible()
        expect(page.get_by_text("Connecting…")).to_be_visible()

        with Sandbox(port=first.port):
            expect(page.get_by_text("Connecting…")).to_be_hidden()
            expect(bubble(page, "/start")).to_have_count(0)
            page.get_by_role("button", name="START", exact=True).click()
            expect(bubble(page, "/start")).to_be_visible()
            page.close()


class TestFaults:
    def test_a_fault_is_armed_from_the_drawer(self, open_page: OpenPage, mira: int) -> None:
        page = open_page(mira)

        page.get_by_role("button", name="Faults").click()
        drawer = page.get_by_role("complementary", name="Faults")
        drawer.get_by_role("button", name=re.compile("^Gemini is overloaded")).click()
        expect(drawer).to_contain_text("gemini: ")

        drawer.get_by_role("button", name="Clear all").click()
        expect(drawer).not_to_contain_text("gemini: ")

    def test_each_says_what_to_expect_and_shows_it(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        page.get_by_role("button", name="Faults").click()
        drawer = page.get_by_role("complementary", name="Faults")

        expect(drawer.get_by_role("listitem")).to_have_count(8)
        expect(drawer.locator(".expect")).to_have_count(8)
        drawer.get_by_role("button", name="Show me: Flood control").click()

        assert bot.next_update()["message"]["text"] == "/imagine a lighthouse by the sea at night"
        expect(drawer).to_contain_text("telegram: ")
        drawer.get_by_role("button", name="Clear all").click()


class TestANarrowScreen:
    def test_list_and_chat_take_turns(self, open_page: OpenPage, bot: Bot, mira: int) -> None:
        page = open_page(mira)
        page.set_viewport_size({"width": 390, "height": 844})
        expect(page.get_by_role("list", name="Chat list")).to_be_hidden()

        page.get_by_role("button", name="Back to the chats").click()
        expect(field(page)).to_be_hidden()

        page.get_by_role("list", name="Chat list").get_by_role("button").first.click()
        expect(field(page)).to_be_visible()
