"""wavespeed: an order is taken at once, and its result asked for until it is there."""

from typing import Any

from services.worker.painters.errors import read_failure
from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import Brief, Target
from services.worker.painters.paths import joined, path_of
from services.worker.painters.pictures import no_picture, read_item
from services.worker.painters.provider import (
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

    def read(self, answer: HttpResponse, handle: dict[str, Any], /) -> Found | Underway:
        """An order as it stands."""
        data = mapping(mapping(answer.json, self.provider).get("data"), self.provider)
        match data.get("status"):
            case "completed":
                return self._result(answer, data)
            case "created" | "queued" | "processing":
                if path := _path(data) or handle.get("path"):
                    return Underway({"path": path})
            case "failed":
                raise read_failure(500, {}, str(data.get("error") or "").encode(), provider=self.provider)
        raise UnexpectedAnswer("wavespeed told of an order in a state that nobody knows, or that cannot be looked for")

    def _result(self, answer: HttpResponse, data: dict[str, Any]) -> Found:
        if first(data.get("has_nsfw_contents")) is True:
            raise PictureRefused("wavespeed hid the picture")
        found = read_item(first(data.get("outputs")))
        if found is None:
            raise no_picture(answer, self.provider)
        return Found(found.source, request_id=data.get("id"))


def _path(data: dict[str, Any]) -> str | None:
    """The path of the order's result; None where the answer doesn't tell it."""
    urls = data.get("urls")
    told = path_of(urls.get("get")) if isinstance(urls, dict) else None
    return told or joined("api", "v3", "predictions", data.get("id"), "result")
