"""The gallery's web application: the page, and what it asks for. Every question bears ``initData``; nothing is kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.contact_sheet import NotDrawn
from services.gallery.init_data import NotVouched, Visitor, download_ticket, read_ticket, read_visitor
from services.gallery.thumbnails import Thumbnails
from shared.clock import present
from shared.errors import ImagineError, StoreAway
from shared.history import MAX_SEARCH, Wanted
from shared.images import SUFFIXES, Images
from shared.jobs import Job
from shared.store.history import History

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
A_PAGE = 24  # pictures
MAX_PRESS = 40  # characters
MAX_ID = 2**63 - 1  # what a column of 64 bits holds
HEADERS = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


@dataclass(frozen=True, slots=True)
class TelegramApps:
    """Telegram's side of a Mini App.

    Attributes:
        script: The address of the script that every Mini App loads.
        frames: The origins whose pages show Mini Apps in a frame.
    """

    script: str = "https://telegram.org/js/telegram-web-app.js"
    frames: tuple[str, ...] = ("https://web.telegram.org", "https://*.telegram.org")

    @property
    def policy(self) -> str:
        """The page's content security policy."""
        return (
            f"default-src 'none'; script-src 'self' {_origin(self.script)}; style-src 'self'; img-src 'self' blob:; "
            f"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {' '.join(self.frames)}"
        )


@dataclass(frozen=True, slots=True)
class Gallery:
    """What the application works with.

    Attributes:
        admits: Whether somebody may use the bot. May block.
        again: Has a picture made once more; the word tells presses apart.
    """

    token: str
    bot_id: int
    history: History
    images: Images
    thumbnails: Thumbnails
    admits: Callable[[int], bool]
    again: Callable[[Job, Visitor, str], Awaitable[None]]


class Refused(Exception):
    """A question is not answered; the status tells why."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def create_app(gallery: Gallery, apps: TelegramApps | None = None) -> Starlette:
    """The page at ``/``, and its questions below ``/api``; Telegram's own apps open it unless told otherwise."""
    apps = apps or TelegramApps()
    visits = _Visits(gallery)
    page = (PAGE / "index.html").read_text(encoding="utf-8").replace(TelegramApps().script, apps.script)

    async def index(_: Request) -> Response:
        return HTMLResponse(page)

    routes = [
        Route("/", index),
        Route("/api/pictures", visits.pictures),
        Route("/api/pictures/{id:int}/original", visits.original),
        Route("/api/pictures/{id:int}/thumbnail", visits.thumbnail),
        Route("/api/pictures/{id:int}/link", visits.link, methods=["POST"]),
        Route("/api/downloads/{ticket}", visits.download),
        Route("/api/pictures/{id:int}/favourite", visits.favourite, methods=["PUT", "DELETE"]),
        Route("/api/pictures/{id:int}/again", visits.again, methods=["POST"]),
        Mount("/", StaticFiles(directory=PAGE)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(_Headers, policy=apps.policy)],
        exception_handlers={Refused: _refuse, StoreAway: _away, ImagineError: _not_now},
    )


class _Headers:
    """Adds what browsers are to heed to every answer."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._headers = (*HEADERS, (b"content-security-policy", policy.encode()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_all(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, send_all)


class _Visits:
    """Answers the page's questions, to each visitor of their own pictures alone."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    async def pictures(self, request: Request) -> Response:
        visitor, asked = await self._visitor(request), request.query_params
        before = asked.get("before", "")
        is_number = before.isascii() and before.isdecimal() and len(before) < 19
        wanted = Wanted(
            self._gallery.bot_id,
            visitor.id,
            asked.get("search", "")[:MAX_SEARCH],
            favourites="favourites" in asked,
            with_original=True,
        )
        found = await asyncio.to_thread(self._page, wanted, int(before) if is_number else None)
        return JSONResponse(found)

    def _page(self, wanted: Wanted, before: int | None) -> dict[str, object]:
        jobs = self._gallery.history.page(wanted, before=before, limit=A_PAGE)
        favourites = self._gallery.history.favourites_among(wanted.owner_id, [job.id for job in jobs])
        older = jobs[-1].id if len(jobs) == A_PAGE else None
        return {"pictures": [_shown(job, is_favourite=job.id in favourites) for job in jobs], "older": older}

    async def original(self, request: Request) -> Response:
        _, job = await self._picture(request)
        return await self._file(job)

    async def link(self, request: Request) -> Response:
        """Where Telegram finds the file that it is to download; the link is good for that file and some minutes."""
        visitor, job = await self._picture(request)
        ticket = download_ticket(job.id, visitor.id, self._gallery.token, present())
        return JSONResponse({"path": f"api/downloads/{ticket}"})

    async def download(self, request: Request) -> Response:
        try:
            ticket = str(request.path_params["ticket"])
            job_id, visitor_id = read_ticket(ticket, self._gallery.token, present())
        except NotVouched as error:
            log.info("gallery refused", extra={"reason": str(error)})
            raise Refused(401) from error
        job = await self._picture_of(visitor_id, job_id)
        answer = await self._file(job)
        answer.headers["content-disposition"] = f'attachment; filename="{_file_name(job)}"'
        answer.headers["access-control-allow-origin"] = "https://web.telegram.org"
        return answer

    async def _file(self, job: Job) -> Response:
        try:
            data = await asyncio.to_thread(self._gallery.images.get, str(job.image_key))
        except FileNotFoundError:
            raise Refused(404) from None
        return Response(data, media_type=job.media_type or "application/octet-stream")

    async def thumbnail(self, request: Request) -> Response:
        _, job = await self._picture(request)
        try:
            small = await asyncio.to_thread(self._gallery.thumbnails.of, str(job.image_key))
        except (FileNotFoundError, NotDrawn):
            raise Refused(404) from None
        return Response(small, media_type="image/jpeg")

    async def favourite(self, request: Request) -> Response:
        visitor, job = await self._picture(request)
        is_one = request.method == "PUT"
        await asyncio.to_thread(self._gallery.history.set_favourite, visitor.id, job.id, is_one=is_one)
        return Response(status_code=204)

    async def again(self, request: Request) -> Response:
        visitor, job = await self._picture(request)
        press = request.query_params.get("press", "")
        if not (press.isascii() and press.isalnum() and len(press) <= MAX_PRESS):
            raise Refused(400)
        await self._gallery.again(job, visitor, press)
        return Response(status_code=202)

    async def _visitor(self, request: Request) -> Visitor:
        scheme, _, init_data = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme != "tma":
                raise NotVouched("no initData")
            visitor = read_visitor(init_data, self._gallery.token, present())
        except NotVouched as error:
            log.info("gallery refused", extra={"reason": str(error)})
            raise Refused(401) from error
        if not await asyncio.to_thread(self._gallery.admits, visitor.id):
            raise Refused(403)
        return visitor

    async def _picture(self, request: Request) -> tuple[Visitor, Job]:
        """The picture that a question names, if it is the visitor's."""
        visitor = await self._visitor(request)
        return visitor, await self._picture_of(visitor.id, int(request.path_params["id"]))

    async def _picture_of(self, person: int, job_id: int) -> Job:
        wanted = Wanted(self._gallery.bot_id, person, with_original=True)
        if job_id >= MAX_ID:
            raise Refused(404)
        found = await asyncio.to_thread(self._gallery.history.page, wanted, before=job_id + 1, limit=1)
        if not found or found[0].id != job_id:
            raise Refused(404)
        return found[0]


def _shown(job: Job, *, is_favourite: bool) -> dict[str, object]:
    recipe = job.recipe
    return {
        "id": job.id,
        "idea": job.request.idea or (job.prompt.title if job.prompt else ""),
        "prompt": job.prompt.text if job.prompt else "",
        "model": recipe.model if recipe else "",
        "seed": str(recipe.seed) if recipe and recipe.seed is not None else "",
        "size": f"{recipe.width} × {recipe.height}" if recipe and recipe.width else "",
        "steps": recipe.steps if recipe else None,
        "made": job.created_at.isoformat(),
        "file": _file_name(job),
        "favourite": is_favourite,
    }


def _file_name(job: Job) -> str:
    return f"{job.id}.{SUFFIXES.get(job.media_type or '', 'jpg')}"


def _origin(address: str) -> str:
    return "/".join(address.split("/")[:3])


async def _refuse(_: Request, error: Exception) -> Response:
    return Response(status_code=error.status if isinstance(error, Refused) else 500)


async def _away(_: Request, __: Exception) -> Response:
    return Response(status_code=503)


async def _not_now(_: Request, error: Exception) -> Response:
    reason = error.reason if isinstance(error, ImagineError) else ""
    return JSONResponse({"reason": reason}, status_code=409)
