"""The Bot API's door: token, method name and parameters in, the method's answer out."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.bodies import Body, UnreadableBody, Upload
from sandbox.telegram import schema
from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.world import Bot, Chat, Json, World

TOKEN = re.compile(r"\d{1,19}:[A-Za-z0-9_-]{20,}")
BODY = "sandbox.body"  # where ``sandbox.traffic`` leaves the parsed body in the ASGI scope

Answer = Any
Method = Callable[["Call"], "Answer | Awaitable[Answer]"]
M = TypeVar("M", bound=Method)


@dataclass
class Call:
    """One call of a bot; its readers are as lenient as Telegram's are."""

    world: World
    bot: Bot
    method: str
    values: dict[str, Any]
    uploads: dict[str, Upload] = field(default_factory=dict)
    is_json: bool = False
    note: str | None = None  # the answer's ``description``, where a method gives one

    def has(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        if value is None:
            return default
        return value if isinstance(value, str) else json.dumps(value)

    def number(self, name: str, default: int = 0) -> int:
        """An integer; what can't be read as one counts as the default."""
        try:
            return int(self.values[name])
        except (KeyError, TypeError, ValueError):
            return default

    def flag(self, name: str) -> bool:
        return self.text(name).strip().lower() in ("true", "yes", "1", "t")

    def structure(self, name: str, what: str | None = None) -> Any:
        """A nested value, which forms carry as JSON; ``None`` when absent.

        Raises:
            ApiError: Not JSON.
        """
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise bad_request(f"can't parse {what or name.replace('_', ' ')} JSON object") from error

    def user_id(self, name: str = "user_id") -> int:
        """A user's id.

        Raises:
            ApiError: Not a number.
        """
        user_id = self.number(name)
        if user_id == 0:
            raise bad_request("invalid user_id specified")
        return user_id

    def chat(self, name: str = "chat_id") -> Chat:
        """The chat that a call names by id or ``@username``, whatever the bot may do there.

        Raises:
            ApiError: No such chat.
        """
        wanted = self.text(name).strip()
        if not wanted:
            raise bad_request(f"{name} is empty")
        if wanted.startswith("@"):
            named = [chat for chat in self.world.groups.values() if chat.about.get("username") == wanted[1:]]
            found = named[0] if named else None
        else:
            found = self.world.find_chat(self.bot, int(wanted)) if re.fullmatch(r"-?\d+", wanted) else None
        if found is None:
            raise bad_request("chat not found")
        return found

    def chat_to_write(self) -> Chat:
        """The chat that a call writes to.

        Raises:
            ApiError: No such chat, or the bot isn't let in.
        """
        return self.world.chat_to_write(self.bot, self.chat())

    def message_id(self, name: str = "message_id") -> int:
        """A message's id.

        Raises:
            ApiError: Not given.
        """
        message_id = self.number(name)
        if message_id <= 0:
            raise bad_request("message identifier is not specified")
        return message_id

    def file(self, name: str) -> Upload | str | None:
        """What a parameter names: an upload, directly or by ``attach://``; else a file id or URL; or nothing."""
        if name in self.uploads:
            return self.uploads[name]
        return self.attached(self.text(name))

    def attached(self, reference: str) -> Upload | str | None:
        """Resolve ``attach://name``; other references stay as they are."""
        if reference.startswith("attach://"):
            return self.uploads.get(reference.removeprefix("attach://"))
        return reference or None


METHODS: dict[str, Method] = {}


def method(*names: str) -> Callable[[M], M]:
    """Register a function as the Bot API method of that name."""

    def register(function: M) -> M:
        for name in names:
            METHODS[name] = function
        return function

    return register


class BotApi:
    """Answers the bots over HTTP."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def answer(self, request: Request) -> Response:
        """``/bot{token}/{method}`` and ``/bot{token}/test/{method}``."""
        try:
            bot = self._bot(request.path_params["token"])
            name = schema.method_names().get(request.path_params["method"].lower())
            if name is None:
                raise ApiError(404, "Not Found: method not found")
            call = self._read_call(request, bot, name)
            result = await self.run(call)
        except ApiError as error:
            return _refusal(error)
        answer = {"ok": True, "result": result}
        if call.note:
            answer["description"] = call.note
        return JSONResponse(answer)

    async def not_found(self, _: Request) -> Response:
        """Any other path."""
        return _refusal(ApiError(404, "Not Found"))

    def _bot(self, quoted_token: str) -> Bot:
        token = unquote(quoted_token)
        if not TOKEN.fullmatch(token):
            if re.match(r"\d+:", token):
                raise ApiError(401, "Unauthorized: invalid token specified")
            raise ApiError(404, "Not Found")
        return self._world.bot_of_token(token)

    def _read_call(self, request: Request, bot: Bot, name: str) -> Call:
        body: Body | UnreadableBody = request.scope[BODY]
        if isinstance(body, UnreadableBody):
            raise bad_request(f"can't parse the request: {body}")
        is_json = body.values is not None and not body.is_form
        values: dict[str, Any] = dict(request.query_params)
        if isinstance(body.values, dict):
            values |= body.values
        uploads = {name: upload for name, upload in body.uploads.items() if name}
        return Call(self._world, bot, name, values, uploads, is_json=is_json)

    async def run(self, call: Call) -> Answer:
        """Check a call against the Bot API's description, then do what it says.

        Raises:
            ApiError: It was refused.
        """
        problems = schema.check_call(call.method, call.values, call.uploads, is_json=call.is_json)
        for parameter, why in problems:
            self._world.violations.append({"method": call.method, "parameter": parameter, "why": why})
        function = METHODS.get(call.method)
        if function is None:
            return self._tolerate(call)
        result = function(call)
        return await result if inspect.isawaitable(result) else result

    def _tolerate(self, call: Call) -> Answer:
        """A method that the sandbox doesn't play: those that only say yes do."""
        if schema.bot_api()["methods"][call.method]["returns"] == ["Boolean"]:
            return True
        self._world.violations.append({"method": call.method, "parameter": "", "why": "not played by the sandbox"})
        raise bad_request("the sandbox doesn't play this method")

    async def download(self, request: Request) -> Response:
        """``/file/bot{token}/{file_path}``."""
        try:
            self._bot(request.path_params["token"])
        except ApiError as error:
            return _refusal(error)
        file = self._world.files.find_path(request.path_params["path"])
        content = await self._world.files.content(file) if file is not None else None
        if content is None:
            return _refusal(ApiError(404, "Not Found"))
        return Response(content, media_type="application/octet-stream")


def _refusal(error: ApiError) -> Response:
    answer: Json = {"ok": False, "error_code": error.code, "description": error.description}
    headers = {}
    if error.parameters:
        answer["parameters"] = error.parameters
    if "retry_after" in error.parameters:
        headers["Retry-After"] = str(error.parameters["retry_after"])
    return JSONResponse(answer, status_code=error.code, headers=headers)
