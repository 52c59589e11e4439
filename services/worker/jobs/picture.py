"""idea → prompt → image → record, read from top to bottom."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus

from services.metrics.meters import meters
from services.worker.engine.retry import require_time, seconds_left
from services.worker.engine.user_keys import ClientPool
from services.worker.gemini.files import File
from services.worker.gemini.postprocess import own_words
from services.worker.gemini.prompt_request import PromptRequest
from services.worker.gemini.prompts import PromptWriter
from services.worker.images.decoder import Decoder
from services.worker.images.stored import read_picture
from services.worker.jobs.image_services import ImageServices
from services.worker.painters.dispatcher import PaintRequest
from shared.catalogue import Catalogue
from shared.errors import (
    BadPicture,
    ElsewhereError,
    FileRefused,
    FileTooLarge,
    PictureGone,
    PictureNotFetched,
    PromptUnderWay,
    QuotaExhausted,
    ServiceBusy,
    ServiceUnreachable,
    TransientError,
    UnexpectedAnswer,
)
from shared.images import Images
from shared.jobs import ENDED, Attempt, Earlier, Job, Picture, Prompt, Recipe
from shared.queue_policy import QueuePolicy
from shared.store.conversations import Conversations
from shared.store.jobs import Jobs
from shared.styles import Styles

log = logging.getLogger(__name__)

PROMPT_SECONDS = 90.0  # for one prompt, its repairs included
SHARING_PAUSE_S = 0.5
RESAMPLING, LOCAL = "lanczos", "local"  # what stands in place of model and provider where a picture is made larger
MAX_STARTERS = 3  # that are tried where the wished model can't start from a picture
IMAGE_SECONDS = 180.0  # for one picture, downloads included
PATIENCE_WITH_GEMINI = 2  # failed tries after which the job goes on with the user's own words
RECENT = timedelta(minutes=30)  # how long an idea can refer to what was said
RECENT_TURNS = 4
RECENT_CHARACTERS = 4_000
OF_ITS_PICTURE = (FileRefused, FileTooLarge)  # what Gemini may say of a picture that came with an idea
BARRING = frozenset(kind.reason for kind in ElsewhereError.__subclasses__())


class PictureJob:
    """Carries a claimed job through its steps; what was paid for once is never bought again."""

    def __init__(
        self,
        jobs: Jobs,
        writers: ClientPool[PromptWriter],
        services: ImageServices,
        images: Images,
        catalogue: Catalogue,
        *,
        styles: Styles | None = None,
        conversations: Conversations | None = None,
        decoder: Decoder | None = None,
        policy: QueuePolicy | None = None,
        release_place: Callable[[], None] = lambda: None,
        reacquire_place: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the shipped styles where the owner has none; without conversations no idea can refer to one.

        Args:
            writers, services: Each works on the key of the person who asked, where they brought one.
            release_place: Lets other turns begin; is called where a job comes to what may take long. More than once.
            reacquire_place: Keeps others from beginning; is called where it comes back from a service with an answer.
        """
        self._writers = writers
        self._services = services
        self._jobs = jobs
        self._images = images
        self._catalogue = catalogue
        self._styles = styles or Styles()
        self._conversations = conversations
        self._decoder = decoder or Decoder()
        self._policy = policy or QueuePolicy()
        self._release_place = release_place
        self._reacquire_place = reacquire_place

    def run(self, job: Job, attempts: list[Attempt]) -> None:
        """Make the picture and record it.

        Safe to repeat at any point: steps that were done are looked up, not done again.

        Args:
            attempts: Takes the calls to services that are not written down yet.

        Raises:
            ImagineError: A step failed; ``retry.after`` decides what follows.
            LostTurn: The job belongs to another worker by now.
        """
        if job.request.parameters.upscale is not None:
            self._upscale(job, job.request.parameters.upscale)
            return
        prompt = job.prompt or self._share(job) or self._write(job, attempts)
        self._release_place()
        key, media_type, recipe = self._kept(job, attempts) or self._paint(job, prompt, attempts)
        self._reacquire_place()
        self._jobs.finish(job, recipe, image_key=key, media_type=media_type, attempts=attempts)

    def _upscale(self, job: Job, times: int) -> None:
        """Make the request's picture larger. Nothing is paid, so a worker that died is not looked after: once more."""
        if job.request.picture is None:
            raise PictureGone("no picture to make larger")
        require_time(job)
        self._release_place()
        image = self._decoder.enlarge(read_picture(self._images, job.request.picture), times)
        prompt = job.prompt.text if job.prompt is not None else ""
        recipe = Recipe(RESAMPLING, LOCAL, prompt, width=image.width, height=image.height)
        key = self._images.put(job.id, image)
        self._jobs.finish(job, recipe, image_key=key, media_type=image.media_type)

    def _kept(self, job: Job, attempts: list[Attempt]) -> tuple[str, str, Recipe] | None:
        """A picture that was painted and kept, but not recorded before its worker died; nor was the call for it."""
        found = self._images.find(job.id) if job.claims > 1 else None
        recipe = self._decoder.recipe_in(self._images.get(found[0])) if found else None
        if not found or not recipe:
            return None
        if not self._jobs.count_attempts(job.id, "ok"):
            # How long it took, nobody knows any more.
            # An order was counted when it was made.
            found_now = Attempt("image", recipe.provider, recipe.model, 0, pictures=0 if job.handle else 1)
            self._noting(attempts, job.owner_pays)(replace(found_now, status=HTTPStatus.OK, detail="found"))
        return (*found, recipe)

    def _share(self, job: Job) -> Prompt | None:
        """Of several pictures of one request the first has the prompt written, and the others take it over.

        Variations differ by their prompts, so each has its own written.

        Raises:
            PromptUnderWay: It is being written.
        """
        if job.number == 0 or job.is_variation:
            return None
        first = self._jobs.siblings(job)[0]
        if first.prompt is not None:
            self._jobs.keep_prompt(job, first.prompt)
        elif first.state not in ENDED:
            raise PromptUnderWay(retry_after=SHARING_PAUSE_S)
        return first.prompt

    def _write(self, job: Job, attempts: list[Attempt]) -> Prompt:
        prompt = self._own_words(job) if job.request.parameters.raw else self._ask_gemini(job, attempts)
        self._reacquire_place()
        self._jobs.keep_prompt(job, prompt, attempts)
        attempts.clear()
        return prompt

    def _ask_gemini(self, job: Job, attempts: list[Attempt]) -> Prompt:
        try:
            seconds = seconds_left(job, PROMPT_SECONDS)
            request = self._prompt_request(job)
            # On the user's own key, or the owner's.
            with self._writers.borrow(job.sender.id) as borrowed:
                self._release_place()
                if borrowed.owner_pays:
                    request = replace(request, writing=self._policy.budgets.bound(request.writing))
                return borrowed.client.write(
                    request, timeout_s=seconds, on_attempt=self._noting(attempts, borrowed.owner_pays)
                )
        except (QuotaExhausted, UnexpectedAnswer, ServiceBusy, ServiceUnreachable, *OF_ITS_PICTURE) as error:
            # A picture without words leaves nothing to paint from.
            may_wait = isinstance(error, TransientError) and job.failures < PATIENCE_WITH_GEMINI
            if may_wait or not job.request.idea:
                raise
            if isinstance(error, UnexpectedAnswer):
                # The person gets a picture all the same; what Gemini wrote, or refused, is for the owner to look at.
                log.error("prompt not written", extra={"job_id": job.id, "error": str(error)[:200]})  # noqa: TRY400
            return self._own_words(job)

    def _prompt_request(self, job: Job) -> PromptRequest:
        given, writing = job.request.parameters, job.request.writing
        model = self._catalogue.wished(given.model)
        return PromptRequest(
            job.request.idea,
            dialect=model.dialect,
            token_limit=min(model.prompt_tokens, writing.prompt_tokens or model.prompt_tokens),
            takes_negative=model.takes_negative,
            writing=writing,
            style=self._styles.style(given.style),
            unwanted=given.negative or "",
            talk=self._talk_before(job),
            earlier=self._earlier(job),
            picture=self._shown_to_gemini(job),
            subject=job.request.subject,
        )

    def _shown_to_gemini(self, job: Job) -> File | None:
        """The picture that came with the idea."""
        picture = job.request.picture
        if picture is None:
            return None
        self._release_place()
        return File("image/jpeg", self._decoder.for_gemini(read_picture(self._images, picture)))

    def _talk_before(self, job: Job) -> str:
        """What was said in the same chat and topic shortly before the idea; nothing of it is changed."""
        if self._conversations is None:
            return ""
        turns = self._conversations.shortly_before(job.address, job.created_at, within=RECENT, limit=RECENT_TURNS)
        told = (f"Person: {turn.question.get('text', '')}\nYou: {turn.answer}" for turn in turns)
        return "\n".join(told)[-RECENT_CHARACTERS:]

    def _earlier(self, job: Job) -> Earlier | None:
        """The picture that a follow-up changes or a variation varies; for one painted anew, that of what it repeats."""
        while job.parent_id is not None:
            parent = self._jobs.read(job.parent_id)
            if parent is None:
                return None
            if job.is_follow_up or job.is_variation:
                prompt = parent.prompt.text if parent.prompt else parent.request.idea
                return Earlier(parent.request.idea, prompt, job.number if job.is_variation else None)
            job = parent
        return None

    def _source(self, job: Job) -> bytes | None:
        """What a model is to start from: what came with the idea, or what a follow-up changes."""
        if job.request.parameters.describe:
            return None
        picture = job.request.picture or self._changed_by(job)
        if picture is None:
            return None
        try:
            return read_picture(self._images, picture)
        except PictureGone:
            return None  # The prompt describes it all the same.

    def _changed_by(self, job: Job) -> Picture | None:
        """Our picture that a follow-up changes; for one painted anew, that of what it repeats."""
        while job.parent_id is not None and job.origin is not None and not job.origin.startswith("edit "):
            parent = self._jobs.read(job.parent_id)
            if parent is None:
                return None
            if job.is_follow_up:
                return Picture(parent.image_key, parent.media_type) if parent.image_key and parent.media_type else None
            if job.is_variation:
                return None
            job = parent
        return None

    def _own_words(self, job: Job) -> Prompt:
        given = job.request.parameters
        model = self._catalogue.wished(given.model)
        return own_words(
            job.request.idea,
            dialect=model.dialect,
            style=self._styles.style(given.style),
            unwanted=given.negative or "",
            earlier=self._earlier(job),
            subject=job.request.subject,
            token_limit=model.prompt_tokens,
        )

    def _paint(self, job: Job, prompt: Prompt, attempts: list[Attempt]) -> tuple[str, str, Recipe]:
        order = PaintRequest(
            prompt=prompt,
            parameters=job.request.parameters,
            models=self._catalogue.in_order(job.request.parameters.model),
            idea=job.request.idea,
            handle=job.handle,
            barred=self._jobs.tried_in_vain(job.id, BARRING) if job.claims > 1 else frozenset(),
            pictures=self._jobs.count_attempts(job.id, BadPicture.reason) if job.claims > 1 else 0,
            unfetched=self._jobs.count_attempts(job.id, PictureNotFetched.reason) if job.claims > 1 else 0,
            source=self._source(job),
            starters=self._catalogue.starters(job.request.parameters.model, MAX_STARTERS),
        )
        image, recipe = self._services.paint(
            order, job, timeout_s=seconds_left(job, IMAGE_SECONDS), noting=partial(self._noting, attempts)
        )
        return self._images.put(job.id, image), image.media_type, recipe

    def _noting(self, attempts: list[Attempt], owner_pays: bool) -> Callable[[Attempt], None]:
        """Take note of calls, of whose key they were made on, and of what they cost the owner."""

        def note(attempt: Attempt) -> None:
            cost = self._policy.prices.of(attempt) if owner_pays else 0
            noted = replace(attempt, owner_pays=owner_pays, cost=cost)
            meters().called(noted)
            attempts.append(noted)

        return note
