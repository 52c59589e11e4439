"""What can be turned on a running stand-in: ``GET`` and ``PUT {service}/_sandbox``."""

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def knobs_route(knobs: Any) -> Route:
    """Return the route that shows and changes ``knobs``, a dataclass of plain values.

    ``PUT`` takes a JSON object with the fields to be changed and answers with all of them; a
    field that doesn't exist, or a value of another type, is a 400 and changes nothing.
    """

    async def turn(request: Request) -> Response:
        if request.method == "PUT":
            wishes = await request.json()
            wrong = [name for name, value in wishes.items() if not _fits(knobs, name, value)]
            if wrong:
                return JSONResponse({"error": f"no such knob or value: {', '.join(wrong)}"}, status_code=400)
            for name, value in wishes.items():
                # JSON doesn't tell 2 from 2.0; the knob stays of its own type.
                setattr(knobs, name, type(getattr(knobs, name))(value))
        return JSONResponse(dataclasses.asdict(knobs))

    return Route("/_sandbox", turn, methods=["GET", "PUT"])


def _fits(knobs: Any, name: str, value: object) -> bool:
    types = {field.name: type(getattr(knobs, field.name)) for field in dataclasses.fields(knobs)}
    if name not in types:
        return False
    # In Python a bool is an int, so the types themselves are compared.
    return type(value) is types[name] or (types[name] is float and type(value) is int)
