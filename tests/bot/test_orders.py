"""Orders are placed once, repeated from the prompt that is there, and cancelled."""

from dataclasses import replace

from services.bot import orders
from services.bot.orders import Order, Orders
from shared.batches import BatchState
from shared.catalogue import Catalogue
from shared.jobs import Address, Job, Parameters, Request, Sender, State
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.jobs import Jobs
from shared.tickets import LocalTickets
from tests.builders import FOX_RECIPE, RED_FOX, a_job, read, submit_and_claim, submit_and_finish

ADDRESS = Address(bot_id=1, chat_id=7, message_id=3)
SENDER = Sender(7)
CATALOGUE = Catalogue()


def orders_in(database: Database, tickets: LocalTickets) -> Orders:
    return Orders(Jobs(database), Batches(database), tickets, lambda job: f"queued {job.id}")


def a_model(dialect: str) -> str:
    return next(model.id for model in CATALOGUE if model.dialect == dialect)


class TestPlacing:
    def test_a_new_order_sends_a_ticket_for_each_picture(self, database: Database) -> None:
        tickets = LocalTickets()

        placed = orders_in(database, tickets).place(
            Order(Request("a red fox", count=3)), ADDRESS, SENDER, status_after=9
        )

        assert placed.is_new
        assert placed.shown == f"queued {placed.job.id}"
        assert placed.job.status_after == 9
        assert tickets.on_their_way() == 3

    def test_the_same_message_again_is_the_same_order(self, database: Database) -> None:
        tickets = LocalTickets()
        placing = orders_in(database, tickets)
        first = placing.place(Order(Request("a red fox")), ADDRESS, SENDER, status_after=9)

        again = placing.place(Order(Request("a red fox")), ADDRESS, SENDER, status_after=10)

        assert (again.is_new, again.job.id) == (False, first.job.id)
        assert tickets.on_their_way() == 1


class TestAnotherStrength:
    def test_keeps_prompt_seed_and_the_model_that_painted(self) -> None:
        recipe = replace(FOX_RECIPE, model="org/other", over_picture=True, strength=0.6)
        job = a_job(prompt=RED_FOX, recipe=recipe, state=State.FINISHED)

        order = orders.in_strength(job, "subtle")

        given = order.request.parameters
        assert (given.model, given.seed, given.strength) == ("org/other", FOX_RECIPE.seed, "subtle")
        assert order.lineage is not None
        assert (order.lineage.origin, order.lineage.prompt) == ("strength subtle", RED_FOX)


class TestCancelling:
    def test_what_has_not_ended_is_cancelled_and_its_place_is_free(self, database: Database) -> None:
        tickets = LocalTickets()
        job = submit_and_claim(database)

        assert orders_in(database, tickets).cancel([job])
        assert read(database, job).state is State.CANCELLED
        assert tickets.on_their_way() == 1

    def test_what_has_ended_stays(self, database: Database) -> None:
        tickets = LocalTickets()
        job = submit_and_finish(database)

        assert not orders_in(database, tickets).cancel([job])
        assert read(database, job).state is State.FINISHED
        assert tickets.on_their_way() == 0

    def test_a_batch_is_cancelled_once(self, database: Database) -> None:
        tickets, batches = LocalTickets(), Batches(database)
        batch, _ = batches.ask([Request("a red fox")], address=ADDRESS, sender=SENDER, source="telegram")
        placing = orders_in(database, tickets)

        assert placing.cancel_batch(batch.id)
        assert not placing.cancel_batch(batch.id)
        found = batches.read(batch.id)
        assert found is not None
        assert found.state is BatchState.CANCELLED
        assert tickets.on_their_way() == 1


class TestRepeating:
    def painted(self, **parameters: object) -> Job:
        given = Parameters(**{"seed": 5, "steps": 12, "guidance": 3.5} | parameters)
        return a_job(id=17, request=Request("a red fox", given, count=2), prompt=RED_FOX)

    def test_again_keeps_the_prompt_and_forgets_the_seed(self) -> None:
        order = orders.again(self.painted(), CATALOGUE)

        assert order.lineage is not None
        assert (order.lineage.parent_id, order.lineage.origin, order.lineage.prompt) == (17, "again", RED_FOX)
        assert (order.request.count, order.request.parameters.seed, order.request.parameters.steps) == (1, None, 12)

    def test_another_ratio_keeps_the_seed(self) -> None:
        order = orders.in_ratio(self.painted(), (16, 9), CATALOGUE)

        assert order.lineage is not None
        assert order.lineage.origin == "ratio 16:9"
        assert (order.request.parameters.ratio, order.request.parameters.seed) == ((16, 9), 5)

    def test_a_seed_that_nobody_named_stays_in_another_ratio_or_model(self) -> None:
        job = replace(self.painted(seed=None), recipe=FOX_RECIPE)

        for order in (orders.in_ratio(job, (16, 9), CATALOGUE), orders.on_model(job, a_model("prose"), CATALOGUE)):
            assert order.request.parameters.seed == FOX_RECIPE.seed

    def test_a_model_of_the_same_dialect_takes_the_prompt(self) -> None:
        model = a_model("prose")

        order = orders.on_model(self.painted(model=model), model, CATALOGUE)

        assert order.lineage is not None
        assert (order.lineage.origin, order.lineage.prompt) == (f"model {model}", RED_FOX)
        assert (order.request.parameters.steps, order.request.parameters.guidance) == (None, None)

    def test_a_model_of_the_other_dialect_has_it_written_anew(self) -> None:
        order = orders.on_model(self.painted(model=a_model("prose")), a_model("tags"), CATALOGUE)

        assert order.lineage is not None
        assert order.lineage.prompt is None

    def test_words_that_are_no_prompt_of_gemini_are_for_every_dialect(self) -> None:
        order = orders.on_model(self.painted(model=a_model("prose"), raw=True), a_model("tags"), CATALOGUE)

        assert order.lineage is not None
        assert order.lineage.prompt == RED_FOX

    def test_variations_are_four_and_rewritten(self) -> None:
        order = orders.variations(self.painted(raw=True))

        assert order.request.count == orders.VARIATIONS
        assert not order.request.parameters.raw
        assert order.lineage is not None
        assert order.lineage.prompt is None

    def test_edited_words_are_painted_as_they_are(self) -> None:
        order = orders.edited(self.painted(), Request("a blue fox"), message_id=44, language="de")

        assert order.request.parameters.raw
        assert order.request.parameters.seed is None
        assert order.lineage is not None
        assert (order.lineage.origin, order.lineage.prompt) == ("edit 44", orders.Prompt("a blue fox", language="de"))

    def test_parameters_of_an_edit_count_and_the_others_stay(self) -> None:
        read = Request("a blue fox", Parameters(ratio=(16, 9), seed=3), count=2)

        request = orders.edited(self.painted(style="noir"), read, message_id=44, language="de").request

        given = request.parameters
        assert (given.ratio, given.seed, given.style, given.steps, request.count) == ((16, 9), 3, "noir", 12, 2)


class TestMissing:
    def test_those_that_failed_are_asked_for_with_the_prompt_of_the_others(self) -> None:
        finished, failed = a_job(id=1, state=State.FINISHED, prompt=RED_FOX), a_job(id=2, state=State.FAILED, number=1)

        order = orders.missing(finished, [finished, failed])

        assert order is not None
        assert order.request.count == 1
        assert order.lineage is not None
        assert order.lineage.prompts == (RED_FOX,)
        assert order.lineage.each == (failed.request.parameters,)

    def test_nothing_is_asked_for_where_none_failed(self) -> None:
        finished = a_job(id=1, state=State.FINISHED, prompt=RED_FOX)

        assert orders.missing(finished, [finished]) is None
