"""How people, groups and roles are called in messages. Pure."""

from services.bot.locales import say
from shared.access import Profile, Role

ROLE_NAMES = {
    Role.OWNER: "role_owner",
    Role.ADMIN: "role_admin",
    Role.MEMBER: "role_member",
    Role.GUEST: "role_guest",
    Role.STRANGER: "role_stranger",
    Role.BLOCKED: "role_blocked",
}


def title_of(profile: Profile) -> str:
    """A name, with the @name where there is one."""
    return f"{profile.name} (@{profile.username})" if profile.username else profile.name


def name_of_role(role: Role, language: str) -> str:
    """A role in somebody's language."""
    return say(ROLE_NAMES[role], language)
