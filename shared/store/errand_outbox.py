"""Outbox of answers: ended errands that have not been delivered yet."""

from collections.abc import Collection

from sqlalchemy import select

from shared.clock import present
from shared.errands import Errand, ShownMessages
from shared.status_messages import Work
from shared.store import tables
from shared.store.deliveries import ANEW, Deliveries, claims_of, due_for
from shared.store.rows import read_errand
from shared.store.status_messages import NOT_SENDING, leave_to_remove, left_by


class ErrandOutbox(Deliveries):
    """The deliveries of errands."""

    table = tables.errands
    due = due_for(tables.errands).order_by(tables.errands.c.id)
    claiming = claims_of(tables.errands, due)

    def claim(self, bot_id: int, *, limit: int) -> list[Errand]:
        """Take errands that have ended and are to be brought home now, oldest first."""
        return sorted((read_errand(row) for row in self._claim(bot_id, limit)), key=lambda errand: errand.id)

    def not_sent(self, errand_id: int, *, retry_after_s: float, tries: int | None = None) -> None:
        """Telegram did not take all of it: try again later.

        Args:
            tries: At the claim; where somebody else has claimed it since, nothing changes. None: nobody can have.
        """
        self._again_in(errand_id, retry_after_s, tries)

    def give_up(self, errand_id: int, reason: str) -> None:
        """Telegram will not take it. What is left is to say so, and to end the delivery with ``delivered``."""
        with self._database.writing() as connection:
            connection.execute(self._of(errand_id).values(undelivered_reason=reason, delivery_tries=0))

    def send_again(self, errand_id: int) -> bool:
        """Deliver what was given up once more; False where it was not.

        It goes on below what has arrived of it: the message that announced the rest may be about to be removed.
        """
        errands = tables.errands.c
        given_up = (errands.id == errand_id, errands.undelivered_reason.is_not(None), errands.delivered_at.is_not(None))
        with self._database.writing() as connection:
            row = connection.execute(select(errands.shown).where(*given_up).with_for_update()).first()
            if row is None:
                return False
            said = int((row.shown or {}).get("said", 0))
            shown = row.shown and {**row.shown, "messages": row.shown.get("messages", [])[:said]}
            connection.execute(self._of(errand_id).values(ANEW | {"shown": shown}))
            return True

    def delivered(self, errand_id: int, *, shown: ShownMessages | None = None, remove: Collection[int] = ()) -> None:
        """Its delivery has ended: it is in the chat, or was given up.

        A message that announced it, and whose number nobody wrote down, is to be removed from here on.

        Args:
            remove: Messages that announced it and are still there.
        """
        done: dict[str, object] = {"delivered_at": present(), "delivery_lease_until": None}
        if shown is not None:
            done["shown"] = shown
        with self._database.writing() as connection:
            row = connection.execute(self._of(errand_id).values(**done).returning(*left_by(tables.errands))).one()
            leave_to_remove(connection, Work.ERRAND, row, remove)
            if row.status_sending_since is not None:
                connection.execute(self._of(errand_id).values(NOT_SENDING))
