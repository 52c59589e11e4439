"""What a follow-up changes, for its title."""

from shared.jobs import Job
from shared.store.jobs import Jobs

MAX_BEFORE = 20  # pictures that one goes back to


def idea_before(job: Job, jobs: Jobs) -> str:
    """The idea of the first picture that a follow-up, or what was made from one, goes back to. Blocks.

    Returns:
        Empty where nothing was changed: the idea says all.
    """
    is_changed = False
    for _ in range(MAX_BEFORE):
        if job.parent_id is None or (job.origin or "").startswith("edit "):
            break
        is_changed = is_changed or job.is_follow_up
        parent = jobs.read(job.parent_id)
        if parent is None:
            break
        job = parent
    return job.request.idea if is_changed else ""
