"""What calls to services cost: an estimate from a table of prices, which the owner may correct."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias, TypedDict, cast

from shared.catalogue import google_name
from shared.clock import present
from shared.jobs import Attempt, Request

ANY = "*"
PROMPT_TOKENS = 2_500, 800  # in and out, thoughts included, of a prompt that is to be written: about what most take
HALF_A_PERCENT = 0.005
MICRO = 1_000_000  # amounts are in millionths of a dollar


_Row: TypeAlias = Mapping[str, str | float]


class _Table(TypedDict, total=False):
    unknown: dict[str, str | float]
    pictures: list[_Row]
    tokens: list[_Row]


class PricesUnreadable(ValueError):
    """The owner's file of prices is not what it should be; the message says where."""


@dataclass(frozen=True, slots=True)
class _PicturePrice:
    provider: str
    model: str
    usd: float
    is_per_megapixel: bool


@dataclass(frozen=True, slots=True)
class _TokenPrice:
    model: str
    since: date
    usd_in: float  # per million, as the next
    usd_out: float


class Prices:
    """A table of prices; all amounts that it tells are in millionths of a dollar."""

    def __init__(self, file: Path | None = None, *, image_model: str | None = None, chat_model: str = "") -> None:
        """Read the shipped table, and the owner's before it.

        Args:
            image_model, chat_model: Those of requests that name none.

        Raises:
            PricesUnreadable: The owner's file is no such table.
        """
        shipped = _shipped()
        theirs = _read(file) if file is not None else {}
        self._unknown = shipped["unknown"] | theirs.get("unknown", {})
        self._image_model = image_model
        self._chat_model = chat_model
        tables = (theirs, shipped)
        try:
            self._pictures = [_picture_price(row) for table in tables for row in table.get("pictures", ())]
            # The owner's come last: of prices for the same name the last one holds.
            rows = [row for table in reversed(tables) for row in table.get("tokens", ())]
            self._tokens = [_token_price(row) for row in rows]
            self._of_unknown = {name: _amount(self._unknown[name]) for name in ("picture", "in", "out")}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PricesUnreadable(f"{file}: {type(error).__name__} {error}") from error

    def of(self, attempt: Attempt) -> int:
        """What a call cost."""
        if attempt.step == "prompt":
            return self.of_tokens(attempt.model, attempt.tokens_in, attempt.tokens_out)
        provider = attempt.service.partition("/")[0]
        return attempt.pictures * self._of_picture(provider, attempt.model, attempt.megapixels)

    def of_tokens(self, model: str, tokens_in: int, tokens_out: int, *, today: date | None = None) -> int:
        """What so many tokens cost; those of thoughts are among ``tokens_out``."""
        usd_in, usd_out = self._of_tokens(model, today or present().date())
        return round(tokens_in * usd_in + tokens_out * usd_out)

    def of_painting(self, request: Request) -> int:
        """What one picture of a request may cost, by the dearest provider of the wished model that is listed.

        Where it is to start from a picture, another model may be taken that can.
        """
        if request.parameters.upscale is not None:
            return 0
        model, unknown = request.parameters.model or self._image_model, self._of_unknown["picture"]
        of_model = [price for price in self._pictures if price.model == model]
        dearest = max((price.usd for price in of_model), default=unknown)
        starts = request.picture is not None and not request.parameters.describe
        return round(max(dearest, unknown if starts else 0.0) * MICRO)

    def is_googles(self, request: Request) -> bool:
        """Whether a Google key pays for the pictures of a request, not a HuggingFace token."""
        return google_name(request.parameters.model or self._image_model or "") is not None

    def of_writing(self, request: Request) -> int:
        """What having the prompt of a request written may cost."""
        if request.parameters.raw or request.parameters.upscale is not None:
            return 0
        return self.of_tokens(request.writing.model or self._chat_model, *PROMPT_TOKENS)

    def of_requests(self, requests: Iterable[Request]) -> int:
        """What all pictures of several requests may cost, prompts included."""
        return sum(self.of_painting(one) * one.count + self.of_writing(one) for one in requests)

    def _of_picture(self, provider: str, model: str, megapixels: float) -> int:
        of_provider = [price for price in self._pictures if price.provider == provider]
        by_name = [price for price in of_provider if price.model == model]
        price = next(iter(by_name or [price for price in of_provider if price.model == ANY]), None)
        if price is None:
            return round(self._of_unknown["picture"] * MICRO)
        # 1024 × 1024 is sold as one megapixel.
        begun = max(math.ceil(megapixels / 1.049 - HALF_A_PERCENT), 1)
        return round(price.usd * MICRO * (begun if price.is_per_megapixel else 1))

    def _of_tokens(self, model: str, today: date) -> tuple[float, float]:
        found = [price for price in self._tokens if model.startswith(price.model) and price.since <= today]
        if not found:
            return self._of_unknown["in"], self._of_unknown["out"]
        longest = max(len(price.model) for price in found)
        best = [price for price in found if len(price.model) == longest]
        newest = max(price.since for price in best)
        price = [price for price in best if price.since == newest][-1]
        return price.usd_in, price.usd_out


@cache
def _shipped() -> _Table:
    table: _Table = json.loads((files("shared") / "prices.json").read_text(encoding="utf-8"))
    return table


def _read(file: Path) -> _Table:
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PricesUnreadable(f"{file}: {error}") from error
    if not isinstance(table, dict):
        raise PricesUnreadable(f"{file}: it is no JSON object")
    return cast("_Table", table)  # What in it is of another kind is found as it is read.


def _picture_price(row: _Row) -> _PicturePrice:
    is_per_megapixel = "megapixel" in row
    usd = _amount(row["megapixel" if is_per_megapixel else "picture"])
    return _PicturePrice(str(row["provider"]), str(row["model"]), usd, is_per_megapixel)


def _token_price(row: _Row) -> _TokenPrice:
    since = date.fromisoformat(str(row.get("from", "2000-01-01")))
    return _TokenPrice(str(row["model"]), since, _amount(row["in"]), _amount(row["out"]))


def _amount(value: str | float) -> float:
    amount = float(value)
    if not 0 <= amount < math.inf:
        raise ValueError(f"{value} is no price")
    return amount
