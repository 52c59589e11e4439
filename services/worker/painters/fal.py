"""fal-ai: an order goes into its queue, which tries a failed runner again by itself; then the result is fetched."""

from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from services.worker.painters.paths import path_of
from services.worker.painters.pictures import no_picture, read_item, unknown_state
from services.worker.painters.provider import (
    Call,
    Found,
    Underway,
    data_url,
    first,
    mapping,
    parameters,
    text_of,
    weights_url,
    whole_number,
)
from shared.errors import PictureRefused
from shared.json_types import JsonObject

QUEUE = "_subdomain=queue"
WITH_ANY_BASE = "fal-ai/lora"  # its base model has to be named; the others have their own
BASE = "stabilityai/stable-diffusion-xl-base-1.0"


class Fal:
    """``POST /fal-ai/{model}?_subdomain=queue``, then the status and the result where the answer says they are."""

    provider = "fal-ai"

    def order(self, target: Target, request: GenerationRequest) -> Call:
        """The request that puts an order into the queue."""
        body: JsonObject = {"prompt": request.prompt, **parameters(request)}
        width, height = body.pop("width", None), body.pop("height", None)
        if width and height:
            body["image_size"] = {"width": width, "height": height}
        if request.source:
            # The older models read the first, FLUX.2 reads the second.
            body |= {"image_url": data_url(request.source), "image_urls": [data_url(request.source)]}
        if path := weights_url(target):
            body["loras"] = [{"path": path, "scale": 1}]
            if target.provider_id == WITH_ANY_BASE:
                body["model_name"] = BASE
        return Call("POST", f"/{target.provider_id}", body, query=QUEUE)

    def look(self, handle: JsonObject, /) -> Call:
        """The request for the order's status."""
        return Call("GET", f"{handle['path']}/status", query=QUEUE)

    def withdraw(self, handle: JsonObject, /) -> Call | None:
        """The request that takes the order out of the queue, or stops its runner."""
        path = text_of(handle.get("cancel_path"))
        return Call("PUT", path, query=QUEUE) if path else None

    def read(self, answer: HttpResponse, handle: JsonObject, /) -> Found | Underway | Call:
        """An order's receipt or status, or its result."""
        content = mapping(answer.json, self.provider)
        if "images" in content:
            return read_result(answer)
        # The path of the answer, not of the order: it names the app without the model's sub-path.
        path = text_of(handle.get("path")) or path_of(content.get("response_url"))
        match content.get("status"):
            case "COMPLETED" if path:
                return Call("GET", path, query=QUEUE)
            case "IN_QUEUE" | "IN_PROGRESS" if path:
                ahead = whole_number(content.get("queue_position"))
                request_id = content.get("request_id") or handle.get("request_id")
                position = None if ahead is None else max(ahead, 0) + 1
                cancel_path = path_of(content.get("cancel_url")) or handle.get("cancel_path")
                return Underway({"path": path, "request_id": request_id, "cancel_path": cancel_path}, position=position)
        if "status" in content:
            raise unknown_state(answer, self.provider, content["status"])
        raise no_picture(answer, self.provider)


def read_result(answer: HttpResponse) -> Found:
    """The picture of a result.

    Raises:
        PictureRefused: The safety checker blackened it.
    """
    content = mapping(answer.json, Fal.provider)
    if first(content.get("has_nsfw_concepts")) is True:
        raise PictureRefused("fal-ai hid the picture")
    found = read_item(first(content["images"]))
    if found is None:
        raise no_picture(answer, Fal.provider)
    return Found(found.source, whole_number(content.get("seed")), answer.request_id)
