"""The Gemini stand-in, as the SDK and plain HTTP see it."""

import base64
import io
import json

import httpx2
import pytest
import requests
from google import genai
from google.genai import errors, types
from PIL import Image

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from sandbox.faults import read_fault
from sandbox.gemini import PRESETS

MODEL = "gemini-3.8-flash"
KEY = "sandbox-key"
PROMPT_FORM = {
    "type": "OBJECT",
    "properties": {
        "prompt": {"type": "STRING"},
        "negative_prompt": {"type": "STRING"},
        "title": {"type": "STRING", "maxLength": 20},
        "language": {"type": "STRING"},
        "refusal": {"type": "STRING", "nullable": True},
        "aspect": {"type": "STRING", "enum": ["square", "wide", "tall"]},
        "steps": {"type": "INTEGER", "minimum": 4, "maximum": 8},
        "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": 2, "maxItems": 2},
    },
    "required": ["prompt"],
}


@pytest.fixture(scope="module")
def url():
    with Sandbox() as sandbox:
        yield sandbox.url


@pytest.fixture
def faults(url):
    with SandboxClient(url) as client:
        yield client
        client.clear_faults()


@pytest.fixture
def knobs(url):
    def turn(**wishes):
        answer = requests.put(f"{url}/gemini/_sandbox", json=wishes, timeout=10)
        answer.raise_for_status()

    before = requests.get(f"{url}/gemini/_sandbox", timeout=10).json()
    yield turn
    turn(**before)


@pytest.fixture(scope="module")
def client(url):
    with a_client(url) as client:
        yield client


def a_client(url, key=KEY, version="v1beta"):
    options = types.HttpOptions(base_url=f"{url}/gemini", api_version=version, timeout=20_000)
    return genai.Client(api_key=key, http_options=options)


def posted(url, body, *, path=f"v1beta/models/{MODEL}:generateContent", key=KEY):
    return requests.post(f"{url}/gemini/{path}", json=body, headers={"x-goog-api-key": key}, timeout=10)


def said(text, role="user"):
    return {"role": role, "parts": [{"text": text}]}


def text_of(answer):
    return answer.json()["candidates"][0]["content"]["parts"][0]["text"]


def a_picture(colour=(230, 120, 40), size=(64, 48)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


class TestWritingPrompts:
    def write(self, client, words, form=PROMPT_FORM, **config):
        wish = types.GenerateContentConfig(response_mime_type="application/json", response_schema=form, **config)
        return json.loads(client.models.generate_content(model=MODEL, contents=words, config=wish).text)

    def test_the_answer_fits_the_schema(self, client):
        answer = self.write(client, "<idea>a red fox in the snow, wide</idea>")

        assert answer["prompt"].startswith("a red fox in the snow")
        assert "blurry" in answer["negative_prompt"]
        assert answer["title"] == "A Red Fox In The"
        assert answer["language"] == "en"
        assert answer["refusal"] is None
        assert answer["aspect"] == "wide"
        assert 4 <= answer["steps"] <= 8
        assert len(answer["tags"]) == 2

    def test_the_same_idea_gives_the_same_answer(self, client):
        assert self.write(client, "a lighthouse") == self.write(client, "a lighthouse")

    @pytest.mark.parametrize(
        ("idea", "language", "subject"),
        [("рыжая лиса в снегу", "ru", "fox"), ("雪の中の狐です", "ja", "fox"), ("ثعلب في الثلج", "ar", "fox")],
    )
    def test_an_idea_in_another_script_becomes_an_english_prompt(self, client, idea, language, subject):
        answer = self.write(client, f"<idea>{idea}</idea>")

        assert answer["language"] == language
        assert answer["prompt"].isascii()
        assert subject in answer["prompt"]

    def test_an_idea_of_unknown_words_becomes_a_prompt_all_the_same(self, client):
        answer = self.write(client, "<idea>ყვითელი</idea>")

        assert answer["prompt"].isascii()
        assert len(answer["prompt"]) > 20

    def test_an_unfit_idea_is_refused_in_the_field_for_it(self, client):
        assert self.write(client, "<idea>gore and nude</idea>")["refusal"]

    def test_an_unfit_idea_is_blocked_when_there_is_no_such_field(self, client):
        answer = client.models.generate_content(model=MODEL, contents="<idea>gore and nude</idea>")

        assert answer.candidates is None
        assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT

    def test_a_form_that_is_described_in_words_is_kept_to(self, client):
        words = '<idea>a fox</idea>\n\nAnswer with one JSON object with the text fields "title", "prompt".'
        answer = json.loads(client.models.generate_content(model=MODEL, contents=words).text)

        assert list(answer) == ["title", "prompt"]
        assert answer["prompt"].startswith("a fox, ")

    def test_a_json_schema_with_references_is_understood(self, client):
        schema = {
            "type": "object",
            "$defs": {"Shot": {"type": "object", "properties": {"prompt": {"type": "string"}}}},
            "properties": {
                "shots": {"type": "array", "minItems": 3, "maxItems": 4, "items": {"$ref": "#/$defs/Shot"}},
                "kind": {"const": "series"},
                "note": {"anyOf": [{"type": "null"}, {"type": "number", "minimum": 2}]},
            },
        }
        config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=schema)
        answer = client.models.generate_content(model=MODEL, contents="a fox", config=config)
        value = json.loads(answer.text)

        assert len({shot["prompt"] for shot in value["shots"]}) == 3
        assert value["kind"] == "series"
        assert value["note"] >= 2

    def test_a_schema_without_the_json_type_is_refused(self, url):
        answer = posted(url, {"contents": [said("x")], "generationConfig": {"responseSchema": {"type": "OBJECT"}}})

        assert answer.status_code == 400


class TestChatting:
    def test_it_remembers_a_name_from_the_history(self, client):
        chat = client.chats.create(model=MODEL)
        chat.send_message("Hi, my name is Ada")

        assert "Ada" in chat.send_message("What is my name?").text

    def test_it_knows_nothing_that_the_history_does_not_say(self, client):
        assert "Ada" not in client.chats.create(model=MODEL).send_message("What is my name?").text

    def test_it_quotes_what_was_said_before(self, client):
        chat = client.chats.create(model=MODEL)
        chat.send_message("Clouds are made of water")

        assert "Clouds are made of water" in chat.send_message("What did I say?").text

    def test_it_repeats_words(self, client):
        assert client.models.generate_content(model=MODEL, contents="Repeat: one two").text == "one two"

    def test_it_calculates(self, client):
        assert "**42**" in client.models.generate_content(model=MODEL, contents="what is 6 * 7?").text

    def test_code_comes_in_a_fence(self, client):
        assert "```python\n" in client.models.generate_content(model=MODEL, contents="write a function").text

    def test_a_long_text_is_longer_than_a_telegram_message(self, client):
        assert len(client.models.generate_content(model=MODEL, contents="tell me a long story").text) > 4096

    def test_the_system_instruction_says_who_it_is(self, client):
        config = types.GenerateContentConfig(system_instruction="You are Ida, a painter.")

        assert client.models.generate_content(model=MODEL, contents="Who are you?", config=config).text == (
            "I am Ida, a painter."
        )

    def test_it_sees_a_pictures_size_and_colour(self, client):
        part = types.Part.from_bytes(data=a_picture(), mime_type="image/png")
        text = client.models.generate_content(model=MODEL, contents=[part, "What is this?"]).text

        assert "PNG picture of 64×48 pixels" in text
        assert "orange (#e67828)" in text

    def test_a_damaged_picture_is_called_damaged(self, client):
        part = types.Part.from_bytes(data=a_picture()[:40], mime_type="image/png")

        assert "damaged" in client.models.generate_content(model=MODEL, contents=[part]).text


class TestStreaming:
    def test_the_pieces_make_up_the_whole_answer(self, client):
        pieces = list(client.models.generate_content_stream(model=MODEL, contents="tell me a long story"))
        whole = client.models.generate_content(model=MODEL, contents="tell me a long story")

        assert len(pieces) > 10
        assert "".join(piece.text for piece in pieces) == whole.text
        assert [piece.candidates[0].finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
        assert pieces[-1].candidates[0].finish_reason == types.FinishReason.STOP
        assert pieces[-1].usage_metadata == whole.usage_metadata

    def test_events_end_with_crlf(self, url):
        answer = posted(url, {"contents": [said("hi")]}, path=f"v1beta/models/{MODEL}:streamGenerateContent?alt=sse")

        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.content.startswith(b"data: {")
        assert answer.content.endswith(b"}\r\n\r\n")

    def test_without_sse_it_is_one_json_array(self, url):
        answer = posted(url, {"contents": [said("a long text")]}, path=f"models/{MODEL}:streamGenerateContent")

        assert answer.json()[-1]["candidates"][0]["finishReason"] == "STOP"


class TestThinking:
    def ask(self, client, model=MODEL, **config):
        return client.models.generate_content(
            model=model, contents="hello", config=types.GenerateContentConfig(**config)
        )

    def test_thoughts_are_counted(self, client):
        usage = self.ask(client).usage_metadata

        assert usage.thoughts_token_count > 0
        assert usage.total_token_count == (
            usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
        )

    def test_a_small_cap_is_eaten_by_the_thoughts(self, client):
        answer = self.ask(client, max_output_tokens=50)

        assert answer.text is None
        assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
        assert answer.usage_metadata.thoughts_token_count == 50

    def test_less_thinking_leaves_room_for_words(self, client):
        config = types.ThinkingConfig(thinking_level="LOW")

        assert self.ask(client, max_output_tokens=100, thinking_config=config).text

    def test_an_older_model_can_be_told_not_to_think(self, client):
        config = types.ThinkingConfig(thinking_budget=0)
        answer = self.ask(client, "gemini-2.5-flash", max_output_tokens=50, thinking_config=config)

        assert answer.text
        assert answer.usage_metadata.thoughts_token_count is None

    def test_a_cap_that_is_reached_while_writing_cuts_the_text(self, client):
        whole = self.ask(client, "gemini-3.5-flash-lite").text
        answer = self.ask(client, "gemini-3.5-flash-lite", max_output_tokens=3)

        assert answer.text == whole[:12]
        assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS

    def test_thoughts_are_shown_when_asked_for(self, client):
        answer = self.ask(client, thinking_config=types.ThinkingConfig(include_thoughts=True))

        assert [part.thought for part in answer.candidates[0].content.parts] == [True, None]

    @pytest.mark.parametrize("model", ["gemini-3.7-flash", "gemini-3.8-flash"])
    def test_the_newest_models_refuse_to_think_minimally(self, client, model):
        with pytest.raises(errors.ClientError, match="Allowed values are: medium, low, high"):
            self.ask(client, model, thinking_config=types.ThinkingConfig(thinking_level="MINIMAL"))

    def test_level_and_budget_exclude_each_other(self, url):
        config = {"thinkingConfig": {"thinking_level": "LOW", "thinking_budget": 100}}

        assert posted(url, {"contents": [said("x")], "generationConfig": config}).status_code == 400


class TestReadingRequests:
    @pytest.mark.parametrize("version", ["", "v1/", "v1beta/", "v1alpha/"])
    def test_the_version_in_the_path_may_be_any_or_none(self, url, version):
        answer = posted(url, {"contents": [said("say hello")]}, path=f"{version}models/{MODEL}:generateContent")

        assert text_of(answer) == "hello"

    @pytest.mark.parametrize("data", [base64.b64encode, base64.urlsafe_b64encode])
    @pytest.mark.parametrize(("outer", "inner"), [("inlineData", "mimeType"), ("inline_data", "mime_type")])
    def test_both_spellings_and_both_alphabets_are_read(self, url, data, outer, inner):
        picture = data(a_picture()).decode().rstrip("=")
        answer = posted(url, {"contents": [{"parts": [{outer: {inner: "image/png", "data": picture}}]}]})

        assert "64×48" in text_of(answer)

    def test_snake_case_is_read_at_the_top_and_in_the_config(self, url):
        body = {
            "contents": [said("Who are you?")],
            "system_instruction": {"parts": [{"text": "You are Ida."}]},
            "generation_config": {"stop_sequences": ["Ida"], "top_k": 40.0},
        }

        assert text_of(posted(url, body)) == "I am "

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "contents is not specified"),
            ({"contents": [said("x"), said("y", "model")]}, "Requests ending with a model turn"),
            ({"contents": [said("x")], "prompt": "x"}, 'Unknown name "prompt"'),
            ({"contents": [said("x")], "generationConfig": {"temprature": 1}}, 'Unknown name "temprature"'),
            ({"contents": [said("x")], "generationConfig": {"temperature": 3}}, "temperature"),
            ({"contents": [said("x", "bot")]}, "valid role"),
            ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "*"}}]}]}, "Base64"),
        ],
    )
    def test_a_wrong_request_is_a_400_that_says_why(self, url, body, message):
        answer = posted(url, body)

        assert answer.status_code == 400
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
        assert message in answer.json()["error"]["message"]

    def test_tokens_are_counted_without_writing(self, client):
        assert client.models.count_tokens(model=MODEL, contents="x" * 40).total_tokens == 10


class TestKeysAndModels:
    @pytest.mark.parametrize("key", ["short", "an-invalid-key"])
    def test_a_bad_key_is_a_400(self, url, key):
        with a_client(url, key) as client, pytest.raises(errors.ClientError) as caught:
            client.models.generate_content(model=MODEL, contents="x")

        assert caught.value.code == 400
        assert caught.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"

    def test_no_key_is_a_403(self, url):
        assert requests.get(f"{url}/gemini/v1beta/models", timeout=10).status_code == 403

    def test_the_key_may_come_in_the_query(self, url):
        assert requests.get(f"{url}/gemini/v1beta/models?key={KEY}", timeout=10).status_code == 200

    def test_the_list_of_models_comes_in_pages(self, client):
        pager = client.models.list(config={"page_size": 4})
        assert len(pager.page) == 4

        models = {model.name: model for model in pager}

        assert len(models) > 10
        assert "generateContent" in models[f"models/{MODEL}"].supported_actions
        assert client.models.get(model=MODEL).input_token_limit == 1_048_576

    def test_a_retired_model_is_a_404(self, client):
        with pytest.raises(errors.ClientError, match="no longer available") as caught:
            client.models.generate_content(model="gemini-2.0-flash", contents="x")

        assert caught.value.code == 404

    def test_an_alias_exists_in_v1beta_alone(self, url):
        with a_client(url, version="v1") as client, pytest.raises(errors.ClientError, match="API version v1"):
            client.models.generate_content(model="gemini-flash-latest", contents="x")
        with a_client(url) as client:
            answer = client.models.generate_content(model="gemini-flash-latest", contents="x")

        assert answer.model_version == MODEL

    def test_a_model_that_paints_answers_with_a_picture(self, client):
        answer = client.models.generate_content(model="gemini-3.1-flash-image", contents="a fox")
        pictures = [part.inline_data for part in answer.candidates[0].content.parts if part.inline_data]

        assert Image.open(io.BytesIO(pictures[0].data)).size == (1024, 1024)


class TestKnobs:
    def test_sampling_parameters_are_ignored_until_strictness_is_asked_for(self, client, knobs):
        config = types.GenerateContentConfig(temperature=0.5)
        client.models.generate_content(model=MODEL, contents="x", config=config)

        knobs(strict_sampling=True)

        client.models.generate_content(model="gemini-3.5-flash", contents="x", config=config)
        with pytest.raises(errors.ClientError, match="temperature"):
            client.models.generate_content(model=MODEL, contents="x", config=config)

    def test_a_strict_v1_knows_no_system_instruction(self, url, knobs):
        knobs(strict_v1=True)
        body = {"contents": [said("x")], "systemInstruction": said("y")}

        assert posted(url, body, path=f"v1/models/{MODEL}:generateContent").status_code == 400
        assert posted(url, body).status_code == 200

    def test_a_wait_longer_than_the_clients_own_deadline_is_a_504(self, url, knobs):
        knobs(latency_s=30)
        headers = {"x-goog-api-key": KEY, "x-server-timeout": "0.05"}
        answer = requests.post(
            f"{url}/gemini/models/{MODEL}:generateContent",
            json={"contents": [said("x")]},
            headers=headers,
            timeout=10,
        )

        assert answer.status_code == 504
        assert answer.json()["error"]["status"] == "DEADLINE_EXCEEDED"

    @pytest.mark.parametrize("wish", [{"latency": 1}, {"strict_v1": "yes"}])
    def test_an_unknown_knob_or_value_is_refused(self, url, wish):
        assert requests.put(f"{url}/gemini/_sandbox", json=wish, timeout=10).status_code == 400


class TestPresets:
    def ask(self, faults, client, preset, **arguments):
        faults.arm("gemini", preset=preset, arguments=arguments)
        return client.models.generate_content(model=MODEL, contents="x")

    @pytest.mark.parametrize("name", PRESETS)
    def test_every_preset_is_a_fault_without_arguments(self, name):
        assert read_fault({"service": "gemini", "preset": name}).replaces_the_answer

    @pytest.mark.parametrize(
        ("preset", "code", "status"),
        [
            ("bad-key", 400, "INVALID_ARGUMENT"),
            ("bad-field", 400, "INVALID_ARGUMENT"),
            ("country", 400, "FAILED_PRECONDITION"),
            ("permission", 403, "PERMISSION_DENIED"),
            ("retired-model", 404, "NOT_FOUND"),
            ("per-minute-quota", 429, "RESOURCE_EXHAUSTED"),
            ("per-day-quota", 429, "RESOURCE_EXHAUSTED"),
            ("internal", 500, "INTERNAL"),
            ("overloaded", 503, "UNAVAILABLE"),
            ("deadline", 504, "DEADLINE_EXCEEDED"),
        ],
    )
    def test_errors_reach_the_sdk_with_code_and_status(self, faults, client, preset, code, status):
        with pytest.raises(errors.APIError) as caught:
            self.ask(faults, client, preset)

        assert (caught.value.code, caught.value.status) == (code, status)

    def test_a_quota_tells_its_kind_and_the_delay(self, faults, client):
        with pytest.raises(errors.ClientError) as caught:
            self.ask(faults, client, "per-minute-quota", retry_delay="38.2s")
        failure, _, retry = caught.value.details["error"]["details"]

        assert "PerMinute" in failure["violations"][0]["quotaId"]
        assert retry["retryDelay"] == "38.2s"

    def test_a_blocked_prompt_has_no_candidates(self, faults, client):
        answer = self.ask(faults, client, "prompt-blocked", reason="PROHIBITED_CONTENT")

        assert answer.text is None
        assert answer.candidates is None
        assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT

    @pytest.mark.parametrize(
        ("preset", "arguments", "reason"),
        [
            ("output-blocked", {"finish_reason": "RECITATION"}, types.FinishReason.RECITATION),
            ("thinking-ate-the-budget", {}, types.FinishReason.MAX_TOKENS),
        ],
    )
    def test_an_answer_without_words_tells_why(self, faults, client, preset, arguments, reason):
        answer = self.ask(faults, client, preset, **arguments)

        assert answer.text is None
        assert answer.candidates[0].finish_reason == reason

    @pytest.mark.parametrize("preset", ["empty-object", "no-candidates", "only-thoughts"])
    def test_some_successes_hold_nothing(self, faults, client, preset):
        assert self.ask(faults, client, preset).text is None

    @pytest.mark.parametrize("preset", ["truncated-json", "broken-json"])
    def test_some_json_is_none(self, faults, client, preset):
        with pytest.raises(json.JSONDecodeError):
            json.loads(self.ask(faults, client, preset).text)

    def test_json_may_come_in_a_fence(self, faults, client):
        text = self.ask(faults, client, "fenced-json", value={"prompt": "a fox"}).text

        assert text.startswith("```json\n")
        assert json.loads(text.removeprefix("```json\n").removesuffix("\n```")) == {"prompt": "a fox"}

    def test_html_with_status_200_is_no_answer(self, faults, client):
        with pytest.raises(json.JSONDecodeError):
            self.ask(faults, client, "html-200")

    def test_a_continuation_is_asked_for_by_the_sdk_itself(self, faults, client):
        faults.clear_journal()
        self.ask(faults, client, "continuation", token="more")

        assert [entry["body"].get("continuationToken") for entry in faults.journal("gemini")] == [None, "more"]

    def test_a_stream_may_break_with_an_error(self, faults, client):
        faults.arm("gemini", preset="stream-breaks-with-error", arguments={"text": "Once"})
        pieces = client.models.generate_content_stream(model=MODEL, contents="x")

        assert next(pieces).text == "Once"
        with pytest.raises(errors.ServerError):
            next(pieces)

    def test_a_dropped_connection_is_one(self, faults, client):
        faults.arm("gemini", drop="before")

        with pytest.raises(httpx2.RemoteProtocolError):
            client.models.generate_content(model=MODEL, contents="x")
