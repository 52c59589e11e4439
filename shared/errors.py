"""Errors, sorted by who can mend them.

ImagineError
├─ UserError        the user can: told why in their language, never retried
│    EmptyIdea · IdeaTooLong · NoWordsInIdea · BadParameter · UnclearChoice · ParametersWithoutIdea · BadBatch
│    QueueFull · IdeaRefused
│    PictureRefused · AnswerRefused · FileTooLarge · FileNotUnderstood · FileRefused · FileTooLargeToFetch · FileGone
│    TooMuchSent · DescriptionRefused · PictureUnreadable · PictureLargeEnough · PictureGone · OwnKeyRefused
│    OwnKeyUnreadable · OwnKeyUnpaid · KeyNeeded · TrialOver · BudgetUsedUp · OwnKeyGone · LastOwner · OwnerBySettings
├─ TransientError   time can: retried, the user just waits; may carry retry_after
│    ServiceBusy · ServiceUnreachable · ModelLoading · StillPainting · PromptUnderWay · BadPicture
│    UnknownPictureFormat · PictureNotFetched · StoreAway · LockConflict · GeminiBusy · GeminiUnreachable
├─ ElsewhereError   another provider or model can: tried at once, the user reads which one painted
│    ModelNotServed · NoCredit · ModelGated · PainterDenied · RequestRefused
└─ PermanentError   only the owner or we can: not retried, logged as an error, the user gets an apology
     BadCredentials · GeminiUnpaid · GeminiNotServedHere · GeminiDenied · QuotaExhausted · UnexpectedAnswer
     NoPainterLeft · OutOfTime · WorkerLost · FileOutOfReach · PictureOutOfReach

Each carries a ``reason``: the key of the sentence that a person reads. The message in ``str(error)`` is
for the log alone: it holds no words of the user, no key and no token.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from shared.json_types import JsonObject


class ImagineError(Exception):
    """Whatever keeps an idea from becoming a picture.

    Attributes:
        status: HTTP status of the answer that it was read from; None where none came.
        request_id: The service's own id for that call.
        values: What goes into the gaps of the sentence; may quote the user, so it is not for the log.
    """

    reason: str = "unexpected"
    status: int | None = None
    request_id: str | None = None
    values: Mapping[str, object] = MappingProxyType({})


class UserError(ImagineError):
    """The user can mend it."""

    reason = "unexpected"

    def __init__(self, message: str = "", *, values: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.values = values or {}


class EmptyIdea(UserError):
    """Nothing but white space was given."""

    reason = "empty_idea"


class NoWordsInIdea(UserError):
    """The idea holds control characters or punctuation alone, nothing that could be painted."""

    reason = "no_words_in_idea"


class IdeaTooLong(UserError):
    """The idea has more characters than we take."""

    reason = "idea_too_long"


class BadParameter(UserError):
    """A parameter says something that we don't understand, or that can't be; ``reason`` tells what."""

    reason = "parameter_unreadable"

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason, values=values)
        self.reason = reason


class UnclearChoice(BadParameter):
    """A model or a style is named that isn't there, or a part of several names.

    Attributes:
        option: ``model`` or ``style``.
        nearest: What may be meant, the likeliest first: ids of models, names of styles; may be empty.
    """

    def __init__(self, reason: str, option: str, nearest: Sequence[str], **values: object) -> None:
        super().__init__(reason, **values)
        self.option = option
        self.nearest = tuple(nearest)


class ParametersWithoutIdea(BadParameter):
    """There are parameters, but no words that say what is to be painted.

    Attributes:
        parameters: They, as they were typed, on one line.
    """

    def __init__(self, parameters: str, name: str) -> None:
        super().__init__("parameters_without_idea", name=name)
        self.parameters = parameters


class QueueFull(UserError):
    """This person has asked for as many pictures as one may at a time."""

    reason = "queue_full"

    def __init__(self, *, limit: int) -> None:
        super().__init__(values={"n": limit})


class GroupQueueFull(QueueFull):
    """The members of this group have asked for as many pictures as one group may at a time."""

    reason = "group_queue_full"


class QuestionsFull(QueueFull):
    """This person has asked Gemini as many questions as one may at a time."""

    reason = "questions_full"


class GroupQuestionsFull(QuestionsFull):
    """The members of this group have asked Gemini as many questions as one group may at a time."""

    reason = "group_questions_full"


class BatchesFull(QueueFull):
    """This person's batches have as many pictures waiting as they may at a time."""

    reason = "batches_full"


class TrialOver(QueueFull):
    """This guest has asked for as many pictures, or as many questions, as a trial has."""

    reason = "trial_over"


class BudgetUsedUp(QueueFull):
    """What is asked for does not fit what is left of a budget on the owner's keys; ``reason`` tells which.

    Attributes:
        seconds: Until the budget begins anew.
    """

    def __init__(self, reason: str, seconds: float, **values: int) -> None:
        super().__init__(limit=values.get("most", 0))
        self.reason = reason
        self.seconds = seconds
        self.values = values


class OwnKeyGone(UserError):
    """Somebody asked on a key of their own, and took it away before the service was called."""

    reason = "own_key_gone"


class LastOwner(UserError):
    """Nobody else owns the bot: without them nobody could let anybody in."""

    reason = "access_last_owner"


class OwnerBySettings(UserError):
    """The settings say that somebody is an owner, which the record can't change."""

    reason = "access_owner_by_settings"


class BadBatch(UserError):
    """A text or file that was to hold many ideas can't be taken as a whole; ``reason`` tells why."""

    reason = "batch_not_text"

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason, values=values)
        self.reason = reason


class IdeaRefused(UserError):
    """Gemini would not write a prompt for this idea."""

    reason = "idea_refused"


class PictureRefused(UserError):
    """A painter's moderation refused the prompt or hid the picture."""

    reason = "picture_refused"


class AnswerRefused(UserError):
    """Gemini would not answer this in a chat, or broke off for its rules."""

    reason = "answer_refused"


class FileTooLarge(UserError):
    """What was sent along with a message is more than Gemini reads at once."""

    reason = "file_too_large"


class FileNotUnderstood(UserError):
    """What was sent along with a message is of a kind that Gemini can't read, or is gone."""

    reason = "file_not_understood"


class FileRefused(UserError):
    """Gemini refused what was sent along with a message: broken, empty, too long, or of a kind that it can't read."""

    reason = "file_refused"


class FileTooLargeToFetch(UserError):
    """What was sent along with a message is more than Telegram lets bots read."""

    reason = "file_too_large_to_fetch"


class FileGone(UserError):
    """Telegram has the file of a message no more."""

    reason = "file_gone"


class ExportUnderWay(UserError):
    """This person's pictures are being exported already."""

    reason = "export_under_way"


class TooMuchSent(UserError):
    """This person has sent as much as one may within a day.

    Attributes:
        seconds: Until there is room for this file.
    """

    reason = "too_much_sent"

    def __init__(self, seconds: float = 0.0, *, limit: int = 0) -> None:
        """Take the limit in megabytes."""
        super().__init__(values={"most": limit})
        self.seconds = seconds


class DescriptionRefused(UserError):
    """Gemini would not describe a picture."""

    reason = "description_refused"


class PictureUnreadable(UserError):
    """The picture that an idea speaks of is none, is broken, or is far too large."""

    reason = "picture_unreadable"


class PictureLargeEnough(UserError):
    """A picture is already about as large as it may be made."""

    reason = "picture_large_enough"


class PictureGone(UserError):
    """The picture that an idea speaks of is no longer in the image store."""

    reason = "picture_gone"


class OwnKeyRefused(UserError):
    """A service refused the key that the user brought."""

    reason = "own_key_refused"


class OwnKeyUnreadable(UserError):
    """The key that the user brought was encrypted for a secret that the installation no longer has."""

    reason = "own_key_unreadable"


class OwnKeyUnpaid(UserError):
    """The account of the key that the user brought has no credit left; the key itself is good."""

    reason = "own_key_no_credit"


class KeyNeeded(UserError):
    """Neither the user nor the owner has a key for the service."""

    reason = "key_needed"


class TransientError(ImagineError):
    """Time can mend it.

    Attributes:
        retry_after: Seconds until another try makes sense, as the service said it; None where it said nothing.
    """

    reason = "service_busy"

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServiceBusy(TransientError):
    """Overloaded or rate limited (429, 5xx)."""

    reason = "service_busy"


class ServiceUnreachable(TransientError):
    """No answer, or one that broke off: connection refused or dropped, time-out."""

    reason = "service_unreachable"


class GeminiBusy(ServiceBusy):
    """Gemini is overloaded, limits our calls, or answers nothing that can be used."""

    reason = "gemini_busy"


class GeminiUnreachable(ServiceUnreachable):
    """Gemini did not answer, or broke off."""

    reason = "gemini_unreachable"


class ModelLoading(TransientError):
    """A cold start: the model is being loaded; ``retry_after`` is the service's estimate in seconds."""

    reason = "model_loading"


class StillPainting(TransientError):
    """A provider has the order in its own queue; ask again with ``handle``.

    Attributes:
        handle: JSON by which the painter finds the order again, also in another process.
        position: Place in the provider's queue, counted from 1; None when it is being painted or unknown.
        trouble: What kept us from seeing how it goes, or from fetching the picture; None: the provider answered.
    """

    reason = "service_busy"

    def __init__(
        self,
        handle: JsonObject,
        *,
        retry_after: float,
        position: int | None = None,
        trouble: TransientError | None = None,
    ) -> None:
        super().__init__(str(trouble or "the provider is still painting"), retry_after=retry_after)
        self.handle = handle
        self.position = position
        self.trouble = trouble


class PictureNotFetched(ServiceUnreachable):
    """A picture was ordered, and may have been charged for; for minutes its provider or its host could not be asked."""

    reason = "picture_not_fetched"


class PromptUnderWay(TransientError):
    """Another picture of the same request has the prompt written at this moment."""

    reason = "service_busy"


class BadPicture(TransientError):
    """What came is not a picture we may show: not an image, truncated, black. Another seed may help.

    Attributes:
        flaw: One word for the record: ``not_an_image``, ``unknown_format``, ``truncated``, ``too_large``, ``black``,
            ``uniform``.
    """

    reason = "bad_picture"

    def __init__(self, flaw: str, message: str = "") -> None:
        super().__init__(message or flaw)
        self.flaw = flaw

    @property
    def is_broken(self) -> bool:
        """Whether no whole picture came, as when its service is in trouble; otherwise nobody would want to see it."""
        return self.flaw in {"not_an_image", "truncated"}


class UnknownPictureFormat(BadPicture):
    """The picture has a format that nothing here opens; another one of the same model would come in the same format."""

    reason = "unknown_picture_format"

    def __init__(self, message: str = "") -> None:
        super().__init__("unknown_format", message)


class StoreAway(TransientError):
    """The database or the image store does not answer, or can't do now what it was asked for."""

    reason = "service_unreachable"


class LockConflict(StoreAway):
    """The database ended a transaction for the sake of another one: deadlock, lock timeout, serialization failure.

    Nothing of it was written; the same transaction may be run again at once.
    """


class ElsewhereError(ImagineError):
    """Another provider or another model can."""

    reason = "model_not_served"


class ModelNotServed(ElsewhereError):
    """This provider does not serve this model (400, 404, 410)."""

    reason = "model_not_served"


class NoCredit(ElsewhereError):
    """The account has no credit left at this provider (402)."""

    reason = "no_credit"


class ModelGated(ElsewhereError):
    """The model's licence has not been accepted by the token's account (403)."""

    reason = "model_gated"


class PainterDenied(ElsewhereError):
    """A provider forbids us to use it (403), and says neither of the token nor of a licence that it is the cause."""

    reason = "painter_denied"


class RequestRefused(ElsewhereError):
    """The provider did not understand a parameter (400, 413, 422)."""

    reason = "request_refused"


class PermanentError(ImagineError):
    """Only the owner or we can mend it."""

    reason = "unexpected"


class BadCredentials(PermanentError):
    """A key or token was refused (401, Gemini's 400 API_KEY_INVALID, a missing permission)."""

    reason = "bad_credentials"


class GeminiUnpaid(PermanentError):
    """The account of Gemini's key has no credit left, is at its spending cap, or has no billing set up."""

    reason = "gemini_no_credit"


class GeminiNotServedHere(PermanentError):
    """Google doesn't serve Gemini where this computer seems to stand."""

    reason = "gemini_location"


class GeminiDenied(PermanentError):
    """Google forbids the key's project to use Gemini (a policy, the API is off), or something before it said 403."""

    reason = "gemini_denied"


class QuotaExhausted(PermanentError):
    """Gemini's quota of the day is used up; it comes back at midnight Pacific time."""

    reason = "quota_exhausted"


class UnexpectedAnswer(PermanentError):
    """A service answered something nobody documented."""

    reason = "unexpected"


class NoPainterLeft(PermanentError):
    """Every provider of every model in the fallback order was tried in vain."""

    reason = "no_painter_left"


class OutOfTime(PermanentError):
    """The job's deadline passed."""

    reason = "out_of_time"


class WorkerLost(PermanentError):
    """The job was taken along by dying workers too often."""

    reason = "worker_lost"


class PictureOutOfReach(PermanentError):
    """Picture after picture was ordered and could not be fetched: no further one is paid for."""

    reason = "picture_not_fetched"


class FileOutOfReach(PermanentError):
    """Telegram has a file, and the bot can't read it where it is said to be; the owner's log says what to do."""

    reason = "file_out_of_reach"
