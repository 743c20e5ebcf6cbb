"""What holds for every URL: errors are JSON, answers carry their id, probes need no login, bodies are bounded."""

from typing import Any

import orjson
import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import OperationalError
from django.test import Client as DjangoClient
from rest_framework.test import APIClient

from calamari_rest.body_limit import LARGEST_BODY
from calamari_rest.problems import CODES
from calamari_rest.views.health import HealthView
from cthulhu.rpc import errors as rpc
from cthulhu.rpc.client import Client
from tests.api.conftest import API, CLUSTER, Cthulhu
from webapp.asgi import application

PROBLEM = "application/problem+json"


class TestErrors:
    @pytest.mark.parametrize(
        "url",
        ["/nothing", f"{API}", f"{API}/", f"{CLUSTER}/", f"{API}/cluster/a_b", f"{API}/cluster/%00", f"{API}/%ff",
         f"{CLUSTER}/osd/-1", f"{CLUSTER}/osd/x", f"{CLUSTER}/osd/1/", f"{CLUSTER}/osd/{'9' * 5000}",
         f"{CLUSTER}/mon/a%2F..%2Fb", "/../etc/passwd"],
    )  # fmt: skip
    def test_unknown_urls(self, reader: APIClient, url: str) -> None:
        answer = reader.get(url)
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/json"
        assert answer.json()["code"] == "not_found"

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    def test_wrong_methods(self, operator: APIClient, method: str) -> None:
        answer = getattr(operator, method)(f"{CLUSTER}/osd")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert "GET" in answer["Allow"]

    def test_every_url_refuses_a_parameter_it_does_not_know(self, operator: APIClient) -> None:
        for url in ("/healthz", "/readyz", "/metrics", f"{API}/info", f"{API}/schema", f"{API}/auth/login"):
            assert operator.get(url, {"surprise": "1"}).status_code == 400, url

    @pytest.mark.parametrize("accept", [PROBLEM, f"text/html, {PROBLEM};q=0.5", f"{PROBLEM.upper()}"])
    def test_problem_documents(self, operator: APIClient, accept: str) -> None:
        answer = operator.patch(f"{CLUSTER}/osd/1", {"in": 3}, headers={"Accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)
        document = orjson.loads(answer.content)
        assert set(document) == {"type", "title", "status", "detail", "code", "errors"}
        assert (document["status"], document["title"], set(document["errors"])) == (400, "Bad Request", {"in"})

    def test_problem_documents_for_unknown_urls(self, anonymous: APIClient) -> None:
        assert anonymous.get("/nothing", headers={"Accept": PROBLEM})["Content-Type"] == PROBLEM

    @pytest.mark.parametrize("accept", ["text/html", "image/png", "", "x", f"{PROBLEM};q=0", "*/*;;;,,"])
    def test_json_for_everybody_else(self, reader: APIClient, accept: str) -> None:
        assert reader.get(f"{CLUSTER}/osd", headers={"Accept": accept})["Content-Type"] == "application/json"
        assert reader.get("/nothing", headers={"Accept": accept})["Content-Type"] == "application/json"

    def test_unforeseen_failure_in_a_view(self, reader: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_arguments: Any, **_options: Any) -> None:
            raise RuntimeError("the secret reason")

        monkeypatch.setattr(HealthView, "get", fail)
        answer = reader.get(f"{CLUSTER}/health")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert b"secret" not in answer.content
        assert answer["X-Request-ID"]

    def test_unforeseen_failure_before_any_view(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_arguments: Any) -> None:
            raise RuntimeError("the secret reason")

        monkeypatch.setattr("django.contrib.sessions.middleware.SessionMiddleware.process_request", fail)
        answer = DjangoClient(raise_request_exception=False).get(f"{API}/info")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert b"secret" not in answer.content

    def test_database_gone(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_arguments: Any, **_options: Any) -> None:
            raise OperationalError("connection refused")

        client = DjangoClient(raise_request_exception=False)
        client.cookies["calamari_sessionid"] = "x" * 32
        monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)
        answer = client.get(f"{API}/cluster")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer["Retry-After"]

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (rpc.NotFound("x", object_type="osd", object_id="1"), 404, "not_found"),
            (rpc.InvalidAttributes("x", fields={"in": ["no"]}), 400, "invalid"),
            (rpc.CommandNotAllowed("x"), 403, "command_not_allowed"),
            (rpc.Conflict("x"), 409, "conflict"),
            (rpc.ClusterUnavailable("x", fsid="f", since="s"), 503, "cluster_unavailable"),
            (rpc.ServerUnavailable("x", sent=False), 503, "server_unavailable"),
            (rpc.ServerUnavailable("x", sent=True), 503, "no_answer"),
            (rpc.InternalError("x"), 500, "internal_error"),
            (rpc.InvalidCall("x"), 500, "internal_error"),
        ],
    )
    def test_errors_of_cthulhu(
        self, operator: APIClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
    ) -> None:
        def fail(*_arguments: Any, **_options: Any) -> None:
            raise error

        monkeypatch.setattr(Client, "update", fail)
        answer = operator.patch(f"{CLUSTER}/osd/1", {"in": False})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert code in CODES

    def test_unknown_host(self, anonymous: APIClient, settings: Any) -> None:
        settings.ALLOWED_HOSTS = ["localhost"]
        answer = anonymous.get(f"{API}/info", headers={"Host": "evil.example"})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


class TestForEverybody:
    def test_info(self, anonymous: APIClient, db: None) -> None:
        content = anonymous.get(f"{API}/info").json()
        assert content["version"]
        assert {"hostname", "fqdn", "ipaddr", "license", "registered", "bootstrap_url"} <= set(content)

    def test_healthz(self, anonymous: APIClient) -> None:
        assert anonymous.get("/healthz").json() == {"status": "ok"}

    def test_readyz(self, anonymous: APIClient, cthulhu: Cthulhu) -> None:
        assert anonymous.get("/readyz").json() == {"status": "ready", "database": True, "cthulhu": True}
        cthulhu.die()
        assert anonymous.get("/readyz").json()["cthulhu"] is False

    def test_home(self, anonymous: APIClient) -> None:
        answer = anonymous.get("/")
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert anonymous.post("/").status_code == 405

    def test_schema(self, anonymous: APIClient, db: None) -> None:
        assert anonymous.get(f"{API}/schema").json()["openapi"].startswith("3.")


class TestMetrics:
    def test_need_a_login(self, anonymous: APIClient, db: None) -> None:
        assert anonymous.get("/metrics").status_code == 403

    def test_content(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        reader.get(f"{CLUSTER}/osd")
        text = reader.get("/metrics").content.decode()
        assert "calamari_cthulhu_up 1.0" in text
        assert f'calamari_cluster_connected{{fsid="{cthulhu.monitor.fsid}"}} 1.0' in text
        assert 'route="api/v2/cluster/<fsid:fsid>/osd",status="200"' in text
        assert 'calamari_requests_incomplete{state="new"} 0.0' in text
        cthulhu.die()
        assert "calamari_cthulhu_up 0.0" in reader.get("/metrics").content.decode()


class TestCorrelation:
    @pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\nb", "\x7f", "é"])
    def test_unacceptable_ids_are_replaced(self, anonymous: APIClient, given: str) -> None:
        answer = anonymous.get("/healthz", HTTP_X_REQUEST_ID=given)
        assert answer["X-Request-ID"] not in {"", given}


async def serve(headers: dict[str, str], bodies: list[bytes]) -> tuple[int, dict[str, Any]]:
    """Send one POST auth/login to the ASGI application and return its answer."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"{API}/auth/login",
        "raw_path": b"",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    communicator = ApplicationCommunicator(application, scope)
    for number, body in enumerate(bodies, start=1):
        await communicator.send_input({"type": "http.request", "body": body, "more_body": number < len(bodies)})
    start = await communicator.receive_output(timeout=10)
    body = await communicator.receive_output(timeout=10)
    return start["status"], orjson.loads(body["body"])


class TestBodyLimit:
    async def run(self, headers: dict[str, str], bodies: list[bytes]) -> tuple[int, dict[str, Any]]:
        return await serve({"content-type": "application/json", **headers}, bodies)

    @pytest.mark.parametrize("announced", [str(LARGEST_BODY + 1), "9" * 40, "-1", "x"])
    def test_announced(self, async_run: Any, announced: str) -> None:
        status, content = async_run(self.run({"content-length": announced}, []))
        assert (status, content["code"]) == (413, "too_large")

    def test_unannounced(self, async_run: Any) -> None:
        status, content = async_run(self.run({}, [b" " * 2**18] * 5))
        assert (status, content["code"]) == (413, "too_large")

    def test_as_a_problem_document(self, async_run: Any) -> None:
        _, content = async_run(self.run({"content-length": str(2**21), "accept": PROBLEM}, []))
        assert content["status"] == 413

    def test_large_ones_below_it_are_read(self, async_run: Any, db: None) -> None:
        body = b'{"username": "' + b"x" * (LARGEST_BODY - 100) + b'", "password": ""}'
        status, content = async_run(self.run({"content-length": str(len(body))}, [body]))
        assert (status, set(content)) == (400, {"username", "password", "detail", "code"})
