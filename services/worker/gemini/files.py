"""A file that goes along with a question."""

from dataclasses import dataclass, field

from google.genai import types


@dataclass(frozen=True, slots=True)
class File:
    """What was sent along with a message."""

    media_type: str
    data: bytes = field(repr=False)

    def part(self) -> types.Part:
        """The file as Gemini reads it, inside the question."""
        return types.Part(inline_data=types.Blob(data=self.data, mime_type=self.media_type))
