"""How people, groups and roles are called in messages. Pure."""

from services.bot.texts.locales import say
from shared.access import Known, Profile, Role

ROLE_NAMES = {
    Role.OWNER: "role_owner",
    Role.ADMIN: "role_admin",
    Role.MEMBER: "role_member",
    Role.GUEST: "role_guest",
    Role.STRANGER: "role_stranger",
    Role.BLOCKED: "role_blocked",
}
ROLE_MARKS = {
    Role.OWNER: "👑",
    Role.ADMIN: "🛡",
    Role.MEMBER: "✅",
    Role.GUEST: "🎟",
    Role.STRANGER: "✖️",
    Role.BLOCKED: "🚫",
}
WAITING_MARK = "⏳"
MAX_LABEL = 28  # letters


def title_of(profile: Profile) -> str:
    """A name, with the @name where there is one."""
    return f"{profile.name} (@{profile.username})" if profile.username else profile.name


def name_of_role(role: Role, language: str) -> str:
    """A role in somebody's language."""
    return say(ROLE_NAMES[role], language)


def standing_of(known: Known, language: str) -> str:
    """What somebody is, or that they wait."""
    return say("role_waiting", language) if known.is_waiting else name_of_role(known.role, language)


def label_of(known: Known) -> str:
    """What a button says of somebody, short enough for a row of its own."""
    mark = WAITING_MARK if known.is_waiting else ROLE_MARKS[known.role]
    name = title_of(known.profile)
    return f"{mark} {name if len(name) <= MAX_LABEL else name[: MAX_LABEL - 1] + '…'}"
