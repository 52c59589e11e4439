"""replicate: an order is answered when it is done, or after a short while with where to look."""

from services.worker.painters.errors import read_failure
from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from services.worker.painters.paths import joined, path_of
from services.worker.painters.pictures import no_picture, read_item, unknown_state
from services.worker.painters.provider import HUB, Call, Found, Underway, data_url, first, mapping, parameters, text_of
from shared.json_types import JsonObject

WAIT_S = 15  # of the 60 that replicate would hold a request


class Replicate:
    """``POST /replicate/v1/models/{model}/predictions``, or ``/v1/predictions`` for a model with its version."""

    provider = "replicate"

    def order(self, target: Target, request: GenerationRequest) -> Call:
        """The request for a picture."""
        model, _, version = target.provider_id.partition(":")
        given: JsonObject = {"prompt": request.prompt, **parameters(request)}
        if request.source:
            # Each model has its own name for it, and none minds the others'.
            url = data_url(request.source)
            given |= {"image": url, "images": [url], "input_image": url, "input_images": [url]}
        if target.weights:
            given["lora_weights"] = f"{HUB}/{target.model}"
        wait = {"Prefer": f"wait={WAIT_S}"}
        if version:
            return Call("POST", "/v1/predictions", {"input": given, "version": version}, wait)
        return Call("POST", f"/v1/models/{model}/predictions", {"input": given}, wait)

    def look(self, handle: JsonObject, /) -> Call:
        """The request for the prediction as it stands."""
        return Call("GET", str(handle["path"]))

    def withdraw(self, handle: JsonObject, /) -> Call | None:
        """The request that stops the prediction."""
        path = text_of(handle.get("cancel_path"))
        return Call("POST", path) if path else None

    def read(self, answer: HttpResponse, handle: JsonObject, /) -> Found | Underway:
        """A prediction."""
        prediction = mapping(answer.json, self.provider)
        match prediction.get("status"):
            case "succeeded":
                output = prediction.get("output")
                found = read_item(first(output.get("images", output) if isinstance(output, dict) else output))
                if found is None:
                    raise no_picture(answer, self.provider)
                return Found(found.source, request_id=text_of(prediction.get("id")))
            case "starting" | "processing":
                path = _path(prediction, "get") or joined("v1", "predictions", prediction.get("id"))
                cancel_path = _path(prediction, "cancel") or handle.get("cancel_path")
                if path := path or text_of(handle.get("path")):
                    return Underway({"path": path, "cancel_path": cancel_path})
            case "failed" | "canceled" | "aborted":
                raise read_failure(500, {}, answer.body, provider=self.provider)
        raise unknown_state(answer, self.provider, prediction.get("status"))


def _path(prediction: JsonObject, name: str) -> str | None:
    """The path of one of the prediction's addresses; None where it isn't told."""
    urls = prediction.get("urls")
    return path_of(urls.get(name)) if isinstance(urls, dict) else None
