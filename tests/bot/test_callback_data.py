"""What a button's data say is read back, also where an earlier version wrote them."""

import pytest

from services.bot.telegram import callback_data as data
from services.bot.telegram.callback_data import OfQueue, OfRecord
from shared.access import Role

BIGGEST = 10**18 - 1  # of what is read


class TestReadingBack:
    @pytest.mark.parametrize(
        ("action", "choice"), [("again", ""), ("ratio", "16:9"), ("batch", "start"), ("like", "3")]
    )
    def test_what_acts_on_a_row_of_the_record(self, action: str, choice: str) -> None:
        assert data.read_record(data.of_record(action, 17, choice)) == OfRecord(action, 17, choice)

    @pytest.mark.parametrize("menu", [data.SETTINGS, data.MODELS])
    @pytest.mark.parametrize("choice", ["", "@3", "16:9"])
    def test_what_turns_pages(self, menu: str, choice: str) -> None:
        assert data.read_page(data.of_page(menu, "ratio", choice)) == ("ratio", choice)

    def test_what_stands_under_queue(self) -> None:
        assert data.read_queue(data.of_queue(-1_001, "r17", 2)) == OfQueue(-1_001, "r17", 2)

    @pytest.mark.parametrize("search", ["", "ada", "ada lovelace"])
    def test_what_leads_to_a_page_of_people(self, search: str) -> None:
        assert data.read_users(data.of_users("@2", search)) == (2, search)

    @pytest.mark.parametrize("role", Role)
    def test_what_gives_a_role(self, role: Role) -> None:
        assert data.read_person(data.of_person(-5, role)) == (-5, role)

    def test_what_shows_a_person(self) -> None:
        assert data.read_person(data.of_person(5)) == (5, None)

    @pytest.mark.parametrize("role", [Role.MEMBER, Role.GUEST, Role.STRANGER, Role.BLOCKED])
    def test_what_answers_a_request(self, role: Role) -> None:
        assert data.read_request(data.of_request(5, role)) == (5, role)

    @pytest.mark.parametrize("topic", [data.HELP, *data.TOPICS])
    def test_what_leads_to_a_topic(self, topic: str) -> None:
        assert data.read_help(data.of_help(topic)) == topic

    def test_what_adds_a_key(self) -> None:
        assert data.read_key(data.of_key("add", "google")) == ("add", "google")

    @pytest.mark.parametrize("dark", [True, False])
    def test_what_shows_a_chart(self, dark: bool) -> None:
        assert data.read_stats(data.of_stats(30, dark=dark)) == (30, dark)


class TestOldButtons:
    """As they stand under messages in people's chats."""

    @pytest.mark.parametrize(
        ("text", "read"),
        [
            ("again 17", OfRecord("again", 17, "")),
            ("ratio 17 16:9", OfRecord("ratio", 17, "16:9")),
            ("model 17 0123456789ab", OfRecord("model", 17, "0123456789ab")),
            ("stop 4", OfRecord("stop", 4, "")),
            ("batch 9 pause", OfRecord("batch", 9, "pause")),
        ],
    )
    def test_those_of_pictures_answers_and_batches(self, text: str, read: OfRecord) -> None:
        assert data.read_record(text) == read

    def test_those_of_lists_and_menus(self) -> None:
        assert data.read_page("set temperature 0.7") == ("temperature", "0.7")
        assert data.read_page("models image @1") == ("image", "@1")
        assert data.read_queue("queue 7 all 0") == OfQueue(7, "all", 0)
        assert data.read_users("users @0 ") == (0, "")
        assert data.read_person("user 7 show") == (7, None)
        assert data.read_request("access 7 member") == (7, Role.MEMBER)
        assert data.read_key("key:remove:huggingface") == ("remove", "huggingface")

    def test_a_model_is_meant_by_the_same_code(self) -> None:
        assert data.code_of("black-forest-labs/FLUX.1-dev") == "16a1766ea0f7"


class TestForgeries:
    @pytest.mark.parametrize("text", [None, "", "again", "again x", "again -1", "again 1" + "0" * 18, "again ١٧"])
    def test_no_row_is_read_of_them(self, text: str | None) -> None:
        assert data.read_record(text) is None

    @pytest.mark.parametrize("text", [None, "", "queue 7 all", "queue x all 0", "queue 7 all 12345", "queue 7 a-b 0"])
    def test_no_list_is_read_of_them(self, text: str | None) -> None:
        assert data.read_queue(text) is None

    @pytest.mark.parametrize("text", [None, "user 7 king", "user seven show", "user 7"])
    def test_no_person_is_read_of_them(self, text: str | None) -> None:
        assert data.read_person(text) is None

    @pytest.mark.parametrize("text", [None, "access 7 owner", "access 7 admin"])
    def test_nobody_is_made_an_owner_by_a_request(self, text: str | None) -> None:
        assert data.read_request(text) is None

    def test_another_service_has_no_keys(self) -> None:
        assert data.read_key("key:add:other") is None


class TestLength:
    """Telegram takes 64 bytes."""

    def test_the_longest_fit(self) -> None:
        longest = [
            data.of_record(data.RATIO, BIGGEST, "21:9"),
            data.of_record(data.MODEL, BIGGEST, data.code_of("a/b")),
            data.of_page(data.MODELS, "image", data.code_of("a/b")),
            data.of_queue(-BIGGEST, f"r{BIGGEST}", 9999),
            data.of_person(-BIGGEST, Role.STRANGER),
            data.of_users("@9999", "x" * 40),
        ]

        assert max(len(one.encode()) for one in longest) <= 64
