"""The notebook: run cell by cell with the sandbox in the place of Telegram, Gemini and HuggingFace."""

import io
import os
import re
import sys
import tokenize
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from services.demo import settings_for

NOTEBOOKS = Path(__file__).parents[2] / "notebook"
ENGLISH, PORTUGUESE = NOTEBOOKS / "gemini-to-diffusion.ipynb", NOTEBOOKS / "gemini-to-diffusion-pt-BR.ipynb"
KEYS = ("TELEGRAM_BOT_TOKEN", "GOOGLE_API_KEY", "HF_TOKEN")
TYPED = """import getpass
_typed = iter({typed})
getpass.getpass = lambda _: next(_typed)
"""


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_of(cell: NotebookNode) -> list[str]:
    """The tokens of a cell without what is prose: comments and docstrings."""
    without = re.sub(r'""".*?"""', "", str(cell.source))
    tokens = tokenize.generate_tokens(io.StringIO(without).readline)
    return [token.string for token in tokens if token.type not in {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE}]


class TestTheTwo:
    def test_have_the_same_cells(self) -> None:
        english, portuguese = read(ENGLISH).cells, read(PORTUGUESE).cells

        assert [cell.cell_type for cell in portuguese] == [cell.cell_type for cell in english]
        pairs = [pair for pair in zip(portuguese, english, strict=True) if pair[0].cell_type == "code"]
        assert [code_of(one) for one, _ in pairs] == [code_of(other) for _, other in pairs]

    @pytest.mark.parametrize("path", [ENGLISH, PORTUGUESE], ids=["en", "pt-BR"])
    def test_hold_no_output_and_no_key(self, path: Path) -> None:
        assert [cell.outputs for cell in read(path).cells if cell.cell_type == "code" and cell.outputs] == []


class TestRunning:
    @pytest.mark.timeout(180)
    def test_each_cell_does_what_it_says(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        notebook = read(ENGLISH)
        with Sandbox() as sandbox, SandboxClient(sandbox.url) as people:
            everything = settings_for(sandbox.url, tmp_path)
            for name in (
                "TELEGRAM_API_URL",
                "GOOGLE_GEMINI_BASE_URL",
                "HF_ROUTER_URL",
                "HF_ENDPOINT",
                "HF_IMAGE_HOSTS",
            ):
                monkeypatch.setenv(name, str(everything[name]))
            # What would be installed is what is tested.
            monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
            cells = iter(enumerate(notebook.cells))
            client = NotebookClient(notebook, timeout=150, resources={"metadata": {"path": str(tmp_path)}})
            (tmp_path / "requirements.lock").touch()  # As in a clone: there is nothing to fetch.

            def run_to(heading: str) -> NotebookNode:
                """Run all cells up to the code below a heading."""
                below = False
                for index, cell in cells:
                    if "getpass" in cell.source:
                        # The kernel asks whoever shows the notebook, and nobody does.
                        cell.source = TYPED.format(typed=[everything[name] for name in KEYS]) + cell.source
                    client.execute_cell(cell, index)
                    if below:
                        return cell
                    below = cell.cell_type == "markdown" and heading in cell.source
                raise AssertionError(heading)

            with client.setup_kernel():
                links = shown(run_to("## 4."))
                ada = people.person("Ada")
                [word] = set(re.findall(r"start=([\w-]+)", links))
                people.say(ada, f"/start {word}")
                people.wait_for_message(ada)
                people.say(ada, "/imagine a fox in the snow")
                people.wait_for_photo(ada)

                assert shown(run_to("## 5.")).count("image/jpeg") == 1
                assert shown(run_to("## 6.")).count("image/jpeg") == 2
                assert shown(run_to("## 7.")).strip() == "0"
            kept = [file for file in tmp_path.rglob("*") if file.is_file()]
            assert not [file for file in kept if str(everything["HF_TOKEN"]).encode() in file.read_bytes()]


def shown(cell: NotebookNode) -> str:
    """What a cell showed: texts as they are, of pictures the type."""
    parts = []
    for output in cell.outputs:
        data = output.get("data", {})
        pictures = [kind for kind in data if kind.startswith("image/")]
        parts += [str(output.get("text", "")), str(data.get("text/html", "")), *pictures]
    return "\n".join(part for part in parts if part)
