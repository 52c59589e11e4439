"""What a message of /history says, and its buttons."""

from dataclasses import replace

import pytest
from telegram import InlineKeyboardMarkup

from services.bot.pictures.history.pages import (
    MAX_MODELS,
    Page,
    show_all,
    under_filters,
    under_picture,
    under_sheet,
    write_filters,
    write_picture,
)
from shared.history import HistoryView, Wanted
from tests.builders import BOT, FOX_RECIPE, RED_FOX, a_job

VIEW = HistoryView(3, 7, 7, Wanted(BOT, 7))
JOB = a_job(id=20, prompt=RED_FOX, recipe=FOX_RECIPE)


def labels(keyboard: InlineKeyboardMarkup) -> list[list[str]]:
    return [[button.text for button in row] for row in keyboard.inline_keyboard]


def a_page(**values: bool) -> Page:
    return Page(**{"job": JOB, "newer": False, "older": False, "is_favourite": False} | values)


class TestThePicture:
    def test_is_told_with_its_prompt_and_facts(self) -> None:
        title, prompt, facts = write_picture(a_page(), VIEW, "en").splitlines()

        assert title == "<b>a red fox</b>"
        assert prompt == f"<blockquote expandable>{RED_FOX.text}</blockquote>"
        assert facts.startswith("model · seed 7 · ")

    def test_has_no_prompt_where_that_says_the_same(self) -> None:
        same = replace(JOB, prompt=replace(RED_FOX, text="a red fox"))

        assert "blockquote" not in write_picture(replace(a_page(), job=same), VIEW, "en")

    def test_is_a_title_and_a_day_where_nothing_else_is_known(self) -> None:
        bare = replace(JOB, prompt=None, recipe=None)

        assert len(write_picture(replace(a_page(), job=bare), VIEW, "en").splitlines()) == 2

    def test_may_be_about_anything(self) -> None:
        odd = replace(JOB, request=replace(JOB.request, idea="<b>1 & 2"), prompt=None)

        assert write_picture(replace(a_page(), job=odd), VIEW, "en").startswith("<b>&lt;b&gt;1 &amp; 2</b>\n")

    def test_says_among_which_it_was_found(self) -> None:
        among = replace(VIEW, wanted=replace(VIEW.wanted, search="fox & hen", favourites=True, model="org/other"))

        assert write_picture(a_page(), among, "en").splitlines()[-1] == "🔎 fox &amp; hen · ⭐ · other"
        assert write_filters(VIEW.wanted, "en") == ""

    @pytest.mark.parametrize(("newer", "older"), [(False, False), (True, False), (False, True), (True, True)])
    def test_can_be_turned_where_there_are_others(self, newer: bool, older: bool) -> None:
        turns = labels(under_picture(a_page(newer=newer, older=older), VIEW, "en"))[0]

        assert ("‹" in turns, "›" in turns) == (newer, older)

    def test_shows_whether_it_is_a_favourite(self) -> None:
        starred, other = (labels(under_picture(a_page(is_favourite=one), VIEW, "en"))[0] for one in (True, False))

        assert starred != other

    @pytest.mark.parametrize("url", [None, "https://pictures.example.org"])
    def test_leads_to_the_gallery_where_there_is_one(self, url: str | None) -> None:
        buttons = under_picture(a_page(), VIEW, "en", gallery_url=url).inline_keyboard

        assert [one.web_app.url for row in buttons for one in row if one.web_app] == ([f"{url}/"] if url else [])


class TestTheSheet:
    def test_numbers_its_pictures_and_can_be_turned(self) -> None:
        jobs = [replace(JOB, id=number) for number in range(9, 2, -1)]

        assert labels(under_sheet(jobs, VIEW, "en", newer=20, older=2))[:3] == [list("12345"), ["6", "7"], ["‹", "›"]]
        assert labels(under_sheet(jobs[:2], VIEW, "en", newer=None, older=None))[:-1] == [["1", "2"]]


class TestTheFilters:
    def test_show_what_is_on_and_offer_some_models(self) -> None:
        models = [f"org/model-{number}" for number in range(MAX_MODELS + 3)]
        among = replace(VIEW, wanted=replace(VIEW.wanted, favourites=True, model=models[1]))

        switches = [one for row in labels(under_filters(among, 20, models, "en", may_be_here=True)) for one in row]

        assert [one[0] for one in switches[:4]] == ["☑", "☐", "☐", "☑"]
        assert switches[3].endswith("model-1")
        assert sum("model-" in one for one in switches) == MAX_MODELS

    def test_leave_the_chat_out_where_all_are_of_this_one(self) -> None:
        here, everywhere = (labels(under_filters(VIEW, 20, [], "en", may_be_here=may_be)) for may_be in (True, False))

        assert sum(map(len, here)) == sum(map(len, everywhere)) + 1

    def test_can_be_left_where_nothing_was_found(self) -> None:
        assert sum(map(len, labels(show_all(VIEW, "en")))) == 1
