"""The one connection to Gemini: a question goes in, an answer or a sorted failure comes out, in time."""

import functools
import logging
import math
import ssl
from dataclasses import dataclass

import httpx2
from google import genai
from google.genai import errors, types

from services.worker.gemini.failures import FieldRefused, ModelGone, sort_failure
from services.worker.gemini.transport import DeadlineTransport, deadline
from shared.errors import ImagineError, ServiceUnreachable

DEFAULT_URL = "https://generativelanguage.googleapis.com"
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
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        api_version: str,
        slots: int,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        # At INFO, both write a line a call.
        for name in ("httpx2", "google_genai"):
            logging.getLogger(name).setLevel(logging.WARNING)
        tls = _tls()
        url = base_url or DEFAULT_URL
        transport = transport or DeadlineTransport(url, slots=slots, tls=tls)
        self._http = httpx2.Client(transport=transport, timeout=None)
        self._client = genai.Client(
            vertexai=False,
            api_key=api_key,
            http_options=types.HttpOptions(
                base_url=url,
                api_version=api_version,
                httpx_client=self._http,
                # The SDK gets ready for asynchronous calls and web sockets, too; nobody makes them, so they need
                # no certificates of their own.
                async_client_args={"verify": tls, "ssl": tls},
            ),
        )

    def ask(
        self, model: str, contents: list[types.Content], config: types.GenerateContentConfig, *, seconds: float
    ) -> types.GenerateContentResponse | Failure:
        """Ask a model once, and wait at most so many seconds."""
        server_deadline_s = max(math.ceil(seconds), SHORTEST_SERVER_DEADLINE_S)
        config = config.model_copy(
            update={
                "http_options": types.HttpOptions(
                    timeout=max(1, int(seconds * 1000)), headers={"X-Server-Timeout": str(server_deadline_s)}
                ),
                "automatic_continuation": False,
                "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
            }
        )
        try:
            with deadline(seconds):
                return self._client.models.generate_content(model=model, contents=contents, config=config)
        except errors.APIError as error:
            return Failure(sort_failure(error), error.code)
        except httpx2.TimeoutException:
            return Failure(ServiceUnreachable("Gemini did not answer in time"))
        # The SDK lets its HTTP library's errors through as they are.
        except (httpx2.HTTPError, OSError) as error:
            return Failure(ServiceUnreachable(f"no answer from Gemini: {type(error).__name__}"))
        # What the SDK's reader falls over: JSON's and pydantic's errors are ValueErrors, the rest are shapes
        # that it takes for granted.
        except (ValueError, TypeError, AttributeError, KeyError, IndexError):
            return Failure(Unreadable(), 200)

    def close(self) -> None:
        self._client.close()
        self._http.close()


@functools.cache
def _tls() -> ssl.SSLContext:
    """Read the machine's certificates once: it costs 60 ms and two megabytes."""
    return httpx2.create_ssl_context()
