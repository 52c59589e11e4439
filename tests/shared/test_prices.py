"""What calls are taken to cost."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from shared.jobs import Parameters, Picture, Request, Writing
from shared.prices import Prices, PricesUnreadable
from tests.builders import an_attempt

DEV, SCHNELL = "black-forest-labs/FLUX.1-dev", "black-forest-labs/FLUX.1-schnell"
TABLE = json.loads((Path(__file__).parents[2] / "shared/prices.json").read_text(encoding="utf-8"))


def cost(**values: Any) -> int:
    return Prices().of(an_attempt(**{"pictures": 1} | values))


class TestPictures:
    @pytest.mark.parametrize(
        ("service", "model", "megapixels", "micro_dollars"),
        [
            ("fal-ai", DEV, 1024 * 1024 / 1e6, 25_000),
            ("fal-ai", DEV, 1.5, 50_000),
            ("fal-ai/image-to-image", DEV, 0.2, 25_000),
            ("replicate", SCHNELL, 1.5, 3_000),
            ("hf-inference", "some/model", 1.0, 1_200),
            ("endpoint", "some/model", 1.0, 0),
            ("nscale", "some/model", 1.0, 70_000),
            ("gemini/image-to-image", "google/gemini-3.1-flash-image", 1.0, 67_000),
            ("gemini", "google/gemini-9-image", 1.0, 135_000),
        ],
    )
    def test_cost_what_the_table_says_of_provider_and_model(
        self, service: str, model: str, megapixels: float, micro_dollars: int
    ) -> None:
        assert cost(service=service, model=model, megapixels=megapixels) == micro_dollars

    def test_that_were_not_paid_for_cost_nothing(self) -> None:
        assert cost(service="fal-ai", model=DEV, pictures=0) == 0

    def test_of_an_order_that_came_to_nothing_are_taken_back(self) -> None:
        assert cost(service="fal-ai", model=DEV, pictures=-1) == -25_000


class TestTokens:
    @pytest.mark.parametrize(
        ("model", "today", "micro_dollars"),
        [
            ("gemini-3.8-flash", date(2026, 12, 31), 750 + 375),
            ("gemini-3.8-flash", date(2027, 1, 1), 1_500 + 750),
            ("gemini-3.5-flash-lite-001", date(2026, 12, 31), 300 + 250),
            ("gemini-9-ultra", date(2026, 12, 31), 4_000 + 1_800),
        ],
    )
    def test_cost_what_the_longest_name_says_on_that_day(self, model: str, today: date, micro_dollars: int) -> None:
        assert Prices().of_tokens(model, 1_000, 100, today=today) == micro_dollars

    def test_of_a_prompt_are_counted_as_they_were_told(self) -> None:
        assert (
            cost(step="prompt", service="gemini", model="gemini-3.5-flash-lite", tokens_in=1_000, tokens_out=0) == 300
        )


class TestEstimates:
    def test_take_the_dearest_provider_of_the_model(self) -> None:
        assert Prices(image_model=SCHNELL).of_painting(Request("a fox")) == 3_000
        assert Prices(image_model=SCHNELL).of_painting(Request("a fox", Parameters(model=DEV))) == 25_000

    def test_with_a_picture_to_start_from_are_for_any_model_that_can(self) -> None:
        sent = Picture("sent/7/1", "image/jpeg")
        assert Prices(image_model=SCHNELL).of_painting(Request("a fox", picture=sent)) == 70_000
        only_described = Request("a fox", Parameters(describe=True), picture=sent)
        assert Prices(image_model=SCHNELL).of_painting(only_described) == 3_000

    def test_add_a_prompt_to_each_request(self) -> None:
        prices, lite = Prices(image_model=SCHNELL), Writing(model="gemini-3.5-flash-lite")
        requests = [
            Request("a fox", count=2, writing=lite),
            Request("a fox", Parameters(raw=True), writing=lite),
        ]

        assert prices.of_requests(requests) == 3 * 3_000 + 2_500 * 0.3 + 800 * 2.5


class TestTheTable:
    def test_every_price_has_a_day_and_a_source(self) -> None:
        for row in (TABLE["unknown"], *TABLE["pictures"], *TABLE["tokens"]):
            assert date.fromisoformat(row["date"]) <= date(2026, 12, 31)
            assert row["source"]

    def test_nothing_that_is_listed_costs_more_than_the_unknown(self) -> None:
        for row in TABLE["tokens"]:
            assert row["in"] <= TABLE["unknown"]["in"]
            assert row["out"] <= TABLE["unknown"]["out"]
        for row in (one for one in TABLE["pictures"] if one["provider"] != "gemini"):
            assert row.get("picture", row.get("megapixel")) <= TABLE["unknown"]["picture"]


class TestTheOwners:
    def test_go_before_ours(self, tmp_path: Path) -> None:
        file = tmp_path / "prices.json"
        mine = {
            "unknown": {"picture": 0.5},
            "pictures": [{"provider": "fal-ai", "model": DEV, "picture": 0.01}],
            "tokens": [{"model": "gemini-3.8-flash", "from": "2027-01-01", "in": 1, "out": 1}],
        }
        file.write_text(json.dumps(mine), encoding="utf-8")
        prices = Prices(file)

        assert prices.of(an_attempt(model=DEV, pictures=1)) == 10_000
        assert prices.of(an_attempt(service="nscale", pictures=1)) == 500_000
        assert prices.of_tokens("gemini-3.8-flash", 10, 10, today=date(2027, 2, 1)) == 20

    @pytest.mark.parametrize(
        "text",
        [
            "no json",
            "[]",
            '{"pictures": [{"provider": "x"}]}',
            '{"unknown": {"in": "much"}}',
            '{"unknown": {"in": -1e999}}',
        ],
    )
    def test_that_are_no_table_are_refused(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "prices.json"
        file.write_text(text, encoding="utf-8")

        with pytest.raises(PricesUnreadable, match=r"prices\.json"):
            Prices(file)
