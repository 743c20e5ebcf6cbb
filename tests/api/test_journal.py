"""Requests and events: pages, filters, whose cluster, canceling, results."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from calamari_rest.serializers.journal import EventSerializer, RequestSerializer, StepSerializer
from cthulhu.persistence import ledger
from cthulhu.persistence.models import Event, Request, Severity, Step
from cthulhu.requests.states import StepState
from tests.api.conftest import API, CLUSTER, Cthulhu

OTHER = f"{API}/cluster/11111111-1111-1111-1111-111111111111"


@pytest.fixture
def accepted(operator: APIClient) -> Request:
    answer = operator.patch(f"{CLUSTER}/osd/1", {"in": False})
    return Request.objects.get(id=answer.json()["request_id"])


class TestRequests:
    def test_all_fields(self, operator: APIClient, accepted: Request) -> None:
        shown = operator.get(f"{API}/request/{accepted.id}").json()
        assert set(shown) == set(RequestSerializer().fields)
        assert shown["id"] == str(accepted.id)
        assert shown["object"] == {"type": "osd", "id": "1"}
        assert shown["cluster"] == accepted.fsid
        assert shown["requested_by"] == "operator"
        assert shown["headline"] == "Marking ceph-osd.1 out"
        assert (shown["state"], shown["error"], shown["completed_at"]) == ("new", False, None)
        assert shown["progress"] == {"done": 0, "total": 1}
        assert [set(step) for step in shown["steps"]] == [set(StepSerializer().fields)]
        assert shown["results"] == []
        moment = parse_datetime(shown["requested_at"])
        assert moment is not None
        assert moment.tzinfo is not None

    def test_results_of_a_complete_one(self, operator: APIClient, accepted: Request) -> None:
        step = Step.objects.get(request=accepted)
        claimed = ledger.claim(step.pk, node="node1", job_id="7", not_after=timezone.now() + dt.timedelta(seconds=9))
        assert claimed is not None
        result = {"outcome": "failed", "code": -2, "status": "osd.1 does not exist", "output": ""}
        ledger.move(claimed, StepState.FAILED, result=result, error_message="osd.1 does not exist")
        shown = operator.get(f"{API}/request/{accepted.id}").json()
        assert (shown["state"], shown["error"]) == ("complete", True)
        assert "osd.1 does not exist" in shown["error_message"]
        assert shown["completed_at"]
        assert shown["progress"] == {"done": 1, "total": 1}
        assert shown["results"] == [{"node": "node1", "step": 0, **result}]

    def test_list_is_always_paged_newest_first(self, operator: APIClient, accepted: Request) -> None:
        for _ in range(11):
            operator.post(f"{CLUSTER}/osd/0/command/scrub")
        first = operator.get(f"{API}/request").json()
        assert (first["count"], len(first["results"]), first["previous"]) == (12, 10, None)
        second = operator.get(first["next"]).json()
        assert second["results"][-1]["id"] == str(accepted.id)
        assert second["next"] is None
        assert len(operator.get(f"{API}/request", {"page_size": 12}).json()["results"]) == 12
        assert operator.get(f"{API}/request", {"page": 3}).status_code == 400

    def test_list_asks_the_database_a_constant_number_of_times(
        self, operator: APIClient, accepted: Request, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(8):
            operator.post(f"{CLUSTER}/osd/0/command/scrub")
        with django_assert_max_num_queries(6):
            operator.get(f"{API}/request")

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ({"state": "new"}, 1),
            ({"state": "complete"}, 0),
            ({"object_type": "osd", "object_id": "1"}, 1),
            ({"object_id": "2"}, 0),
        ],
    )
    def test_filters(self, operator: APIClient, accepted: Request, query: dict[str, str], count: int) -> None:
        assert operator.get(f"{API}/request", query).json()["count"] == count
        assert operator.get(f"{CLUSTER}/request", query).json()["count"] == count

    @pytest.mark.parametrize("query", [{"state": "done"}, {"state": ""}, {"x": "1"}, {"object_id": "\0"}])
    def test_bad_filters(self, operator: APIClient, query: dict[str, str]) -> None:
        answer = operator.get(f"{API}/request", query)
        assert answer.status_code == 400
        assert set(query) <= set(answer.json())

    def test_belong_to_their_cluster(self, operator: APIClient, accepted: Request) -> None:
        assert operator.get(f"{CLUSTER}/request/{accepted.id}").status_code == 200
        assert operator.get(f"{OTHER}/request/{accepted.id}").status_code == 404
        assert operator.post(f"{OTHER}/request/{accepted.id}/cancel").status_code == 404
        assert operator.get(f"{OTHER}/request").status_code == 404

    @pytest.mark.parametrize("identity", [str(uuid.uuid4()), "1", "x" * 36, str(10**30)])
    def test_unknown(self, operator: APIClient, identity: str) -> None:
        assert operator.get(f"{API}/request/{identity}").status_code == 404
        assert operator.post(f"{API}/request/{identity}/cancel").status_code == 404

    @pytest.mark.parametrize("root", [API, CLUSTER])
    def test_cancel(self, operator: APIClient, accepted: Request, root: str) -> None:
        for _ in range(2):
            answer = operator.post(f"{root}/request/{accepted.id}/cancel")
            assert answer.status_code == 200
            shown = answer.json()
            assert (shown["state"], shown["error"]) == ("complete", True)
            assert [step["state"] for step in shown["steps"]] == ["canceled"]

    def test_cancel_is_a_change(self, reader: APIClient, cthulhu: Cthulhu, accepted: Request) -> None:
        assert reader.post(f"{API}/request/{accepted.id}/cancel").status_code == 403

    def test_cancel_without_cthulhu(self, operator: APIClient, cthulhu: Cthulhu, accepted: Request) -> None:
        cthulhu.die()
        assert operator.post(f"{API}/request/{accepted.id}/cancel").status_code == 503
        assert operator.get(f"{API}/request/{accepted.id}").status_code == 200

    def test_not_modified(self, operator: APIClient, accepted: Request) -> None:
        url = f"{API}/request/{accepted.id}"
        known = {"If-None-Match": operator.get(url)["ETag"]}
        assert operator.get(url, headers=known).status_code == 304
        operator.post(f"{url}/cancel")
        assert operator.get(url, headers=known).status_code == 200


class TestEvents:
    @pytest.fixture(autouse=True)
    def only_these(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        Event.objects.all().delete()
        for severity in Severity:
            for fsid in (cthulhu.monitor.fsid, ""):
                Event.objects.create(
                    when=timezone.now(), severity=severity, kind="test", message=severity.label, fsid=fsid
                )

    def test_fields_and_order(self, reader: APIClient) -> None:
        rows = reader.get(f"{API}/event", {"page_size": 100}).json()["results"]
        assert all(set(row) == set(EventSerializer().fields) for row in rows)
        assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)

    @pytest.mark.parametrize(("severity", "levels"), [(None, 5), ("CRITICAL", 1), ("WARNING", 3), ("DEBUG", 6)])
    def test_severity(self, reader: APIClient, severity: str | None, levels: int) -> None:
        query = {"severity": severity} if severity else {}
        assert reader.get(f"{API}/event", query).json()["count"] == 2 * levels
        of_cluster = reader.get(f"{CLUSTER}/event", query).json()
        assert of_cluster["count"] == levels
        assert {row["cluster"] for row in of_cluster["results"]} == {CLUSTER.rpartition("/")[2]}

    @pytest.mark.parametrize("severity", ["", "7", "info", "BAD"])
    def test_bad_severity(self, reader: APIClient, severity: str) -> None:
        answer = reader.get(f"{API}/event", {"severity": severity})
        assert answer.status_code == 400
        assert "severity" in answer.json()

    def test_unknown_cluster(self, reader: APIClient) -> None:
        assert reader.get(f"{OTHER}/event").status_code == 404
