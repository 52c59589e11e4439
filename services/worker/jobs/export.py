"""Packs a person's pictures, their history and what else is stored of them into ZIPs, which the bot sends."""

import json
import logging
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, TypedDict

from shared.csv_export import write_csv
from shared.errands import Errand, ErrandResult
from shared.errors import StoreAway
from shared.images import SUFFIXES, Images, key_of_export
from shared.jobs import Job
from shared.store.errands import Errands
from shared.store.personal_data import PersonalData

log = logging.getLogger(__name__)

MAX_PART_BYTES = 45 * 1000 * 1000  # Telegram takes files of up to 50 MB from a bot
MAX_PARTS = 10  # lie in the image store at a time; the next ones are packed when these are sent
AT_ONCE = 2  # exports that one worker packs: each needs a part's room on its disk
FREE_BYTES = 4 * MAX_PART_BYTES  # that the disk must have left
TELL_EVERY = 20  # pictures, between two notes of how far it is
WAITS_S = 10.0


class Entry(TypedDict):
    """A picture's entry in the history; ``file`` is empty where no original is kept."""

    file: str
    asked: str
    ended: str
    outcome: str
    idea: str
    prompt: str
    negative: str
    model: str
    provider: str
    seed: int | str
    size: str


class ExportJob:
    """Runs the errands that export. A killed worker's goes on after the last part that was kept."""

    def __init__(
        self,
        errands: Errands,
        data: PersonalData,
        images: Images,
        *,
        part_bytes: int = MAX_PART_BYTES,
        most_parts: int = MAX_PARTS,
    ) -> None:
        """Pack parts of up to so many bytes; so many lie in the image store at a time."""
        self._part_bytes = part_bytes
        self._most_parts = most_parts
        self._errands = errands
        self._data = data
        self._images = images
        self._room = threading.BoundedSemaphore(AT_ONCE)

    def run(self, errand: Errand) -> None:
        """Pack part after part, until all is packed or enough waits to be sent.

        Raises:
            LostTurn: Another worker has it.
            StoreAway: The record, the image store or the disk has no room.
        """
        if not self._room.acquire(blocking=False):
            self._errands.wait(errand, seconds=WAITS_S, reason="export_waits", failures=errand.failures)
            return
        try:
            self._pack(errand)
        finally:
            self._room.release()

    def _pack(self, errand: Errand) -> None:
        result = _begun(errand) or self._begin(errand)
        while not result["is_all"] and len(result["parts"]) < self._most_parts:
            if self._errands.is_to_stop(errand):
                self._errands.cancel(errand)
                return
            self._add_part(errand, result)
        self._errands.finish(errand, result=result)
        log.info("export packed", extra={"errand_id": errand.id, "parts": len(result["parts"])})

    def _begin(self, errand: Errand) -> ErrandResult:
        last = errand.question.get("last", 0)
        pictures = self._data.count_pictures(errand.sender.id, after=last)
        return {"parts": [], "done": 0, "pictures": pictures, "last": last, "is_all": bool(last) and pictures == 0}

    def _add_part(self, errand: Errand, result: ErrandResult) -> None:
        """Pack a part, keep it, and only then note it: a kill in between costs the work for one part."""
        if shutil.disk_usage(tempfile.gettempdir()).free < FREE_BYTES:
            raise StoreAway("the disk has no room for a part of an export")
        key = key_of_export(errand.id, len(result["parts"]))
        # Without a name: whatever happens to this process, nothing stays on the disk.
        with tempfile.TemporaryFile() as file:
            packed = self._write(errand, result, file)
            size = file.tell()
            file.seek(0)
            self._images.put_export(key, file)
        result["parts"] = [*result["parts"], {"key": key, "pictures": len(packed), "bytes": size}]
        result["last"] = packed[-1].id if packed else result["last"]
        result["is_all"] = not self._data.pictures_of(errand.sender.id, after=result["last"], limit=1)
        self._errands.note(errand, result)

    def _write(self, errand: Errand, result: ErrandResult, file: IO[bytes]) -> list[Job]:
        packed: list[Job] = []
        entries: list[Entry] = []
        size = 0
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            if not result["last"]:
                record = _json(self._data.record_of(errand.sender.id))
                archive.writestr("record.json", record, zipfile.ZIP_DEFLATED)
                size += len(record)
            for job in self._jobs(errand, result["last"]):
                data = self._original(job)
                size += len(data or b"") + 3 * len(job.request.idea) + 2_000  # its entries in archive and history
                if packed and size > self._part_bytes:
                    break
                name = _name(job) if data is not None else ""
                if data is not None:
                    archive.writestr(f"pictures/{name}", data)
                entries.append(_entry(job, name))
                packed.append(job)
                result["done"] += 1
                if result["done"] % TELL_EVERY == 0:
                    self._errands.note(errand, result)
            archive.writestr("history.json", _json(entries))
            # Excel takes a CSV for UTF-8 only if it says so.
            archive.writestr("history.csv", _table(entries).encode("utf-8-sig"))
        file.seek(0, 2)
        return packed

    def _jobs(self, errand: Errand, last: int) -> Iterator[Job]:
        while some := self._data.pictures_of(errand.sender.id, after=last):
            yield from some
            last = some[-1].id

    def _original(self, job: Job) -> bytes | None:
        if job.image_key is None:
            return None
        try:
            return self._images.get(job.image_key)
        except FileNotFoundError:
            return None  # Its time was over: the history lists it without a file.


def _begun(errand: Errand) -> ErrandResult | None:
    """What an earlier run of it has packed."""
    if not errand.result:
        return None
    packed = sum(part["pictures"] for part in errand.result["parts"])
    return {**errand.result, "done": packed}


def _name(job: Job) -> str:
    return f"{job.created_at:%Y-%m-%d}-{job.id}.{SUFFIXES.get(job.media_type or '', 'jpg')}"


def _entry(job: Job, name: str) -> Entry:
    recipe, prompt = job.recipe, job.prompt
    return {
        "file": name,
        "asked": _moment(job.created_at),
        "ended": _moment(job.ended_at),
        "outcome": str(job.state) if job.reason is None else f"{job.state}: {job.reason}",
        "idea": job.request.idea,
        "prompt": prompt.text if prompt else "",
        "negative": prompt.negative if prompt else "",
        "model": recipe.model if recipe else "",
        "provider": recipe.provider if recipe else "",
        "seed": "" if recipe is None or recipe.seed is None else recipe.seed,
        "size": f"{recipe.width}x{recipe.height}" if recipe and recipe.width and recipe.height else "",
    }


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1)


def _table(entries: list[Entry]) -> str:
    rows: list[Iterable[str | int]] = [list(Entry.__annotations__)]
    rows += [[cell for cell in entry.values() if isinstance(cell, str | int)] for entry in entries]
    return write_csv(rows)


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
