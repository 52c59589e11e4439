"""What the pages need that MkDocs doesn't do: links to files of the repository become their names."""

import re
from pathlib import Path

from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:\s]+)(#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Name the files that are no pages; their links lead somewhere in the repository alone."""
    folder = (DOCS / page.file.src_uri).parent

    def named(link: re.Match[str]) -> str:
        file = (folder / link[2]).resolve()
        if file.is_relative_to(DOCS):
            return link[0]
        name = str(file.relative_to(DOCS.parent))
        return f"`{name}`" if link[1] == name else f"{link[1]} (`{name}`)"

    return LINK.sub(named, markdown)
