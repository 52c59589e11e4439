"""Who may do what: the table, what the page on security prints of it, and that every button keeps to it."""

from pathlib import Path

from services.bot.telegram.permissions import ALLOWED, Action, Relation

PAGE = Path(__file__).parents[2] / "docs/security.md"


def as_markdown() -> str:
    """The table as the page prints it."""
    lines = [f"| | {' | '.join(Relation)} |", f"|---|{'---|' * len(Relation)}"]
    for action in Action:
        marks = ("✔" if relation in ALLOWED[action] else "–" for relation in Relation)
        lines.append(f"| {action} | {' | '.join(marks)} |")
    return "\n".join(lines)


class TestTheTable:
    def test_the_page_on_security_prints_it(self) -> None:
        assert as_markdown() in PAGE.read_text(encoding="utf-8")

    def test_it_has_every_action(self) -> None:
        assert set(ALLOWED) == set(Action)

    def test_nobody_may_do_anything_from_another_chat(self) -> None:
        assert [action for action in Action if Relation.ELSEWHERE in ALLOWED[action]] == []
