"""wavespeed: an order is taken at once, and its result asked for until it is there."""

from typing import Any
from urllib.parse import urlsplit

from services.worker.painters.errors import read_failure
from services.worker.painters.http import Answer
from services.worker.painters.painter import Brief, Target
from services.worker.painters.pictures import no_picture, read_item
from services.worker.painters.tongue import (
    Call,
    Found,
    Underway,
    WithoutWithdrawal,
    data_url,
    first,
    mapping,
    parameters,
)
from shared.errors import PictureRefused, UnexpectedAnswer


class Wavespeed(WithoutWithdrawal):
    """``POST /wavespeed/api/v3/{model}``, then the result where the answer says it is."""

    provider = "wavespeed"

    def order(self, target: Target, brief: Brief) -> Call:
        """The request for a picture; sizes go in wavespeed's own words as well as in everybody's."""
        body = {"prompt": brief.prompt, **parameters(brief)}
        if brief.width and brief.height:
            body["size"] = f"{brief.width}*{brief.height}"
        if brief.source:
            body["image"] = data_url(brief.source)
        return Call("POST", f"/api/v3/{target.provider_id}", body)

    def look(self, handle: dict[str, Any], /) -> Call:
        """The request for the order's result."""
        return Call("GET", handle["path"])

    def read(self, answer: Answer, handle: dict[str, Any], /) -> Found | Underway:
        """An order as it stands."""
        data = mapping(mapping(answer.json, self.provider).get("data"), self.provider)
        match data.get("status"):
            case "completed":
                return self._result(answer, data)
            case "created" | "queued" | "processing":
                return Underway({"path": self._path(data) or handle.get("path")})
            case "failed":
                raise read_failure(500, {}, str(data.get("error") or "").encode(), provider=self.provider)
        raise UnexpectedAnswer("wavespeed told of an order in a state that nobody knows")

    def _result(self, answer: Answer, data: dict[str, Any]) -> Found:
        if first(data.get("has_nsfw_contents")) is True:
            raise PictureRefused("wavespeed hid the picture")
        found = read_item(first(data.get("outputs")))
        if found is None:
            raise no_picture(answer, self.provider)
        return Found(found.source, request_id=data.get("id"))

    def _path(self, data: dict[str, Any]) -> str | None:
        urls = data.get("urls")
        if isinstance(urls, dict) and isinstance(urls.get("get"), str):
            return urlsplit(urls["get"]).path
        return f"/api/v3/predictions/{data['id']}/result" if data.get("id") else None
