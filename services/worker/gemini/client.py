"""The one connection to Gemini: a question goes in, an answer or a sorted failure comes out, in time."""

import logging
import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import cast

import httpx2
from google import genai
from google.genai import errors, types

from services.worker.gemini.errors import FieldRefused, ModelGone, read_error
from services.worker.gemini.transport import DeadlineTransport, deadline
from shared.errors import GeminiUnreachable, ImagineError
from shared.network import Network

DEFAULT_URL = "https://generativelanguage.googleapis.com"
MODELS_A_PAGE = 100
MAX_MODELS = 1_000  # of a list that would not end
SHORTEST_SERVER_DEADLINE_S = 10  # Gemini answers 400 to a shorter one; ours ends the call all the same


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A 200 that is no answer of Gemini's: HTML, broken JSON, another shape."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that brought no answer.

    Attributes:
        status: HTTP status; None when nothing came.
    """

    cause: ImagineError | ModelGone | FieldRefused | Unreadable
    status: int | None = None


class Gemini:
    """A client for the whole process; any number of threads may ask at once.

    Args:
        base_url: None for Google's own.
        slots: Calls at a time; a call beyond them waits for a connection, within its own time.
        transport: What carries the calls; the network, unless given.
        network: How the internet is reached; as the environment says, unless given.
        models_a_page: Of the list of all models.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        api_version: str,
        slots: int,
        transport: httpx2.BaseTransport | None = None,
        network: Network | None = None,
        models_a_page: int = MODELS_A_PAGE,
    ) -> None:
        self._models_a_page = models_a_page
        # At INFO, both write a line a call.
        for name in ("httpx2", "google_genai"):
            logging.getLogger(name).setLevel(logging.WARNING)
        network = network or Network.of_environment()
        url = base_url or DEFAULT_URL
        transport = transport or DeadlineTransport(url, slots=slots, network=network)
        self._http = httpx2.Client(transport=transport, timeout=None)
        self._client = genai.Client(
            vertexai=False,
            api_key=api_key,
            http_options=types.HttpOptions(
                base_url=url,
                api_version=api_version,
                httpx_client=self._http,
                # The SDK gets ready for asynchronous calls and web sockets, too; nobody makes them, so they need
                # no certificates of their own, and no proxy.
                async_client_args={"verify": network.tls, "ssl": network.tls, "trust_env": False},
            ),
        )

    def ask(
        self, model: str, contents: list[types.Content], config: types.GenerateContentConfig, *, timeout_s: float
    ) -> types.GenerateContentResponse | Failure:
        """Ask a model once, and wait at most so many seconds."""
        try:
            with deadline(timeout_s):
                return self._client.models.generate_content(
                    model=model, contents=contents, config=_in_time(config, timeout_s, silence_s=timeout_s)
                )
        except _BROKEN as error:
            return _failure(error)

    def stream(
        self,
        model: str,
        contents: list[types.Content],
        config: types.GenerateContentConfig,
        *,
        timeout_s: float,
        silence_s: float,
    ) -> Generator[types.GenerateContentResponse | Failure]:
        """Ask a model once, and give its answer as it comes; a failure is the last that comes.

        Args:
            timeout_s: For the whole answer.
            silence_s: For each of its pieces.
        """
        timed = _in_time(config, timeout_s, silence_s=min(timeout_s, silence_s))
        try:
            with (
                deadline(timeout_s),
                closing(
                    cast(
                        "Generator[types.GenerateContentResponse]",
                        self._client.models.generate_content_stream(model=model, contents=contents, config=timed),
                    )
                ) as pieces,
            ):
                yield from pieces
        except _BROKEN as error:
            yield _failure(error)

    def models(self, *, timeout_s: float) -> list[types.Model] | Failure:
        """Ask which models there are, all pages of them, and wait at most so many seconds."""
        config = types.ListModelsConfig(
            page_size=self._models_a_page, http_options=types.HttpOptions(timeout=max(1, int(timeout_s * 1000)))
        )
        try:
            with deadline(timeout_s):
                return list(islice(self._client.models.list(config=config), MAX_MODELS))
        except _BROKEN as error:
            return _failure(error)

    def close(self) -> None:
        self._client.close()
        self._http.close()


# The SDK lets its HTTP library's errors through as they are. What its reader falls over: JSON's and pydantic's errors
# are ValueErrors, the rest are shapes that it takes for granted.
_BROKEN = (
    errors.APIError,
    httpx2.HTTPError,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
)


def _failure(error: Exception) -> Failure:
    match error:
        case errors.APIError():
            return Failure(read_error(error), error.code)
        case httpx2.TimeoutException():
            return Failure(GeminiUnreachable("Gemini did not answer in time"))
        case httpx2.HTTPError() | OSError():
            return Failure(GeminiUnreachable(f"no answer from Gemini: {type(error).__name__}"))
        case _:
            return Failure(Unreadable(), 200)


def _in_time(config: types.GenerateContentConfig, timeout_s: float, *, silence_s: float) -> types.GenerateContentConfig:
    server_deadline_s = max(math.ceil(timeout_s), SHORTEST_SERVER_DEADLINE_S)
    return config.model_copy(
        update={
            "http_options": types.HttpOptions(
                timeout=max(1, int(silence_s * 1000)), headers={"X-Server-Timeout": str(server_deadline_s)}
            ),
            "automatic_continuation": False,
            "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
        }
    )
