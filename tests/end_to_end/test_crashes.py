"""kill -9 at the worst moments: every idea still becomes a photo, and only one."""

SETTINGS = {
    "G2D_IMAGE_MODEL": "stabilityai/stable-diffusion-3-medium-diffusers",  # one request a picture
    "G2D_LEASE_S": "3",
}
JOBS = 20


def asked(sandbox, person, count):
    """So many different ideas, one message each; returns the messages' ids."""
    return [sandbox.say(person, f"/imagine a fox, number {number}")["message_id"] for number in range(count)]


def answered(photos):
    """To which messages these photos reply, in order."""
    return sorted(photo["reply_to_message"]["message_id"] for photo in photos)


class TestAWorkerThatIsKilled:
    def test_in_the_middle_of_twenty_jobs_loses_and_doubles_none(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path="/hf-inference/", skip=5, times=None, gate="huggingface")

        requests = asked(sandbox, ada, JOBS)
        sandbox.wait_at_gate("huggingface", count=JOBS - 5)
        installation.wait_for_deliveries(ada, 5)
        installation.worker.kill()
        sandbox.open_gate("huggingface")
        installation.start()
        installation.wait_for_deliveries(ada, JOBS)

        assert answered(sandbox.photos(ada)) == requests
        assert len(sandbox.journal("telegram", "/sendPhoto$")) == JOBS

    def test_pays_for_no_prompt_again_that_was_written_down(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path="/hf-inference/", gate="huggingface")

        sandbox.say(ada, "/imagine a fox in the snow")
        sandbox.wait_at_gate("huggingface")
        installation.worker.kill()
        sandbox.open_gate("huggingface")
        installation.start()
        sandbox.wait_for_photo(ada, timeout_s=60)

        assert len(sandbox.journal("gemini", "generateContent")) == 1
