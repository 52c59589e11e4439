"""replicate: an order is answered when it is done, or after a short while with where to look."""

from typing import Any

from services.worker.painters.errors import read_failure
from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import Brief, Target
from services.worker.painters.paths import joined, path_of
from services.worker.painters.pictures import no_picture, read_item
from services.worker.painters.provider import Call, Found, Underway, data_url, first, mapping, parameters
from shared.errors import UnexpectedAnswer

WAIT_S = 15  # of the 60 that replicate would hold a request


class Replicate:
    """``POST /replicate/v1/models/{model}/predictions``, or ``/v1/predictions`` for a model with its version."""

    provider = "replicate"

    def order(self, target: Target, brief: Brief) -> Call:
        """The request for a picture."""
        model, _, version = target.provider_id.partition(":")
        body: dict[str, Any] = {"input": {"prompt": brief.prompt, **parameters(brief)}}
        if brief.source:
            # Each model has its own name for it, and none minds the others'.
            url = data_url(brief.source)
            body["input"] |= {"image": url, "images": [url], "input_image": url, "input_images": [url]}
        wait = {"Prefer": f"wait={WAIT_S}"}
        if version:
            return Call("POST", "/v1/predictions", {**body, "version": version}, wait)
        return Call("POST", f"/v1/models/{model}/predictions", body, wait)

    def look(self, handle: dict[str, Any], /) -> Call:
        """The request for the prediction as it stands."""
        return Call("GET", handle["path"])

    def withdraw(self, handle: dict[str, Any], /) -> Call | None:
        """The request that stops the prediction."""
        path = handle.get("cancel_path")
        return Call("POST", path) if path else None

    def read(self, answer: HttpResponse, handle: dict[str, Any], /) -> Found | Underway:
        """A prediction."""
        prediction = mapping(answer.json, self.provider)
        match prediction.get("status"):
            case "succeeded":
                output = prediction.get("output")
                found = read_item(first(output.get("images", output) if isinstance(output, dict) else output))
                if found is None:
                    raise no_picture(answer, self.provider)
                return Found(found.source, request_id=prediction.get("id"))
            case "starting" | "processing":
                path = _path(prediction, "get") or joined("v1", "predictions", prediction.get("id"))
                cancel_path = _path(prediction, "cancel") or handle.get("cancel_path")
                if path := path or handle.get("path"):
                    return Underway({"path": path, "cancel_path": cancel_path})
            case "failed" | "canceled" | "aborted":
                raise read_failure(500, {}, answer.body, provider=self.provider)
        raise UnexpectedAnswer(
            "replicate told of a prediction in a state that nobody knows, or that cannot be looked for"
        )


def _path(prediction: dict[str, Any], name: str) -> str | None:
    """The path of one of the prediction's addresses; None where it isn't told."""
    urls = prediction.get("urls")
    return path_of(urls.get(name)) if isinstance(urls, dict) else None
