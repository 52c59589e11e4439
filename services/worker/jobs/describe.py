"""``/describe``: a picture → prompts for others like it, written down for the bot to tell."""

from dataclasses import replace

from services.worker.engine.retry import seconds_left
from services.worker.engine.user_keys import ClientPool
from services.worker.gemini.chat import CALL_S, ChatClient, Message
from services.worker.gemini.descriptions import QUESTION, form, read_prompts
from services.worker.gemini.files import File
from services.worker.images.decoder import Decoder
from services.worker.images.stored import read_picture
from services.worker.jobs.bills import bill_of
from shared.errands import Errand
from shared.errors import AnswerRefused, DescriptionRefused, GeminiBusy
from shared.images import Images
from shared.jobs import Picture
from shared.queue_policy import QueuePolicy
from shared.store.errands import Errands


class DescribeJob:
    """Runs the errands that describe pictures."""

    def __init__(
        self,
        errands: Errands,
        clients: ClientPool[ChatClient],
        images: Images,
        decoder: Decoder,
        policy: QueuePolicy | None = None,
    ) -> None:
        self._policy = policy or QueuePolicy()
        self._errands = errands
        self._clients = clients
        self._images = images
        self._decoder = decoder

    def run(self, errand: Errand) -> None:
        """Have the picture looked at and record the prompts.

        Raises:
            ImagineError: It failed; ``retry.after`` decides what follows.
            LostTurn: The errand belongs to another worker by now.
        """
        picture = Picture(**errand.question["picture"])
        shown = File("image/jpeg", self._decoder.for_gemini(read_picture(self._images, picture)))
        with self._clients.borrow(errand.sender.id) as borrowed:
            # How long talk may be has nothing to do with it.
            writing = replace(errand.writing, output_tokens=None)
            if borrowed.owner_pays:
                self._errands.require_answer(errand)
                writing = self._policy.budgets.bound(writing)
            try:
                answer = borrowed.client.answer(
                    [Message("user", QUESTION, (shown,))],
                    writing=writing,
                    form=form(errand.sender.language),
                    timeout_s=seconds_left(errand, CALL_S),
                )
            except AnswerRefused as error:
                raise DescriptionRefused(str(error)) from error
        bill = bill_of([answer], self._policy.prices, owner_pays=borrowed.owner_pays)
        prompts = read_prompts(answer.text)
        if not prompts:
            raise GeminiBusy("Gemini wrote nothing that could be read as prompts")
        if self._errands.is_to_stop(errand):
            self._errands.cancel(errand, bill)
            return
        self._errands.finish(
            errand,
            result={"prompts": [{"title": prompt.title, "prompt": prompt.prompt} for prompt in prompts]},
            chat_model=answer.model,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            bill=bill,
        )
