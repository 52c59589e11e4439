"""``g2d doctor``: looks at all that an installation needs, and says what to do about what is wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import typer

from services.doctor import network, services, storage
from services.doctor.calls import Ask, as_bot, as_painter, as_prompt_writer
from services.doctor.checks import Check, run
from services.doctor.findings import Finding, as_json, bad, good, skipped, status
from services.worker.gemini.client import DEFAULT_URL as GEMINI_URL
from shared.key_cipher import KeyCipher, cipher_for
from shared.settings import BotSettings, Complaint, Settings, WorkerSettings, load_what_can_be_read
from shared.styles import Styles

SETTINGS = "Settings"
WRITE = "set it in the environment or in .env"


@dataclass(frozen=True, slots=True)
class Installation:
    """What could be read of the settings.

    Attributes:
        bot, worker: Settings of the services; None where this place has none of them, being for the other alone.
        complaints: What is wrong, by the settings' names.
    """

    bot: BotSettings | None
    worker: WorkerSettings | None
    complaints: Mapping[str, Complaint]

    @property
    def settings(self) -> Settings:
        """Those that both services have."""
        found = self.bot or self.worker
        if found is None:
            raise AssertionError("an installation has a bot or a worker")
        return found


def examine(*, as_json_text: bool) -> int:
    """Look at everything, print what was found, and return the exit status."""
    installation = read_installation()
    findings = [*about_settings(installation), *run(checks_for(installation))]
    typer.echo(as_json(findings) if as_json_text else "\n".join(one.line for one in findings))
    return status(findings)


def read_installation() -> Installation:
    """Read the settings of this place, sound or not."""
    bot, of_bot = load_what_can_be_read(BotSettings)
    worker, of_worker = load_what_can_be_read(WorkerSettings)
    return select_services(bot, of_bot, worker, of_worker)


def select_services(
    bot: BotSettings, of_bot: Mapping[str, Complaint], worker: WorkerSettings, of_worker: Mapping[str, Complaint]
) -> Installation:
    """Leave out a service of which nothing is set, where services run apart. Pure."""
    no_bot, no_worker = _lacks_all(BotSettings, of_bot), _lacks_all(WorkerSettings, of_worker)
    if bot.embedded or no_bot == no_worker:
        return Installation(bot, worker, {**of_bot, **of_worker})
    return Installation(None, worker, of_worker) if no_bot else Installation(bot, None, of_bot)


def _lacks_all(kind: type[Settings], complaints: Mapping[str, Complaint]) -> bool:
    required = {str(field.validation_alias) for field in kind.model_fields.values() if field.is_required()}
    return all(name in complaints and complaints[name].is_missing for name in required)


def about_settings(installation: Installation) -> Sequence[Finding]:
    """A line for each setting that is missing or wrong, and for each service that is not looked at. Pure."""
    findings = [_about(name, complaint) for name, complaint in installation.complaints.items()]
    if installation.bot is None:
        findings.append(skipped("Bot", "TELEGRAM_BOT_TOKEN is not set here, this place is for workers"))
    if installation.worker is None:
        findings.append(skipped("Worker", "GOOGLE_API_KEY and HF_TOKEN are not set here, this place is for the bot"))
    return findings if installation.complaints else [good(SETTINGS, "all can be read"), *findings]


def _about(name: str, complaint: Complaint) -> Finding:
    if complaint.is_missing:
        return bad(name, "is missing", f"{WRITE}; it {complaint.text}")
    return bad(name, complaint.text.replace(": ", ", "), "correct it")


def checks_for(installation: Installation) -> Mapping[str, Check]:
    """Whatever can be looked at with these settings."""
    settings, wrong = installation.settings, installation.complaints
    checks: dict[str, Check] = {}

    def add(name: str, needs: str, check: Callable[[], Sequence[Finding]]) -> None:
        if not set(needs.split()) & wrong.keys():
            checks[name] = check

    add("Secrets and styles", "G2D_SECRET_KEY G2D_STYLES_FILE REDIS_URL", partial(check_files, installation))
    if (bot := installation.bot) is not None:
        needs = "TELEGRAM_BOT_TOKEN TELEGRAM_API_URL"
        add(services.TELEGRAM, needs, partial(services.check_telegram, bot, as_bot))
    if (worker := installation.worker) is not None:
        gemini = "GOOGLE_API_KEY GOOGLE_GEMINI_BASE_URL GOOGLE_GENAI_API_VERSION"
        add(services.GEMINI, gemini, partial(services.check_gemini, worker, as_prompt_writer))
        add(services.HUGGINGFACE, "HF_TOKEN HF_ENDPOINT", partial(services.check_huggingface, worker, as_painter))
    add(storage.DATABASE, "DATABASE_URL G2D_DATA_DIR", partial(storage.check_database, settings))
    add(storage.REDIS, "REDIS_URL", partial(storage.check_redis, settings))
    add(storage.IMAGES, "IMAGE_STORE_URL G2D_DATA_DIR", partial(storage.check_images, settings))
    add(storage.DISK, "G2D_DATA_DIR", partial(storage.check_disk, settings))
    ways = ways_of(installation)
    add(services.CLOCK, "", partial(services.check_clock, ways))
    for name, check in _networks(installation).items():
        add(name, "", check)
    return checks


def ways_of(installation: Installation) -> list[tuple[str, Ask, str]]:
    """Whose clocks can be asked: (name, how it is called, its address)."""
    found: list[tuple[str, Ask, str]] = []
    if (worker := installation.worker) is not None:
        found += [
            ("HuggingFace", as_painter, worker.hf_hub_url),
            ("Gemini", as_prompt_writer, worker.gemini_base_url or GEMINI_URL),
        ]
    if (bot := installation.bot) is not None:
        found.append(("Telegram", as_bot, bot.telegram_api_url))
    return found


def _networks(installation: Installation) -> Mapping[str, Check]:
    checks: dict[str, Check] = {}
    if (bot := installation.bot) is not None:
        checks["Network to Telegram"] = partial(network.check_telegram, bot.telegram_api_url)
    if (worker := installation.worker) is not None:
        checks["Network to Gemini"] = partial(network.check_gemini, worker.gemini_base_url or GEMINI_URL)
        checks["Network to HuggingFace"] = partial(network.check_huggingface, worker.hf_hub_url, worker.hf_router_url)
        checks["Network to pictures"] = partial(network.check_pictures, worker.hf_image_hosts)
    return checks


def check_files(installation: Installation) -> Sequence[Finding]:
    """Read the secret key and the owner's styles as a start does, but make nothing."""
    settings = installation.settings
    if not settings.embedded:
        cipher_for(settings)
    elif settings.secret_key is not None:
        KeyCipher(settings.secret_key.get_secret_value())
    Styles(settings.styles_file)
    return [good("Secrets and styles", "can be read")]
