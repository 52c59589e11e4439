"""The example for Kubernetes: what the API's schemas say of it, which settings it hands out, and KEDA's query."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from sqlalchemy import text

from shared.settings import BotSettings, Settings, WorkerSettings
from shared.store.database import Database
from tests.builders import submit, submit_and_claim, submit_and_finish

FOLDER = Path(__file__).parents[1] / "docs" / "kubernetes"
FILES = ["secrets.yaml", "migrate.yaml", "services.yaml", "keda.yaml"]
VERSION = "1.37"
OF_KEDA = "keda.sh/v1alpha1"  # not of Kubernetes itself
OF_A_SCALED_OBJECT = {
    "scaleTargetRef": dict,
    "minReplicaCount": int,
    "maxReplicaCount": int,
    "pollingInterval": int,  # seconds
    "cooldownPeriod": int,
    "triggers": list,
}
OF_AMAZON = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}


def manifests(*files: str) -> list[dict[str, Any]]:
    return [one for file in files for one in yaml.safe_load_all((FOLDER / file).read_text(encoding="utf-8"))]


def named(kind: str, name: str) -> dict[str, Any]:
    return next(one for one in manifests(*FILES) if (one["kind"], one["metadata"]["name"]) == (kind, name))


def container(name: str) -> dict[str, Any]:
    (only,) = named("Deployment", name)["spec"]["template"]["spec"]["containers"]
    return only


def handed_to(name: str) -> set[str]:
    """The variables that a deployment's container gets, those of its config maps and secrets included."""
    given = {one["name"] for one in container(name).get("env", [])}
    for source in container(name)["envFrom"]:
        kind, key = ("ConfigMap", "data") if "configMapRef" in source else ("Secret", "stringData")
        (reference,) = source.values()
        given |= set(named(kind, reference["name"])[key])
    return given


def names(kind: type[Settings]) -> set[str]:
    return {str(field.validation_alias) for field in kind.model_fields.values()}


class TestTheManifests:
    @pytest.mark.parametrize("file", FILES)
    def test_are_what_the_api_takes(self, file: str) -> None:
        known = [one for one in manifests(file) if one["apiVersion"] != OF_KEDA]

        for one in known:
            kubernetes_validate.validate(one, VERSION, strict=True)
        assert known or file == "keda.yaml"

    def test_what_the_api_does_not_take_is_found(self) -> None:
        wrong = named("Deployment", "g2d-bot")
        wrong["spec"]["replica"] = 1

        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, VERSION, strict=True)

    @pytest.mark.parametrize(("name", "kind"), [("g2d-bot", BotSettings), ("g2d-worker", WorkerSettings)])
    def test_a_service_gets_the_settings_that_it_needs_and_none_of_the_other(
        self, name: str, kind: type[Settings]
    ) -> None:
        required = {str(one.validation_alias) for one in kind.model_fields.values() if one.is_required()}
        given = handed_to(name)

        assert required | {"DATABASE_URL", "REDIS_URL", "IMAGE_STORE_URL", "G2D_SECRET_KEY"} <= given
        assert given - names(kind) == OF_AMAZON

    def test_every_secret_that_is_named_is_there(self) -> None:
        asked = [
            (one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"])
            for one in container("g2d-worker")["env"]
        ]

        assert [key for name, key in asked if key not in named("Secret", name)["stringData"]] == []

    def test_a_service_ends_in_peace(self) -> None:
        for name in ("g2d-bot", "g2d-worker"):
            assert named("Deployment", name)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 60

    def test_there_is_one_bot_and_it_is_replaced_not_rolled(self) -> None:
        spec = named("Deployment", "g2d-bot")["spec"]

        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


class TestTheScaler:
    def test_has_fields_of_the_names_and_types_in_kedas_definition(self) -> None:
        """KEDA's definition is not among Kubernetes' schemas; these are its parts that we use."""
        spec = named("ScaledObject", "g2d-worker")["spec"]

        assert {name: OF_A_SCALED_OBJECT[name] for name in spec} == {name: type(value) for name, value in spec.items()}
        for trigger in spec["triggers"]:
            assert trigger.keys() == {"type", "metadata"}
            assert {type(value) for value in trigger["metadata"].values()} == {str}

    def test_aims_at_the_workers_and_finds_their_database(self) -> None:
        spec = named("ScaledObject", "g2d-worker")["spec"]
        (trigger,) = spec["triggers"]

        assert spec["scaleTargetRef"]["name"] == named("Deployment", "g2d-worker")["metadata"]["name"]
        assert trigger["metadata"]["connectionFromEnv"] in {one["name"] for one in container("g2d-worker")["env"]}
        assert 0 < int(trigger["metadata"]["targetQueryValue"]) < WorkerSettings.model_fields["slots"].default

    def test_counts_what_waits_and_what_is_under_way(self, database: Database) -> None:
        (trigger,) = named("ScaledObject", "g2d-worker")["spec"]["triggers"]
        submit_and_finish(database)
        submit_and_claim(database)
        submit(database)

        with database.reading() as connection:
            counted = connection.execute(text(trigger["metadata"]["query"])).scalar_one()

        assert counted == 2
