"""The Hub: which models there are, who serves them, and whose token this is."""

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.huggingface import catalogue, replies
from sandbox.huggingface.catalogue import MODELS, PROVIDERS, Model
from sandbox.huggingface.studio import Refusal, check_token, refuse

MAX_A_PAGE = 1_000
# What a list shows of each model unless `expand` chooses.
PLAIN_FIELDS = ("likes", "downloads", "pipeline_tag", "private", "tags", "library_name", "createdAt")


def create_service(public_url: Callable[[], str]) -> Starlette:
    """Create the stand-in; it is to be mounted at ``/hub``."""

    async def list_models(request: Request) -> Response:
        _check_token_if_any(request)
        models = _chosen(request)
        start, size = _page(request)
        page = models[start : start + size]
        headers = {}
        if start + size < len(models):
            query = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
            address = f"{public_url().rstrip('/')}/hub/api/models?{urlencode([*query, ('cursor', str(start + size))])}"
            headers["link"] = f'<{address}>; rel="next"'
        fields = _fields(request)
        return JSONResponse([_describe(model, fields, in_list=True) for model in page], headers=headers)

    async def one_model(request: Request) -> Response:
        _check_token_if_any(request)
        model = catalogue.find(f"{request.path_params['org']}/{request.path_params['name']}")
        if model is None:
            # Strangers don't learn which private models there are.
            raise Refusal(replies.repository_not_found() if _has_token(request) else replies.bad_token())
        return JSONResponse(_describe(model, _fields(request), in_list=False))

    return Starlette(
        routes=[
            Route("/api/models", list_models, methods=["GET"]),
            Route("/api/models/{org}/{name}", one_model, methods=["GET"]),
            Route("/api/partners/{provider}/models", _partner_models, methods=["GET"]),
            Route("/api/whoami-v2", _whoami, methods=["GET"]),
        ],
        exception_handlers={Refusal: refuse},
    )


async def _partner_models(request: Request) -> Response:
    provider, status = request.path_params["provider"], request.query_params.get("status")
    if provider not in PROVIDERS:
        return JSONResponse({"error": "Partner not found"}, 404)
    tasks: dict[str, dict[str, Any]] = {}
    for model in MODELS:
        service = model.services.get(provider)
        if service is not None and status in {None, service.status}:
            tasks.setdefault(service.task, {})[model.id] = {
                "status": service.status,
                "providerId": service.provider_id,
            }
    return JSONResponse(tasks)


async def _whoami(request: Request) -> Response:
    check_token(request)
    token = request.headers["authorization"].split(" ", 1)[1]
    number = hashlib.sha256(token.encode()).hexdigest()[:24]
    role = next((role for role in ("read", "write") if role in token), "fineGrained")
    access: dict[str, Any] = {"displayName": "sandbox", "role": role, "createdAt": "2026-01-01T00:00:00.000Z"}
    if role == "fineGrained":
        access["fineGrained"] = _permissions(number, may_infer="narrow" not in token)
    return JSONResponse(
        {
            "type": "user",
            "id": number,
            "name": "sandbox-user",
            "fullname": "A User of the Sandbox",
            "email": "user@sandbox.example",
            "emailVerified": True,
            "canPay": False,
            "isPro": "pro" in token,
            "periodEnd": None,
            "billingMode": "prepaid",
            "avatarUrl": "/avatars/sandbox.svg",
            "orgs": [],
            "auth": {"type": "access_token", "accessToken": access},
        }
    )


def _permissions(user: str, *, may_infer: bool) -> dict[str, Any]:
    """What a fine-grained token may do: everywhere, and with what belongs to its user."""
    entity = {"_id": user, "type": "user", "name": "sandbox-user"}
    own = ["repo.content.read", *(["inference.serverless.write"] if may_infer else [])]
    return {"canReadGatedRepos": False, "global": [], "scoped": [{"entity": entity, "permissions": own}]}


def _chosen(request: Request) -> list[Model]:
    """Return the models that the query's filters let through, most downloaded first."""
    query = request.query_params
    models = list(MODELS)
    if task := query.get("pipeline_tag"):
        models = [model for model in models if model.task == task]
    if providers := {name for value in query.getlist("inference_provider") for name in value.split(",") if name}:
        models = [
            model
            for model in models
            if any(model.live(name) and ("all" in providers or name in providers) for name in PROVIDERS)
        ]
    if author := query.get("author"):
        models = [model for model in models if model.id.startswith(f"{author}/")]
    if words := query.get("search"):
        models = [model for model in models if words.lower() in model.id.lower()]
    return sorted(models, key=lambda model: -model.downloads)


def _page(request: Request) -> tuple[int, int]:
    start, size = request.query_params.get("cursor", "0"), request.query_params.get("limit", "1000")
    if not (start.isdigit() and size.isdigit() and int(size) > 0):
        raise Refusal(replies.validation_error("Invalid value for limit or cursor"))
    return int(start), min(int(size), MAX_A_PAGE)


def _fields(request: Request) -> list[str]:
    """Return the fields asked for by ``expand``, ``expand[]`` or ``expand[0]``; none means the usual ones."""
    return [
        name
        for key, value in request.query_params.multi_items()
        if re.fullmatch(r"expand(\[\d*\])?", key)
        for name in value.split(",")
    ]


def _describe(model: Model, fields: list[str], *, in_list: bool) -> dict[str, Any]:
    number = hashlib.sha256(model.id.encode()).hexdigest()[:24]
    everything: dict[str, Any] = {
        "likes": model.downloads // 300,
        "downloads": model.downloads,
        "pipeline_tag": model.task,
        "private": False,
        "gated": "auto" if model.gated else False,
        "tags": ["diffusers", model.task],
        "library_name": "diffusers",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "inference": "warm" if model.is_warm else None,
        "inferenceProviderMapping": _mapping(model, in_list=in_list),
    }
    shown = {"_id": number, "id": model.id}
    if fields:
        return shown | {name: everything[name] for name in fields if everything.get(name) is not None}
    plain = {name: everything[name] for name in PLAIN_FIELDS}
    return shown | {"modelId": model.id} | plain | ({} if in_list else {"gated": everything["gated"]})


def _mapping(model: Model, *, in_list: bool) -> list[dict[str, Any]] | dict[str, dict[str, Any]]:
    """Return who serves the model: a list in lists, keyed by the provider for one model. So does the Hub."""
    if in_list:
        return [
            {"provider": name, "hfModelId": model.id, **service.describe()} for name, service in model.services.items()
        ]
    return {name: service.describe() for name, service in model.services.items()}


def _has_token(request: Request) -> bool:
    return "authorization" in request.headers


def _check_token_if_any(request: Request) -> None:
    if _has_token(request):
        check_token(request)
