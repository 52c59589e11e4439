"""The least that a picture costs: one asyncio process, the same calls and the same bytes, no queue and no record.

Takes its settings from the environment that ``benchmarks.installation`` makes. It is what ``benchmarks.performance``
compares with: nothing here survives a kill, knows a second person's turn, or tries anything again.
"""

import asyncio
import os
import random

import aiohttp

PROMPT_PATH = "v1beta/models/gemini-2.5-flash:generateContent"
MESSAGES_PER_S = 30


class BareLoop:
    """Answers `/imagine` with a photo."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._telegram = f"{os.environ['TELEGRAM_API_URL']}/bot{os.environ['TELEGRAM_BOT_TOKEN']}"
        self._gemini = f"{os.environ['GOOGLE_GEMINI_BASE_URL']}/{PROMPT_PATH}"
        self._painter = f"{os.environ['HF_ROUTER_URL']}/hf-inference/models/{os.environ['G2D_IMAGE_MODEL']}"
        self._next_at = 0.0  # on the loop's clock: when the next message may go

    async def run(self) -> None:
        """Poll and answer until killed."""
        offset = 0
        tasks: set[asyncio.Task[None]] = set()
        while True:
            updates = await self._call("getUpdates", {"offset": offset, "timeout": 30})
            for update in updates:
                offset = update["update_id"] + 1
                task = asyncio.create_task(self._answer(update.get("message") or {}))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

    async def _answer(self, message: dict) -> None:
        text, chat_id = message.get("text", ""), message["chat"]["id"]
        if not text.startswith("/imagine "):
            await self._message("sendMessage", {"chat_id": chat_id, "text": "Send /imagine and an idea."})
            return
        status = await self._message("sendMessage", {"chat_id": chat_id, "text": "Writing the prompt…"})
        prompt = await self._write(text.removeprefix("/imagine "))
        picture = await self._paint(prompt)
        await self._message("sendPhoto", {"chat_id": chat_id, "caption": prompt[:1000]}, picture)
        await self._call("deleteMessage", {"chat_id": chat_id, "message_id": status["message_id"]})

    async def _write(self, idea: str) -> str:
        body = {
            "systemInstruction": {"parts": [{"text": "Write a prompt for a diffusion model."}]},
            "contents": [{"role": "user", "parts": [{"text": f"<idea>\n{idea}\n</idea>"}]}],
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": {
                    "type": "OBJECT",
                    "properties": {"prompt": {"type": "STRING"}},
                    "required": ["prompt"],
                },
            },
        }
        headers = {"x-goog-api-key": os.environ["GOOGLE_API_KEY"]}
        async with self._http.post(self._gemini, json=body, headers=headers) as answer:
            return (await answer.json())["candidates"][0]["content"]["parts"][0]["text"]

    async def _paint(self, prompt: str) -> bytes:
        body = {"inputs": prompt, "parameters": {"width": 1024, "height": 1024, "seed": random.randrange(2**31)}}
        headers = {"Authorization": f"Bearer {os.environ['HF_TOKEN']}", "Accept": "image/jpeg"}
        async with self._http.post(self._painter, json=body, headers=headers) as answer:
            answer.raise_for_status()
            return await answer.read()

    async def _message(self, method: str, body: dict, picture: bytes | None = None) -> dict:
        while True:
            await self._pace()
            answer = await self._ask(method, body, picture)
            if answer["ok"]:
                return answer["result"]
            await asyncio.sleep(answer["parameters"]["retry_after"])

    async def _pace(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next_at = max(self._next_at, now) + 1 / MESSAGES_PER_S
        await asyncio.sleep(self._next_at - now - 1 / MESSAGES_PER_S)

    async def _call(self, method: str, body: dict):
        return (await self._ask(method, body)).get("result")

    async def _ask(self, method: str, body: dict, picture: bytes | None = None) -> dict:
        content = {"json": body} if picture is None else {"data": _form(body, picture)}
        async with self._http.post(f"{self._telegram}/{method}", **content) as answer:
            return await answer.json()


def _form(body: dict, picture: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, value in body.items():
        form.add_field(name, str(value))
    form.add_field("photo", picture, filename="picture.jpg", content_type="image/jpeg")
    return form


async def main() -> None:
    """Run until killed."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as http:
        await BareLoop(http).run()


if __name__ == "__main__":
    asyncio.run(main())
