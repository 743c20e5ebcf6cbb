"""OSDs: what is shown, what may be changed, what is refused."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from calamari_rest.serializers.osd import OsdSerializer
from cthulhu.persistence.models import Request
from tests.api.conftest import CLUSTER, FSID, Cthulhu

OSD = f"{CLUSTER}/osd"


class TestReading:
    def test_list_is_a_bare_array_with_all_documented_fields(self, reader: APIClient) -> None:
        answer = reader.get(OSD)
        assert answer.status_code == 200
        rows = answer.json()
        assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
        for row in rows:
            assert set(row) == set(OsdSerializer().fields)

    def test_page(self, reader: APIClient) -> None:
        answer = reader.get(OSD, {"page": 2, "page_size": 1}).json()
        assert set(answer) == {"count", "next", "previous", "results"}
        assert answer["count"] == len(reader.get(OSD).json())
        assert [row["id"] for row in answer["results"]] == [1]
        assert reader.get(answer["previous"]).json()["results"][0]["id"] == 0

    def test_detail(self, reader: APIClient) -> None:
        assert reader.get(f"{OSD}/1").json() == reader.get(OSD).json()[1]

    @pytest.mark.parametrize(
        ("query", "ids"),
        [
            ("id__in[]=1", [1]),
            ("id__in[]=0&id__in[]=1", [0, 1]),
            ("id__in[]=77", []),
            ("up=true&in=true&id__in[]=1", [1]),
            ("up=false&id__in[]=1", []),
            ("in=false&id__in[]=1", []),
            ("server=node2&id__in[]=1", [1]),
            ("server=nowhere", []),
            ("_=1234&id__in[]=0", [0]),
        ],
    )
    def test_filters(self, reader: APIClient, query: str, ids: list[int]) -> None:
        assert [row["id"] for row in reader.get(f"{OSD}?{query}").json()] == ids

    def test_pool_filter(self, reader: APIClient) -> None:
        pool = reader.get(f"{CLUSTER}/pool").json()[0]["id"]
        assert all(pool in row["pools"] for row in reader.get(OSD, {"pool": pool}).json())
        assert reader.get(OSD, {"pool": 987654}).json() == []

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("pool=x", "pool"),
            ("pool=-1", "pool"),
            (f"pool={10**30}", "pool"),
            ("pool=", "pool"),
            ("pool=1&pool=2", "pool"),
            ("pool=%D9%A1", "pool"),
            ("id__in[]=1.5", "id__in[]"),
            ("up=perhaps", "up"),
            ("server=%00", "server"),
            ("server=", "server"),
            ("nonsense=1", "nonsense"),
            ("page=0", "page"),
            ("page=x", "page"),
            (f"page={10**30}", "page"),
            ("page=99999", "page"),
            ("page_size=0", "page_size"),
            ("page_size=100000", "page_size"),
        ],
    )
    def test_bad_queries_name_the_parameter(self, reader: APIClient, query: str, field: str) -> None:
        answer = reader.get(f"{OSD}?{query}")
        assert answer.status_code == 400
        assert set(answer.json()) == {field, "detail", "code"}

    @pytest.mark.parametrize("identity", ["99", "01", str(10**30), "9" * 64])
    def test_unknown(self, reader: APIClient, identity: str) -> None:
        answer = reader.get(f"{OSD}/{identity}")
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"


class TestChanging:
    def test_out(self, operator: APIClient) -> None:
        answer = operator.patch(f"{OSD}/1", {"in": False}, headers={"X-Request-ID": "my-id"})
        assert answer.status_code == 202
        request = Request.objects.get(id=answer.json()["request_id"])
        assert answer["Location"].endswith(f"/api/v2/request/{request.id}")
        assert int(answer["Retry-After"]) >= 1
        assert (request.fsid, request.object_type, request.object_id) == (FSID, "osd", "1")
        assert (request.requested_by, request.correlation_id, request.address) == ("operator", "my-id", "127.0.0.1")
        assert answer["X-Request-ID"] == "my-id"
        shown = operator.get(answer["Location"]).json()
        assert shown["state"] == "new"
        assert shown["commands"] == [{"prefix": "osd out", "ids": ["1"]}]

    @pytest.mark.parametrize("attributes", [{"in": True}, {"reweight": 1.0}, {"reweight": 1}, {}])
    def test_nothing_to_do(self, operator: APIClient, attributes: dict[str, Any]) -> None:
        answer = operator.patch(f"{OSD}/1", attributes)
        assert (answer.status_code, answer.content) == (304, b"")
        assert not Request.objects.exists()

    @pytest.mark.parametrize("attributes", [{"up": False}, {"reweight": 0.5}, {"in": True, "reweight": 0.25}])
    def test_others(self, operator: APIClient, attributes: dict[str, Any]) -> None:
        assert operator.patch(f"{OSD}/1", attributes).status_code == 202

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b'{"up": true}', "up"),
            (b'{"in": 1}', "in"),
            (b'{"in": "true"}', "in"),
            (b'{"in": null}', "in"),
            (b'{"in": []}', "in"),
            (b'{"reweight": true}', "reweight"),
            (b'{"reweight": "0.5"}', "reweight"),
            (b'{"reweight": null}', "reweight"),
            (b'{"reweight": 1.001}', "reweight"),
            (b'{"reweight": -0.1}', "reweight"),
            (b'{"reweight": 1e400}', None),
            (b'{"reweight": 1' + b"0" * 400 + b"}", None),
            (b'{"reweight": 1' + b"0" * 5000 + b"}", None),
            (b'{"reweight": NaN}', None),
            (b'{"reweight": Infinity}', None),
            (b'{"weight": 1}', "weight"),
            (b'{"in": false, "uuid": "x"}', "uuid"),
            (b'{"\\u0000": 1}', "\0"),
            (b'{"in": false, "in": true}', None),
            (b'{"\\ud800": 1}', None),
            (b"{", None),
            (b'{"in": fal', None),
            (b"\xff\xfe", None),
            (b"\xef\xbb\xbf{}", None),
            (b"[" * 5000, None),
            (b'{"a":' * 900 + b"1" + b"}" * 900, "a"),
            (b"[]", None),
            (b'"in"', None),
            (b"null", None),
            (b"7", None),
        ],
    )
    def test_bad_bodies(self, operator: APIClient, body: bytes, field: str | None) -> None:
        answer = operator.generic("PATCH", f"{OSD}/1", body, "application/json")
        assert answer.status_code == 400
        content = answer.json()
        assert content["code"] in {"invalid", "parse_error"}
        assert content["detail"]
        assert set(content) - {"detail", "code"} == ({field} if field is not None else set())
        assert not Request.objects.exists()

    def test_contradiction_is_found_by_cthulhu_and_named_here(self, operator: APIClient) -> None:
        answer = operator.patch(f"{OSD}/1", {"in": False, "reweight": 0.5})
        assert answer.status_code == 400
        assert "reweight" in answer.json()

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"])
    def test_other_media_types(self, operator: APIClient, kind: str) -> None:
        answer = operator.generic("PATCH", f"{OSD}/1", b"in=false", kind)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

    def test_unknown(self, operator: APIClient) -> None:
        assert operator.patch(f"{OSD}/99", {"in": False}).status_code == 404
        assert operator.patch(f"{CLUSTER[:-1]}x/osd/1", {"in": False}).status_code == 404

    def test_cluster_out_of_contact(self, operator: APIClient, cthulhu: Cthulhu) -> None:
        cthulhu.monitor._contact -= 300
        answer = operator.patch(f"{OSD}/1", {"in": False})
        assert (answer.status_code, answer.json()["code"]) == (503, "cluster_unavailable")
        assert answer["Retry-After"]


class TestCommands:
    def test_implemented(self, reader: APIClient) -> None:
        assert reader.get(f"{OSD}/command").json() == ["scrub", "deep_scrub", "repair"]

    def test_valid(self, reader: APIClient) -> None:
        assert reader.get(f"{OSD}/1/command").json() == {"1": {"valid_commands": ["scrub", "deep_scrub", "repair"]}}

    def test_validate(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        assert reader.get(f"{OSD}/1/command/scrub").json() == {"valid": True}
        assert reader.get(f"{OSD}/1/command/explode").json() == {"valid": False}
        cthulhu.nodes.push_osd_map(up=0)
        assert reader.get(f"{OSD}/1/command/scrub").json() == {"valid": False}
        assert reader.get(f"{OSD}/1/command").json() == {"1": {"valid_commands": []}}

    def test_apply(self, operator: APIClient) -> None:
        answer = operator.post(f"{OSD}/1/command/deep_scrub")
        assert answer.status_code == 202
        assert Request.objects.get().headline == "Initiating deep-scrub on ceph-osd.1"

    def test_not_allowed(self, operator: APIClient, cthulhu: Cthulhu) -> None:
        cthulhu.nodes.push_osd_map(up=0)
        for command in ("scrub", "explode"):
            answer = operator.post(f"{OSD}/1/command/{command}")
            assert answer.status_code == 403
            assert answer.json()["code"] == "command_not_allowed"

    def test_unknown_osd(self, operator: APIClient) -> None:
        assert operator.post(f"{OSD}/99/command/scrub").status_code == 404
        assert operator.get(f"{OSD}/99/command").status_code == 404
        assert operator.get(f"{OSD}/99/command/scrub").status_code == 404
