"""The sheets from which styles and models are picked: one of each kind, in the image store, with its description."""

import json

from pydantic import BaseModel, ValidationError

from shared.images import Images
from shared.samples import SampleKind, Sheet


class _Kept(BaseModel):
    """What the store tells of a sheet; ``file_ids`` by bot."""

    key: str
    names: tuple[str, ...]
    file_ids: dict[str, str] = {}


class Sheets:
    """The sheets of one installation. All methods block, and raise ``StoreAway`` where the store does not answer."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def put(self, sheet: Sheet) -> None:
        """Take a sheet in the place of an older one of its kind."""
        self._write(sheet.kind, _Kept(key=sheet.key, names=sheet.names))

    def read(self, kind: SampleKind, bot_id: int) -> Sheet | None:
        """Return the sheet of a kind, with the file that this bot has sent of it; None where there is none."""
        kept = self._read(kind)
        return Sheet(kind, kept.key, kept.names, kept.file_ids.get(str(bot_id))) if kept is not None else None

    def keep_file(self, sheet: Sheet, bot_id: int, file_id: str) -> None:
        """Note under which id a bot can send a sheet again. Of two bots that do so at once, one may upload it anew."""
        kept = self._read(sheet.kind)
        if kept is not None and kept.key == sheet.key:
            self._write(sheet.kind, kept.model_copy(update={"file_ids": kept.file_ids | {str(bot_id): file_id}}))

    def _read(self, kind: SampleKind) -> _Kept | None:
        try:
            return _Kept.model_validate_json(self._images.get(_place(kind)))
        except (FileNotFoundError, ValidationError):
            return None

    def _write(self, kind: SampleKind, kept: _Kept) -> None:
        self._images.keep_sheet(_place(kind), json.dumps(kept.model_dump(mode="json")).encode())


def _place(kind: SampleKind) -> str:
    return f"samples/{kind}.json"
