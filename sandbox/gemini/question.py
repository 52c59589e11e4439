"""Reads the body of ``generateContent`` as the real service does: either spelling, unknown names refused."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

TOP_FIELDS = frozenset(
    {
        "model",
        "contents",
        "systemInstruction",
        "safetySettings",
        "generationConfig",
        "tools",
        "toolConfig",
        "cachedContent",
        "continuationToken",
        "serviceTier",
        "store",
    }
)
CONFIG_FIELDS = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "candidateCount",
        "maxOutputTokens",
        "stopSequences",
        "seed",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
        "presencePenalty",
        "frequencyPenalty",
        "responseModalities",
        "responseLogprobs",
        "logprobs",
        "speechConfig",
        "mediaResolution",
        "imageConfig",
        "enableEnhancedCivicAnswers",
        "responseFormat",
    }
)
PART_FIELDS = frozenset(
    {
        "text",
        "inlineData",
        "fileData",
        "functionCall",
        "functionResponse",
        "executableCode",
        "codeExecutionResult",
        "thought",
        "thoughtSignature",
        "videoMetadata",
        "partMetadata",
    }
)
TOOL_FIELDS = frozenset({"functionDeclarations", "googleSearch", "codeExecution", "urlContext"})
DECLARATION_FIELDS = frozenset(
    {"name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"}
)
SAMPLING_FIELDS = ("temperature", "topP", "topK")
# Below these, names are the caller's own and not the API's.
OPAQUE_FIELDS = frozenset({"responseSchema", "responseJsonSchema", "args", "response", "parameters"})


class BadRequest(Exception):
    """The body can't be served; the text is what the real service would say."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Attachment:
    """A file that came inside a message."""

    media_type: str
    content: bytes


@dataclass(frozen=True)
class Turn:
    """What one side said at a time."""

    role: str
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Function:
    """A function that was declared; ``properties`` are its parameters' types, by name."""

    name: str
    properties: dict[str, str]
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """A request to write; ``config`` has its names in camelCase."""

    turns: tuple[Turn, ...]
    system: str
    config: dict[str, Any]
    functions: tuple[Function, ...] = ()

    @property
    def last(self) -> Turn:
        return self.turns[-1]

    @property
    def schema(self) -> dict[str, Any] | None:
        """The form the answer must have, if one was asked for."""
        schema = self.config.get("responseSchema") or self.config.get("responseJsonSchema")
        return schema if isinstance(schema, dict) else None


def read_question(body: Any, *, must_end_with_user: bool = True) -> Question:
    """Read a request's body.

    Raises:
        BadRequest: With the sentence of the real service.
    """
    if not isinstance(body, dict):
        raise BadRequest("Invalid JSON payload received. Unexpected token.")
    body = camel(body)
    _refuse_unknown(body, TOP_FIELDS, "")
    contents = body.get("contents")
    contents = [contents] if isinstance(contents, dict) else contents
    if not isinstance(contents, list) or not contents:
        raise BadRequest("* GenerateContentRequest.contents: contents is not specified\n", field="contents")
    turns = tuple(_turn(content, f"contents[{i}]") for i, content in enumerate(contents))
    if must_end_with_user and turns[-1].role == "model":
        raise BadRequest("Requests ending with a model turn are not supported.")
    system = body.get("systemInstruction")
    config, functions = _config(body), _functions(body.get("tools") or [])
    if functions and config.get("responseMimeType") == "application/json":
        raise BadRequest("Function calling with a response mime type: 'application/json' is unsupported")
    return Question(turns, _turn(system, "system_instruction").text if system else "", config, functions)


def camel(value: Any) -> Any:
    """Spell every name in camelCase; schemas and arguments of functions stay as they are."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    spelled = {re.sub(r"_([a-z])", lambda m: m[1].upper(), name): item for name, item in value.items()}
    return {name: item if name in OPAQUE_FIELDS else camel(item) for name, item in spelled.items()}


def decode_base64(text: str) -> bytes:
    """Decode either alphabet, with or without padding.

    Raises:
        ValueError: It is neither.
    """
    plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _turn(content: Any, place: str) -> Turn:
    if not isinstance(content, dict):
        raise BadRequest(f"Invalid value at '{place}'", field=place)
    _refuse_unknown(content, frozenset({"role", "parts"}), f" at '{place}'")
    role = content.get("role") or "user"
    if role not in {"user", "model", "function", "system"}:
        raise BadRequest("Please use a valid role: user, model.", field=f"{place}.role")
    parts = content.get("parts") or []
    parts = [parts] if isinstance(parts, dict) else parts
    texts, files = [], []
    for i, part in enumerate(parts):
        _refuse_unknown(part, PART_FIELDS, f" at '{place}.parts[{i}]'")
        if "inlineData" in part:
            files.append(_attachment(part["inlineData"], f"{place}.parts[{i}].inline_data"))
        elif not part.get("thought"):
            texts.append(str(part.get("text", "")))
    if not any(texts) and not files and role == "user":
        raise BadRequest(
            f"* GenerateContentRequest.{place}.parts: contents.parts must not be empty.\n",
            field=f"{place}.parts",
        )
    return Turn(role, "\n".join(texts), tuple(files))


def _attachment(data: dict[str, Any], place: str) -> Attachment:
    media_type = data.get("mimeType")
    if not media_type:
        raise BadRequest("Unable to determine the MIME type of the inline data.", field=f"{place}.mime_type")
    try:
        return Attachment(str(media_type), decode_base64(str(data.get("data", ""))))
    except ValueError as error:
        raise BadRequest(
            f"Invalid value at '{place}.data' (TYPE_BYTES), Base64 decoding failed", field=place
        ) from error


def _functions(tools: Any) -> tuple[Function, ...]:
    """Read the functions that are declared in a request's tools."""
    if not isinstance(tools, list):
        raise BadRequest("Invalid value at 'tools'", field="tools")
    found = []
    for i, tool in enumerate(tools):
        _refuse_unknown(tool, TOOL_FIELDS, f" at 'tools[{i}]'")
        for j, declared in enumerate(tool.get("functionDeclarations") or []):
            place = f"tools[{i}].function_declarations[{j}]"
            _refuse_unknown(declared, DECLARATION_FIELDS, f" at '{place}'")
            name, form = str(declared.get("name", "")), declared.get("parameters") or {}
            if not re.fullmatch(r"[A-Za-z_][\w.:-]{0,127}", name, re.ASCII):
                raise BadRequest(
                    f"* GenerateContentRequest.{place}.name: Invalid function name.\n", field=f"{place}.name"
                )
            types = {key: str(value.get("type")) for key, value in (form.get("properties") or {}).items()}
            found.append(Function(name, types, tuple(form.get("required") or ())))
    return tuple(found)


def _config(body: dict[str, Any]) -> dict[str, Any]:
    config = body.get("generationConfig") or {}
    _refuse_unknown(config, CONFIG_FIELDS, " at 'generation_config'")
    _check_range(config, "temperature", 0, 2)
    _check_range(config, "topP", 0, 1)
    _check_range(config, "candidateCount", 1, 8)
    _check_range(config, "maxOutputTokens", 1, 65_536)
    if len(config.get("stopSequences") or []) > 5:
        raise BadRequest("The number of stop sequences must not exceed 5.", field="generation_config.stop_sequences")
    if config.get("responseSchema") and config.get("responseJsonSchema"):
        raise BadRequest("Only one of response_schema and response_json_schema may be set.")
    wants_form = config.get("responseSchema") or config.get("responseJsonSchema")
    if wants_form and config.get("responseMimeType") not in {"application/json", "text/x.enum"}:
        raise BadRequest(
            "Function calling config or response schema needs response mime type 'application/json'.",
            field="generation_config.response_mime_type",
        )
    return config


def _check_range(config: dict[str, Any], name: str, low: float, high: float) -> None:
    value = config.get(name)
    if value is not None and not (isinstance(value, int | float) and low <= value <= high):
        raise BadRequest(
            f"* GenerateContentRequest.generation_config.{name}: must be in the range [{low}, {high}].\n",
            field=f"generation_config.{name}",
        )


def _refuse_unknown(value: Any, known: frozenset[str], place: str) -> None:
    if not isinstance(value, dict):
        raise BadRequest(f"Invalid value{place}")
    for name in value:
        if name not in known:
            raise BadRequest(
                f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.', field=name
            )
