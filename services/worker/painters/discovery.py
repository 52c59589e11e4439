"""Looks up on the Hub which providers serve a model now; while the Hub is away, in the shipped list."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from requests.utils import parse_header_links

from services.worker.painters.http import HttpClient, HttpResponse
from services.worker.painters.painter import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Target
from services.worker.painters.registry import ADAPTERS, LORA, STARTING_FROM_PICTURES, TAKING_ADAPTERS
from shared.catalogue import GEMINI, Catalogue, google_name
from shared.errors import ImagineError, ServiceUnreachable
from shared.json_types import JsonObject, JsonValue

log = logging.getLogger(__name__)

FRESH_S = 300.0  # how long an answer of the Hub is believed
FRESH_WHEN_AWAY_S = 20.0
GONE_S = 600.0  # how long a target is left alone after it said that it doesn't serve the model
HUB_S = 6.0
MAX_MODELS = 1_000  # remembered at once; people may wish for any name
MAX_PAGES = 30
_MODEL_ID = re.compile(r"[A-Za-z0-9_][\w.-]{0,94}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)
# A file in a repository; no segment of dots alone.
_WEIGHTS = re.compile(r"(?!\.+(?:/|\Z))[\w.+=@ -]{1,200}(?:/(?!\.+(?:/|\Z))[\w.+=@ -]{1,200}){0,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Known:
    targets: tuple[Target, ...]
    until: float


class Discovery:
    """Asks the Hub for a model's live providers, and remembers the answer for some minutes. Thread-safe."""

    def __init__(
        self,
        http: HttpClient,
        *,
        hub_url: str,
        catalogue: Catalogue,
        endpoints: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        most_models: int = MAX_MODELS,
    ) -> None:
        """Remember where to ask; nothing is called yet.

        Args:
            hub_url: ``https://huggingface.co``.
            endpoints: Model → URL of a dedicated endpoint of the owner's, which is tried first.
            most_models: That are remembered at a time.
        """
        self._most_models = most_models
        self.catalogue = catalogue
        self._http = http
        self._hub_url = hub_url.rstrip("/")
        self._endpoints = dict(endpoints or {})
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._gone: dict[Target, float] = {}
        self._lock = threading.Lock()
        # One thread asks for a model, the others wait for its answer; models share locks, which does no harm.
        self._flights = [threading.Lock() for _ in range(64)]

    def targets(self, model: str, task: str = TEXT_TO_IMAGE) -> tuple[Target, ...]:
        """The live targets of a model, the preferred provider first; empty when nobody serves it."""
        now = self._clock()
        able = (target for target in self._all(model) if target.task == task)
        return tuple(target for target in able if self._gone.get(target, 0.0) <= now)

    def mark_gone(self, target: Target) -> None:
        """Leave a target alone that said it doesn't serve the model, and ask the Hub again."""
        with self._lock:
            self._known.pop(target.model, None)
            self._gone[target] = self._clock() + GONE_S

    def survey(self) -> dict[str, tuple[Target, ...]]:
        """All image models that somebody paints with from words right now, the most downloaded ones first.

        Among their targets are those that start from pictures, as well.

        Raises:
            ServiceUnreachable: The Hub is away.
        """
        found: dict[str, tuple[Target, ...]] = {}
        for page in self._pages():
            for item in page:
                model, mapping = item.get("id"), item.get("inferenceProviderMapping")
                if read_targets(model, mapping) and _MODEL_ID.fullmatch(str(model)):
                    found[str(model)] = _of_all_tasks(model, mapping)
        until = self._clock() + FRESH_S
        with self._lock:
            self._known.update({model: _Known(targets, until) for model, targets in found.items()})
        return found

    def _all(self, model: str) -> tuple[Target, ...]:
        if url := self._endpoints.get(model):
            return (Target(model, "endpoint", url), *self._from_hub(model))
        return self._from_hub(model)

    def _from_hub(self, model: str) -> tuple[Target, ...]:
        if name := google_name(model):
            return tuple(Target(model, GEMINI, name, task) for task in (TEXT_TO_IMAGE, IMAGE_TO_IMAGE))
        if not _MODEL_ID.fullmatch(model):
            return ()
        known = self._known.get(model)
        if known and known.until > self._clock():
            return known.targets
        with self._flights[hash(model) % len(self._flights)]:
            known = self._known.get(model)
            if known is None or known.until <= self._clock():
                known = self._ask(model, known)
                self._remember(model, known)
        return known.targets

    def _ask(self, model: str, before: _Known | None) -> _Known:
        url = f"{self._hub_url}/api/models/{model}?expand=inferenceProviderMapping"
        try:
            answer = self._http.call("GET", url, timeout_s=HUB_S)
            if answer.status in {404, 410}:
                return _Known((), self._clock() + FRESH_S)
            if answer.status in {401, 403}:
                # Strangers are not told whether there is such a model; we may know better.
                return _Known(self._shipped(model), self._clock() + FRESH_S)
            content = _content(answer)
            if not isinstance(content, dict):
                raise ServiceUnreachable("the Hub answered no object")
        except ImagineError as error:
            log.warning("the Hub is away", extra={"model": model, "error": str(error)})
            targets = before.targets if before else self._shipped(model)
            return _Known(targets, self._clock() + FRESH_WHEN_AWAY_S)
        return _Known(_of_all_tasks(model, content.get("inferenceProviderMapping")), self._clock() + FRESH_S)

    def _remember(self, model: str, known: _Known) -> None:
        with self._lock:
            if len(self._known) >= self._most_models:
                del self._known[next(iter(self._known))]
            self._known[model] = known

    def _shipped(self, model: str) -> tuple[Target, ...]:
        shipped = self.catalogue.model(model)
        return _in_order(
            Target(model, *pair, task)
            for task, providers in ((TEXT_TO_IMAGE, shipped.providers), (IMAGE_TO_IMAGE, shipped.starting))
            for pair in providers.items()
        )

    def _pages(self) -> Iterator[list[JsonObject]]:
        query = f"pipeline_tag={TEXT_TO_IMAGE}&inference_provider=all&sort=downloads&limit=100"
        query += "&expand[]=inferenceProviderMapping"
        url: str | None = f"{self._hub_url}/api/models?{query}"
        for _ in range(MAX_PAGES):
            if url is None:
                return
            answer = self._http.call("GET", url, timeout_s=HUB_S)
            content = _content(answer)
            yield [item for item in content if isinstance(item, dict)] if isinstance(content, list) else []
            url = self._next(answer)

    def _next(self, answer: HttpResponse) -> str | None:
        links = parse_header_links(answer.headers.get("link", ""))
        url = next((link.get("url", "") for link in links if link.get("rel") == "next"), "")
        # The Hub may know itself by another name than we do; nothing but the query is taken from its answer.
        query = urlsplit(url).query
        return f"{self._hub_url}/api/models?{query}" if query else None


def _of_all_tasks(model: JsonValue, mapping: JsonValue) -> tuple[Target, ...]:
    starting = (one for one in read_targets(model, mapping, IMAGE_TO_IMAGE) if one.provider in STARTING_FROM_PICTURES)
    return (*read_targets(model, mapping), *starting)


def read_targets(model: JsonValue, mapping: JsonValue, task: str = TEXT_TO_IMAGE) -> tuple[Target, ...]:
    """The live targets of a mapping for a task; it comes as a list or as an object by provider."""
    if not isinstance(model, str):
        return ()
    if isinstance(mapping, dict):
        entries = [{"provider": provider, **entry} for provider, entry in mapping.items() if isinstance(entry, dict)]
    elif isinstance(mapping, list):
        entries = [entry for entry in mapping if isinstance(entry, dict)]
    else:
        return ()
    live = (entry for entry in entries if entry.get("status") == "live" and entry.get("task") == task)
    return _in_order(target for entry in live if (target := _target(model, entry, task)) is not None)


def _target(model: str, entry: JsonObject, task: str) -> Target | None:
    """The target of an entry; None where nobody could be told what it needs."""
    provider, provider_id = entry.get("provider"), entry.get("providerId")
    if not (isinstance(provider, str) and isinstance(provider_id, str)):
        return None
    adapter, weights = entry.get("adapter"), entry.get("adapterWeightsPath")
    if not adapter and not weights:
        return Target(model, provider, provider_id, task)
    # Without its weights in the order an adapter's provider would paint with the base model.
    is_plain = isinstance(weights, str) and _WEIGHTS.fullmatch(weights) is not None
    if adapter not in {None, LORA} or not is_plain or provider not in TAKING_ADAPTERS[task]:
        return None
    return Target(model, provider, provider_id, task, LORA, str(weights))


_ORDER = {adapter.provider: place for place, adapter in enumerate(ADAPTERS)}


def _in_order(targets: Iterable[Target]) -> tuple[Target, ...]:
    spoken = (target for target in targets if target.provider in _ORDER and target.provider != "endpoint")
    return tuple(sorted(spoken, key=lambda target: _ORDER[target.provider]))


def _content(answer: HttpResponse) -> JsonValue:
    if not answer.ok or answer.json is None:
        raise ServiceUnreachable(f"the Hub answered {answer.status}")
    content: JsonValue = answer.json
    return content
