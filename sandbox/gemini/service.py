"""Serves the Gemini API's paths, with or without a version before them."""

import json
import math
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sandbox.gemini import catalogue, replies, reply
from sandbox.gemini.catalogue import Model
from sandbox.gemini.question import SAMPLING_FIELDS, BadRequest, Question, read_question
from sandbox.gemini.replies import Fault
from sandbox.knobs import knobs_route

_PATH = re.compile(
    r"(?:(?P<version>v1|v1beta|v1alpha)/)?(?:models|tunedModels)(?:/(?P<model>[^:/]+))?(?::(?P<method>\w+))?"
)
SHORTEST_KEY = 8  # characters
DEFAULT_PAGE = 50


@dataclass
class Knobs:
    """What ``PUT /gemini/_sandbox`` can set."""

    latency_s: float = 0.0  # before an answer, or the first piece of a stream
    chunk_delay_s: float = 0.0  # between two pieces of a stream
    strict_sampling: bool = False  # from Gemini 3.6 on, temperature, topP and topK are a 400
    strict_v1: bool = False  # v1 knows neither system instructions nor structured output


class Refusal(Exception):
    """Ends a request with one of ``replies``."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault["status"])
        self.fault = fault


def create_service(public_url: Callable[[], str]) -> Starlette:  # noqa: ARG001 -- all services are made alike.
    """Create the stand-in; it is to be mounted at ``/gemini``."""
    service = _Gemini(Knobs())
    return Starlette(routes=[knobs_route(service.knobs), Route("/{path:path}", service.serve, methods=["GET", "POST"])])


class _Gemini:
    def __init__(self, knobs: Knobs) -> None:
        self.knobs = knobs

    async def serve(self, request: Request) -> Response:
        try:
            return await self._route(request)
        except Refusal as refusal:
            return _json(refusal.fault["reply"], refusal.fault["status"])
        except BadRequest as error:
            fault = replies.bad_field(str(error), error.field) if error.field else replies.bad_argument(str(error))
            return _json(fault["reply"], fault["status"])

    async def _route(self, request: Request) -> Response:
        found = _PATH.fullmatch(request.path_params["path"])
        if found is None:
            return Response("<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", 404, media_type="text/html")
        _check_key(request)
        version = found["version"] or "v1beta"
        if found["model"] is None:
            return self._list(request, version)
        model = _model(found["model"], version, found["method"] or "getModel")
        match request.method, found["method"]:
            case "GET", None:
                return _json(model.card(found["model"]))
            case "POST", "generateContent":
                return await self._generate(request, model, version)
            case "POST", "streamGenerateContent":
                return await self._stream(request, model, version)
            case "POST", "countTokens":
                return await self._count(request)
            case _:
                raise Refusal(replies.unknown_model(model.name, version, found["method"] or "getModel"))

    def _list(self, request: Request, version: str) -> Response:
        cards = catalogue.cards(version)
        size = int(_query(request, "pageSize", "page_size") or DEFAULT_PAGE)
        token = _query(request, "pageToken", "page_token") or "0"
        if not token.isdigit() or size < 0:
            raise BadRequest("* ListModelsRequest.page_token: invalid page token\n", field="page_token")
        start = int(token)
        end = start + min(max(size, 1), 1000)
        page: dict[str, Any] = {"models": cards[start:end]}
        return _json(page | ({"nextPageToken": str(end)} if end < len(cards) else {}))

    async def _generate(self, request: Request, model: Model, version: str) -> Response:
        question = await self._question(request, model, version)
        if reply.is_blocked(question):
            return _json(replies.prompt_blocked("PROHIBITED_CONTENT")["reply"])
        written = await self._written(request, model, question)
        return _json(reply.whole(model, written, int(question.config.get("candidateCount") or 1)))

    async def _stream(self, request: Request, model: Model, version: str) -> Response:
        question = await self._question(request, model, version)
        if reply.is_blocked(question):
            chunks = [replies.prompt_blocked("PROHIBITED_CONTENT")["reply"]]
        else:
            chunks = list(reply.pieces(model, await self._written(request, model, question)))
        if _query(request, "alt") == "sse":
            return StreamingResponse(self._events(chunks), media_type="text/event-stream")
        return StreamingResponse(self._array(chunks), media_type="application/json")

    async def _events(self, chunks: list[dict[str, Any]]) -> AsyncIterator[str]:
        for i, chunk in enumerate(chunks):
            if i:
                await anyio.sleep(self.knobs.chunk_delay_s)
            yield f"data: {json.dumps(chunk, ensure_ascii=False)}\r\n\r\n"

    async def _array(self, chunks: list[dict[str, Any]]) -> AsyncIterator[str]:
        for i, chunk in enumerate(chunks):
            if i:
                await anyio.sleep(self.knobs.chunk_delay_s)
            yield ("[" if i == 0 else ",\r\n") + json.dumps(chunk, ensure_ascii=False)
        yield "]"

    async def _count(self, request: Request) -> Response:
        body = await _body(request)
        inner = body.get("generateContentRequest") or body.get("generate_content_request") or body
        total = reply.count_tokens(read_question(inner, must_end_with_user=False))
        return _json({"totalTokens": total, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}]})

    async def _question(self, request: Request, model: Model, version: str) -> Question:
        question = read_question(await _body(request))
        if self.knobs.strict_v1 and version == "v1":
            if question.system:
                raise BadRequest(_unknown_name("systemInstruction"), field="systemInstruction")
            for name in ("responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig"):
                if name in question.config:
                    raise BadRequest(_unknown_name(name, " at 'generation_config'"), field="generation_config")
        if self.knobs.strict_sampling and model.deprecates_sampling:
            for name in SAMPLING_FIELDS:
                if name in question.config:
                    raise BadRequest(f"The parameter '{name}' is not supported for this model.")
        return question

    async def _written(self, request: Request, model: Model, question: Question) -> reply.Written:
        """Write the answer after the latency, or give up when the client's own deadline comes first."""
        deadline_s = float(request.headers.get("x-server-timeout") or math.inf)
        await anyio.sleep(min(self.knobs.latency_s, deadline_s))
        if self.knobs.latency_s >= deadline_s:
            raise Refusal(replies.deadline())
        if model.paints or question.last.attachments:
            return await anyio.to_thread.run_sync(reply.write, model, question)
        return reply.write(model, question)


def _check_key(request: Request) -> None:
    key = request.headers.get("x-goog-api-key") or _query(request, "key")
    if not key:
        raise Refusal(replies.missing_key())
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key or "invalid" in key.lower():
        raise Refusal(replies.bad_key())


def _model(name: str, version: str, method: str) -> Model:
    model = catalogue.find(name, version)
    if model is not None:
        return model
    if catalogue.is_retired(name):
        raise Refusal(replies.retired_model(name))
    raise Refusal(replies.unknown_model(name, version, method))


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise BadRequest(f"Invalid JSON payload received. {error}") from error
    if not isinstance(body, dict):
        raise BadRequest('Invalid JSON payload received. Unknown name "": Root element must be a message.')
    return body


def _query(request: Request, *names: str) -> str | None:
    return next((request.query_params[name] for name in names if name in request.query_params), None)


def _unknown_name(name: str, place: str = "") -> str:
    return f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'


def _json(value: Any, status: int = 200) -> Response:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return Response(text, status, headers={"content-type": "application/json; charset=UTF-8"})
