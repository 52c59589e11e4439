"""What Gemini, HuggingFace and the network may do to us: every row of ``docs/upstreams.md``, as data."""

import base64
import io
from dataclasses import dataclass, field
from typing import Any

import PIL.Image

Fault = dict[str, Any]

SEVERAL = "black-forest-labs/FLUX.1-dev"  # served by fal-ai, replicate, together and wavespeed, asked in this order
ALONE = "stabilityai/stable-diffusion-3-medium-diffusers"  # served by hf-inference alone
OWN = "owner/own-model"  # at a dedicated endpoint
GLM = "zai-org/GLM-Image"
SCHNELL = "black-forest-labs/FLUX.1-schnell"
RETIRED = "nitrosocke/Ghibli-Diffusion"  # served by nobody
NEWEST = "gemini-3.8-flash"
ELSEWHERE = "http://elsewhere.test"  # stands for the sandbox under a name that is not among the allowed hosts
IDS = {  # the providers' own names for the models
    "fal-ai": "fal-ai/flux/dev",
    "replicate": "black-forest-labs/flux-dev",
    "together": "black-forest-labs/FLUX.1-dev",
    "nscale": "black-forest-labs/FLUX.1-schnell",
    "wavespeed": "wavespeed-ai/flux-dev",
    "zai-org": "glm-image",
}


@dataclass(frozen=True)
class Situation:
    """One row.

    Attributes:
        what: What comes, in the page's words.
        forms: Faults that arm it; all of them have to lead to the same row. Each is hit once, and then always.
        model: Who is asked to paint.
        idea: What is asked for.
        raw: Whether Gemini is left out.
        knobs: What is turned on the sandbox's router.
        only: ``once`` or ``always``, where the other makes no sense.
        provider: The only one that serves the model, as the Hub says; None: all that usually do.
        deadline_s: Seconds that the job has.
        proof: The name of a proof in ``trials.PROOFS``: what is looked up besides, and said in the row.
    """

    what: str
    forms: tuple[Fault, ...] = ()
    model: str = SEVERAL
    idea: str = "a lighthouse"
    raw: bool = True
    knobs: dict[str, Any] = field(default_factory=dict)
    only: str | None = None
    provider: str | None = None
    deadline_s: float = 600.0
    proof: str | None = None


def _router(*presets: str | tuple[str, dict[str, Any]], **fields: Any) -> tuple[Fault, ...]:
    return _armed("router", presets, fields)


def _gemini(*presets: str | tuple[str, dict[str, Any]], **fields: Any) -> tuple[Fault, ...]:
    return _armed("gemini", presets, {"path": ":generateContent"} | fields)


def _armed(
    service: str, presets: tuple[str | tuple[str, dict[str, Any]], ...], fields: dict[str, Any]
) -> tuple[Fault, ...]:
    named = [(one, {}) if isinstance(one, str) else one for one in presets]
    return tuple({"service": service, "preset": name, "arguments": given, **fields} for name, given in named)


def _writing(what: str, forms: tuple[Fault, ...], **fields: Any) -> Situation:
    """A situation in which Gemini is asked."""
    return Situation(what, forms, ALONE, raw=False, **fields)


def _drops(service: str, **fields: Any) -> tuple[Fault, ...]:
    return tuple({"service": service, **fields, **drop} for drop in ({"drop": "before"}, {"drop": "after"}))


def _served_by(state: dict[str, Any], *providers: str) -> Fault:
    """What the Hub says of every model."""
    mapping = {name: {"providerId": "x", "task": "text-to-image", **state} for name in providers}
    return {"service": "hub", "reply": {"id": SEVERAL, "inferenceProviderMapping": mapping}}


def _picture(form: str) -> str:
    """A gradient in a format, as base64."""
    file = io.BytesIO()
    PIL.Image.linear_gradient("L").convert("RGB").save(file, form)
    return base64.b64encode(file.getvalue()).decode()


SAFE_REASONS = ("SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK")
BLOCKED_ENDS = (
    *("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "MODEL_ARMOR"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
)
ODD_ENDS = (
    *("LANGUAGE", "OTHER", "MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"),
    *("TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE", "IMAGE_OTHER", "ESCALATION"),
    *("PUP_LIMITED_DISABLED", "AN_END_NOBODY_KNOWS"),
)

HUGGINGFACE = (
    Situation(
        "400 `Model not supported by provider …`",
        _router("not-supported", ("not-supported", {"provider": "fal-ai"})),
    ),
    Situation(
        "400 `{“error”: “…”}`, `{“error”: […]}`, `{“detail”: “…”}` or `{“error”: {“message”}}`: a bad parameter",
        _router("validation", ("validation", {"error": ["a", "b"]}), "fal-bad-request", "together-validation"),
    ),
    Situation("401, a bad token, in both wordings", _router("bad-token", "bad-credentials")),
    Situation(
        "402, no credit, in all three wordings",
        _router(*(("no-credits", {"wording": wording}) for wording in ("depleted", "exceeded", "pay-as-you-go"))),
    ),
    Situation("403 `… does not have sufficient permissions to call Inference Providers …`", _router("no-permission")),
    Situation("403, a licence that nobody accepted", _router("gated")),
    Situation(
        "403 that says nothing of a licence: a page of the network's edge, nothing at all, an organization's rule",
        tuple(
            {"service": "router", "status": 403, "reply": reply}
            for reply in (
                "<html><title>ERROR: The request could not be satisfied</title></html>",
                "",
                {"error": "Inference Providers usage is disabled for your organization."},
            )
        ),
    ),
    Situation(
        "403 `… spending limit …`",
        ({"service": "router", "status": 403, "reply": {"error": "You have reached your spending limit."}},),
    ),
    Situation(
        "404 in all four wordings",
        _router(
            *(("unknown-model", {"wording": wording}) for wording in ("does-not-exist", "not-found", "plain")),
            "repository-not-found",
        ),
    ),
    Situation(
        "410 `… deprecated and no longer supported …`, or a host that is gone", _router("deprecated", "host-gone")
    ),
    Situation("a model that no provider serves any more", model=RETIRED, only="once"),
    Situation("413", _router("too-big")),
    Situation(
        "422, as text, with `error_type`, as `problem+json` or as fal's `detail`: validation",
        _router("missing-inputs", "typed-validation", "replicate-validation", "fal-validation"),
    ),
    Situation(
        "400 or 422 of a moderation",
        _router(*(("moderated", {"provider": provider}) for provider in ("fal-ai", "together", "zai-org", ""))),
    ),
    Situation("429 of one of several providers", _router("rate-limited"), only="once"),
    Situation(
        "429 with `Retry-After: 7`, or with `RateLimit: …;t=7`",
        _router(("rate-limited", {"retry_after": 7}), ("rate-limited", {"reset": 7})),
        ALONE,
    ),
    Situation(
        "429 with a `Retry-After` that is a date, or minutes away",
        _router(
            ("rate-limited", {"retry_after": "Wed, 21 Oct 2099 07:28:00 GMT"}), ("rate-limited", {"retry_after": 900})
        ),
        ALONE,
    ),
    Situation(
        "429 that says nothing of the time, or has a `Retry-After` that is neither a number nor a date",
        _router(
            "rate-limited",
            ("rate-limited", {"retry_after": "soon"}),
        ),
        ALONE,
    ),
    Situation("500 `unknown error`, CUDA out of memory", _router("cuda-out-of-memory"), ALONE),
    Situation(
        "500, 503 or 504 `Model too busy …`",
        _router("too-busy", ("too-busy", {"status": 500}), ("too-busy", {"status": 504})),
        ALONE,
    ),
    Situation(
        "502 or 504 of a gateway, in HTML or JSON",
        _router("bad-gateway-html", "gateway-timeout", ("gateway-timeout", {"html": False})),
        ALONE,
    ),
    Situation("503 `Model … is currently loading`, `estimated_time` 20", _router("loading"), ALONE, deadline_s=100),
    Situation(
        "the same with no estimate, or one that is negative, no number or a word",
        (
            *_router(("loading", {"without_estimate": True})),
            *_router(*(("loading", {"estimated_time": odd}) for odd in (-3, "soon", None, []))),
            {
                "service": "router",
                "status": 503,
                "headers": {"content-type": "application/json"},
                "reply": '{"error": "Model org/name is currently loading", "estimated_time": NaN}',
            },
        ),
        ALONE,
        deadline_s=100,
    ),
    Situation(
        "503 in HTML, or without a body",
        (*_router("loading-html"), {"service": "router", "status": 503, "reply": ""}),
        ALONE,
    ),
    Situation("a status that nobody documented (418)", ({"service": "router", "status": 418, "reply": ""},)),
)

WAKING = (
    Situation(
        "a dedicated endpoint that scaled to zero, or is paused: 503 without a body",
        ({"service": "endpoint", "preset": "endpoint-asleep", "arguments": {}},),
        OWN,
        deadline_s=100,
    ),
    Situation(
        "one that answers 500 or 502 until it is ready",
        tuple(
            {"service": "endpoint", "preset": "endpoint-asleep", "arguments": {"status": code}} for code in (500, 502)
        ),
        OWN,
    ),
    Situation(
        "fal has the order in its queue: `IN_QUEUE`, then `IN_PROGRESS`, then `COMPLETED`",
        knobs={"queue_polls": 3},
        only="once",
    ),
)

PICTURES = (
    Situation("a black picture", _router("black-picture"), ALONE),
    Situation("a picture of one colour, or of one pixel", _router("grey-picture", "tiny-picture"), ALONE),
    Situation("200 with HTML under `image/png`, or with nothing", _router("html-picture", "empty-picture"), ALONE),
    Situation("half a JPEG and no length that would tell", _router("truncated-picture"), ALONE),
    Situation("a PNG that unpacks to 900 million pixels", _router("bomb-picture"), ALONE),
    Situation("200 with `{“error”: “…”}` in JSON", _router("json-200-error"), ALONE),
    Situation(
        "200 with a failure's status in its JSON: `{“code”: 402, …}`",
        ({"service": "router", "status": 200, "reply": {"code": 402, "message": "nothing left", "data": None}},),
        ALONE,
    ),
    Situation("a JPEG under `image/png`", _router("wrong-type"), ALONE),
    Situation(
        "a picture inside JSON: `data[0].b64_json` or `output[0]`",
        _router("json-picture", ("json-picture", {"shape": "output"})),
        ALONE,
    ),
    Situation(
        "a GIF, an AVIF, a TIFF or a BMP",
        tuple(
            {"service": "router", "status": 200, "reply_base64": _picture(form)}
            for form in ("GIF", "AVIF", "TIFF", "BMP")
        ),
        ALONE,
        only="always",
    ),
    Situation(
        "a picture of a format that nothing here opens: SVG, JPEG 2000",
        tuple(
            {"service": "router", "status": 200, "reply_base64": base64.b64encode(start).decode()}
            for start in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99))
        ),
        ALONE,
        only="always",
        proof="ordered_once",
    ),
    Situation("fal hides the picture: `has_nsfw_concepts: [true]`", idea="nsfw", only="once"),
)

PROVIDERS = (
    Situation("fal's 400 `{“detail”: “…”}`", _router("fal-bad-request", path="/fal-ai/")),
    Situation("fal's 422 with `X-Fal-Retryable: false`", _router("fal-validation", path="/fal-ai/")),
    Situation(
        "fal's 503 and 504 with `X-Fal-Error-Type`",
        _router(
            "fal-infrastructure",
            *(
                ("fal-infrastructure", {"error_type": kind})
                for kind in ("startup_timeout", "runner_scheduling_failure", "runner_connection_timeout")
            ),
            *(
                ("fal-infrastructure", {"error_type": kind})
                for kind in ("runner_disconnected", "runner_connection_refused")
            ),
            path="/fal-ai/",
        ),
    ),
    Situation(
        "fal's queue: `COMPLETED`, but the result is a moderation's 422",
        _router(("moderated", {"provider": "fal-ai"}), path="requests/[^/]+$"),
    ),
    Situation(
        "fal's queue: `COMPLETED`, but the result is a validation's 422",
        _router("fal-validation", path="requests/[^/]+$"),
    ),
    Situation(
        "fal's queue does not know the order any more",
        ({"service": "router", "path": "/status", "status": 404, "reply": {"detail": "Request not found"}},),
    ),
    Situation("fal's queue can't be asked: 502", _router("bad-gateway-html", path="/status"), provider="fal-ai"),
    Situation(
        "fal's queue can't be asked: no answer",
        ({"service": "router", "path": "/status", "drop": "before"},),
        provider="fal-ai",
    ),
    Situation("together's 400 `invalid_request_error`", _router("together-validation"), provider="together"),
    Situation("replicate's 422 in `problem+json`", _router("replicate-validation"), provider="replicate"),
    Situation(
        "replicate answers 201 `failed` or `canceled`",
        _router("replicate-failed", ("replicate-failed", {"error": None, "status": "canceled"})),
        provider="replicate",
    ),
    Situation(
        "replicate's wait runs out: 201 `starting` or `processing`, `output: null`",
        knobs={"latency_s": 0.1, "longest_hold_s": 0.05, "queue_polls": 2},
        only="once",
        provider="replicate",
    ),
    Situation(
        "replicate answers 201 `failed`, `NSFW content detected`",
        _router(("moderated", {"provider": "replicate"})),
        provider="replicate",
    ),
    Situation("together's picture comes with `Retry-After: 2`", provider="together", only="once"),
    Situation("nscale's picture in `data[0].b64_json`", model=SCHNELL, provider="nscale", only="once"),
    Situation("wavespeed's queue: `created`, then `completed`", provider="wavespeed", only="once"),
    Situation(
        "a provider's queue never comes to an end",
        knobs={"queue_polls": 10_000},
        only="always",
        provider="wavespeed",
        deadline_s=60,
    ),
    Situation("wavespeed's 400", _router("wavespeed-validation"), provider="wavespeed"),
    Situation("wavespeed answers 200 `failed`", _router("wavespeed-failed"), provider="wavespeed"),
    Situation(
        "wavespeed finds the words unfit",
        _router(("moderated", {"provider": "wavespeed"})),
        provider="wavespeed",
    ),
    Situation(
        "wavespeed hides the picture: `has_nsfw_contents: [true]`", idea="nsfw", provider="wavespeed", only="once"
    ),
    Situation("zai-org's `PROCESSING`, then `SUCCESS`", model=GLM, provider="zai-org", only="once"),
    Situation("zai-org's 400", _router("zai-error"), GLM, provider="zai-org"),
    Situation("zai-org answers 200 `FAIL`", _router("zai-failed"), GLM, provider="zai-org"),
    Situation(
        "the file host answers 403, 404 or 410",
        tuple({"service": "files", "status": code} for code in (403, 404, 410)),
        provider="fal-ai",
    ),
    Situation(
        "the file host answers 500 or 503, or hangs up",
        (*({"service": "files", "status": code} for code in (500, 503)), {"service": "files", "drop": "before"}),
        provider="fal-ai",
    ),
    Situation(
        "the picture's host is not an allowed one, or lies in the own network",
        tuple(
            {
                "service": "router",
                "path": "/fal-ai/",
                "status": 200,
                "reply": {"images": [{"url": url}], "seed": 1, "has_nsfw_concepts": [False]},
            }
            for url in (f"{ELSEWHERE}/files/a.png", "http://169.254.169.254/a.png")
        ),
        provider="fal-ai",
        proof="unfetched",
    ),
    Situation(
        "the picture's host sends us on to one that is not allowed",
        ({"service": "files", "status": 302, "headers": {"Location": f"{ELSEWHERE}/files/moved.png"}, "reply": ""},),
        provider="fal-ai",
        proof="unfollowed",
    ),
    Situation("a picture lies at an allowed host", only="once", provider="fal-ai", proof="without_token"),
    Situation(
        "the Hub names providers that nobody speaks with here (nebius, black-forest-labs), or that are not `live`",
        (
            _served_by({"status": "live"}, "nebius", "black-forest-labs", "hyperbolic"),
            _served_by({"status": "staging"}, "fal-ai", "replicate"),
            _served_by({"status": "error"}, "fal-ai", "replicate"),
        ),
        only="always",
    ),
    Situation(
        "the Hub is away, or limits our calls",
        (
            {"service": "hub", "drop": "before"},
            {"service": "hub", "status": 429, "headers": {"RateLimit": '"api";r=0;t=55'}, "reply": ""},
        ),
        only="always",
    ),
)

NETWORK = (
    Situation("the connection is closed before an answer", _drops("router"), ALONE),
    Situation(
        "a body is shorter than its Content-Length, or lacks its last chunk",
        ({"service": "router", "truncate": 30}, {"service": "router", "truncate": 30, "chunked": True}),
        ALONE,
    ),
    Situation(
        "a body ends early, without a length that would tell",
        ({"service": "router", "truncate": 900, "no_length": True},),
        ALONE,
    ),
    Situation(
        "an answer drips, a byte at a time, without an end",
        ({"service": "router", "status": 200, "reply": "x" * 1_000, "drip_s": 0.05},),
        ALONE,
        only="always",
        deadline_s=1.5,
    ),
    Situation(
        "no answer, and no end", ({"service": "router", "gate": "silence"},), ALONE, only="always", deadline_s=1.5
    ),
    Situation(
        "the router redirects (301, 302, 303, 307, 308)",
        tuple(
            {"service": "router", "status": code, "headers": {"Location": "/files/moved.png"}, "reply": ""}
            for code in (301, 302, 303, 307, 308)
        ),
        ALONE,
        proof="not_redirected",
    ),
    Situation("`~/.netrc` has a password for the router's host", model=ALONE, only="once", proof="own_token"),
)

ANSWERS = (
    _writing("`STOP` and the JSON that was asked for", (), only="once"),
    _writing(
        "no candidates, `promptFeedback.blockReason` (" + ", ".join(SAFE_REASONS) + ")",
        _gemini(*(("prompt-blocked", {"reason": reason}) for reason in SAFE_REASONS)),
    ),
    _writing(
        "`finishReason` " + ", ".join(BLOCKED_ENDS) + ", with half an answer or none",
        _gemini(
            *(("output-blocked", {"finish_reason": end}) for end in BLOCKED_ENDS),
            ("output-blocked", {"text": '{"prompt": "half a'}),
        ),
    ),
    _writing("`MAX_TOKENS` and no text: thinking ate the budget", _gemini("thinking-ate-the-budget")),
    _writing("`MAX_TOKENS` and half the JSON", _gemini(("truncated-json", {"text": '{"language": "en", "pro'}))),
    _writing(
        "`MAX_TOKENS` and half the JSON, with a prompt that can be read",
        _gemini(("truncated-json", {"text": '{"prompt": "a red fox in deep snow, soft li'})),
    ),
    _writing(
        "an empty body, `{}`, no candidates, or thoughts alone",
        _gemini("empty-body", "empty-object", "no-candidates", "only-thoughts"),
    ),
    _writing("HTML with 200", _gemini("html-200")),
    _writing("a success that Gemini doesn't have: 201", ({"service": "gemini", "status": 201, "reply": {}},)),
    _writing("JSON in a Markdown fence", _gemini("fenced-json")),
    _writing(
        "broken JSON, or prose",
        _gemini(("broken-json", {"text": '{"language": "en", "prompt": }'}), "says"),
    ),
    _writing(
        "`finishReason` " + ", ".join(ODD_ENDS) + " and no text",
        _gemini(*(("says", {"text": "", "finish_reason": end}) for end in ODD_ENDS)),
    ),
    _writing("`CONTINUATION` with a `continuationToken`", _gemini("continuation"), proof="not_continued"),
)

REFUSALS = (
    _writing("400 `API_KEY_INVALID`", _gemini("bad-key")),
    _writing(
        "400 `Unknown name “systemInstruction”`, or a thinking level that the model doesn't have",
        _gemini(
            "bad-field",
            ("bad-argument", {"message": "'low' is not a supported thinking level for this model."}),
        ),
        only="once",
    ),
    _writing(
        "400 `INVALID_ARGUMENT` of anything else, such as a model's turn at the end",
        _gemini("bad-argument", "model-turn-last"),
    ),
    _writing(
        "400 or 413 about a file: an empty document, too many pages, an image or a type that Gemini can't read",
        _gemini(
            *(
                ("bad-file", {"message": message})
                for message in (
                    "The document has no pages.",
                    "The document contains 1412 pages which exceeds the supported page limit of 1000.",
                    "Unable to process input image. Please retry.",
                    "Unsupported MIME type: audio/ogg",
                    "The input token count (1204382) exceeds the maximum number of tokens allowed (1048576).",
                )
            )
        ),
    ),
    _writing("400 `FAILED_PRECONDITION`: `User location is not supported …`", _gemini("country")),
    _writing(
        "429 `… prepayment credits are depleted`, `… monthly spending cap`, or 400 `… enable billing`",
        _gemini("no-credit", "spending-cap", "billing"),
    ),
    _writing("403 `PERMISSION_DENIED`: a leaked or missing key", _gemini("permission", "missing-key")),
    _writing(
        "403 of a policy, of an API that is not enabled, or in HTML",
        _gemini("policy", "api-disabled", "edge-403"),
    ),
    _writing("404 `NOT_FOUND`: a model that is retired or unknown", _gemini("retired-model", "unknown-model")),
    _writing("429 of a minute, with `retryDelay` 36s", _gemini("per-minute-quota")),
    _writing(
        "429 of Gemini that says nothing of the time",
        _gemini(("per-minute-quota", {"retry_delay": None}), "bare-quota"),
    ),
    _writing(
        "429 of a day (`…PerDay…`), or a quota of 0, of one model",
        _gemini("per-day-quota", ("per-minute-quota", {"quota": "0"}), path=f"{NEWEST}:generateContent"),
    ),
    _writing("429 of a day, of every model", _gemini("per-day-quota"), only="always"),
    _writing("500 `INTERNAL`", _gemini("internal")),
    _writing("503 `UNAVAILABLE`: overloaded", _gemini("overloaded")),
    _writing("504 `DEADLINE_EXCEEDED`", _gemini("deadline")),
    _writing("502 in HTML", _gemini("bad-gateway-html")),
    _writing("Gemini closes the connection before it answers", _drops("gemini")),
    _writing(
        "Gemini's answer drips, a byte at a time, without an end, or never begins",
        (
            {"service": "gemini", "status": 200, "reply": " " * 1_000, "drip_s": 0.05},
            {"service": "gemini", "gate": "silence"},
        ),
        only="always",
        deadline_s=1.5,
    ),
)

SECTIONS: dict[str, tuple[Situation, ...]] = {
    "HuggingFace's router and its providers refuse": HUGGINGFACE,
    "A model is waking up, or has a line": WAKING,
    "What came is no picture to show": PICTURES,
    "Single providers, their files, and the Hub": PROVIDERS,
    "The network": NETWORK,
    "Gemini answers": ANSWERS,
    "Gemini refuses": REFUSALS,
}
