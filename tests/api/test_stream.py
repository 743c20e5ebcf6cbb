"""The live stream over a real Redis: order, resuming, resets, outages, and clients that do not keep up."""

import asyncio
import itertools
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from asgiref.testing import ApplicationCommunicator
from rest_framework.test import APIClient

from accounts.models import Role, User
from calamari_rest import stream
from calamari_rest.stream import GENERATION, LONGEST_QUEUE, STREAM, Hub, admit
from calamari_rest.views import stream as stream_views
from tests.api.conftest import API, PASSWORD, client_of
from webapp.asgi import application


@dataclass
class PrivateRedis:
    """A Redis of the test's own, on a Unix socket."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                self.client.ping()
            except redis.RedisError:
                time.sleep(0.02)
            else:
                return
        raise TimeoutError("redis-server did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def write(self, *kinds: str, generation: str = "g1", length: int = 1000) -> list[str]:
        """Write notices as cthulhu does and return their event ids."""
        self.client.set(GENERATION, generation, nx=True)
        held = self.client.get(GENERATION).decode()  # type: ignore[union-attr]
        return [
            f"{held}-" + self.client.xadd(STREAM, {"data": orjson.dumps({"type": kind})}, maxlen=length).decode()  # type: ignore[union-attr]
            for kind in kinds
        ]


@pytest.fixture
def private_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    # Directly below the base: a socket's path may have 107 bytes only.
    server = PrivateRedis(tmp_path_factory.mktemp("r"))
    assert len(os.fsencode(server.socket)) < 107
    server.start()
    yield server
    server.kill()


class Listener:
    """A client of a hub that parses what it gets."""

    def __init__(self, hub: Hub, last_event_id: str = "") -> None:
        self.subscriber = admit()
        self.events: AsyncIterator[bytes] = hub.events(self.subscriber, last_event_id)

    async def next(self, seconds: float = 30.0) -> tuple[str, str | None]:
        """Return kind and id of the next event; comments are passed over."""
        while True:
            text = (await asyncio.wait_for(anext(self.events), seconds)).decode()
            if not text.startswith(":"):
                fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
                return fields["event"], fields.get("id")

    async def kinds(self, count: int) -> list[str]:
        return [(await self.next())[0] for _ in range(count)]


class TestHub:
    def test_new_clients_get_ready_and_then_what_happens(self, private_redis: PrivateRedis, async_run: Any) -> None:
        async def scenario() -> None:
            old = private_redis.write("event")
            listener = Listener(Hub(private_redis.url))
            assert await listener.next() == ("ready", old[-1])
            new = private_redis.write("version", "request")
            assert [await listener.next(), await listener.next()] == [("version", new[0]), ("request", new[1])]

        async_run(scenario())

    def test_one_reader_serves_all(self, private_redis: PrivateRedis, async_run: Any) -> None:
        async def scenario() -> None:
            hub = Hub(private_redis.url)
            listeners = [Listener(hub) for _ in range(5)]
            for listener in listeners:
                assert await listener.kinds(1) == ["ready"]
            private_redis.write("event")
            for listener in listeners:
                assert await listener.kinds(1) == ["event"]
            readers = [client for client in private_redis.client.client_list() if "xread" in client["cmd"]]
            assert len(readers) == 1

        async_run(scenario())

    def test_resumes_after_the_last_event(self, private_redis: PrivateRedis, async_run: Any) -> None:
        async def scenario() -> None:
            ids = private_redis.write("event", "version", "request")
            listener = Listener(Hub(private_redis.url), ids[0])
            assert await listener.next() == ("version", ids[1])
            assert await listener.next() == ("request", ids[2])
            assert await listener.next() == ("ready", ids[2])
            new = private_redis.write("event")
            assert await listener.next() == ("event", new[0])

        async_run(scenario())

    def test_nothing_is_lost_or_doubled_while_resuming(self, private_redis: PrivateRedis, async_run: Any) -> None:
        async def scenario() -> None:
            ids = private_redis.write(*["event"] * 1200, length=5000)
            listener = Listener(Hub(private_redis.url), ids[0])
            seen = [(await listener.next())[1] for _ in range(100)]
            ids += private_redis.write(*["event"] * 100, length=5000)
            while seen[-1] != ids[-1]:
                kind, identity = await listener.next()
                if kind != "ready":
                    seen.append(identity)
            assert seen == ids[1:]

        async_run(scenario())

    @pytest.mark.parametrize(
        "last", ["g0-1-1", "nonsense", "g1-1", "g1-x-y", "g1-1-1-1", "g1-99999999999999-0", "g1-0-0", "g1-٣-1", "\0"]
    )
    def test_unknown_ids_are_answered_with_reset(self, private_redis: PrivateRedis, async_run: Any, last: str) -> None:
        async def scenario() -> None:
            private_redis.write("event")
            assert await Listener(Hub(private_redis.url), last).kinds(2) == ["reset", "ready"]

        async_run(scenario())

    def test_trimmed_ids_are_answered_with_reset(self, private_redis: PrivateRedis, async_run: Any) -> None:
        async def scenario() -> None:
            ids = private_redis.write(*["event"] * 10)
            private_redis.client.xtrim(STREAM, maxlen=3, approximate=False)
            assert await Listener(Hub(private_redis.url), ids[2]).kinds(2) == ["reset", "ready"]
            assert (await Listener(Hub(private_redis.url), ids[8]).next())[1] == ids[9]

        async_run(scenario())

    def test_survives_a_restart_of_redis(self, private_redis: PrivateRedis, async_run: Any) -> None:
        async def scenario() -> None:
            private_redis.write("event")
            listener = Listener(Hub(private_redis.url))
            assert await listener.kinds(1) == ["ready"]
            private_redis.kill()
            await asyncio.sleep(0.7)
            private_redis.start()
            new = private_redis.write("version", generation="g2")
            assert await listener.kinds(1) == ["reset"]
            later = private_redis.write("request")
            got = [await listener.next()]
            while got[-1][1] != later[0]:
                got.append(await listener.next())
            assert all(identity is None or identity.startswith("g2-") for _, identity in got)
            assert new[0].startswith("g2-")

        async_run(scenario())

    def test_an_emptied_redis_is_noticed(self, private_redis: PrivateRedis, async_run: Any) -> None:
        async def scenario() -> None:
            private_redis.write("event")
            listener = Listener(Hub(private_redis.url))
            assert await listener.kinds(1) == ["ready"]
            private_redis.client.flushall()
            private_redis.write("version", generation="g2")
            assert (await listener.next())[0] == "reset"

        async_run(scenario())

    def test_opens_while_redis_is_down(
        self, private_redis: PrivateRedis, async_run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.2)

        async def scenario() -> None:
            private_redis.kill()
            listener = Listener(Hub(private_redis.url), "g1-1-1")
            assert await listener.kinds(2) == ["reset", "ready"]
            assert (await anext(listener.events)).startswith(b":")
            private_redis.start()
            await asyncio.sleep(2 * stream.RETRY_SECONDS)
            private_redis.write("event")
            kinds = await listener.kinds(1)
            assert kinds[0] in {"reset", "event"}

        async_run(scenario())

    def test_slow_clients_are_dropped(
        self, private_redis: PrivateRedis, async_run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "DROP_SECONDS", 0.2)

        async def scenario() -> None:
            hub = Hub(private_redis.url)
            quick, slow = Listener(hub), Listener(hub)
            stuck = asyncio.Event()

            async def take_one_and_stop() -> None:
                async with aclosing(slow.events):  # type: ignore[type-var]
                    await anext(slow.events)
                    stuck.set()
                    await asyncio.sleep(60)

            task = asyncio.create_task(take_one_and_stop())
            await stuck.wait()
            assert await quick.kinds(1) == ["ready"]
            for _ in range(3):
                private_redis.write(*["event"] * (LONGEST_QUEUE // 2), length=10_000)
                await quick.kinds(LONGEST_QUEUE // 2)
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 60)
            assert slow.subscriber.queue.qsize() <= LONGEST_QUEUE
            private_redis.write("version")
            assert await quick.kinds(1) == ["version"]

        async_run(scenario())

    @pytest.mark.parametrize("moment", range(1, 40, 3))
    def test_clients_may_leave_at_any_moment(self, private_redis: PrivateRedis, async_run: Any, moment: int) -> None:
        async def scenario() -> None:
            listener = Listener(Hub(private_redis.url))

            async def listen() -> None:
                async for _ in listener.events:
                    pass

            task = asyncio.create_task(listen())
            for _ in range(moment):
                await asyncio.sleep(0)
            task.cancel()
            _, running = await asyncio.wait([task], timeout=2)
            assert not running

        async_run(scenario())

    def test_heartbeats(self, private_redis: PrivateRedis, async_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.1)

        async def scenario() -> None:
            listener = Listener(Hub(private_redis.url))
            await listener.next()
            assert [await anext(listener.events) for _ in range(3)] == [b": heartbeat\n\n"] * 3

        async_run(scenario())

    def test_strange_entries_do_no_harm(self, private_redis: PrivateRedis, async_run: Any) -> None:
        async def scenario() -> None:
            listener = Listener(Hub(private_redis.url))
            assert await listener.kinds(1) == ["ready"]
            private_redis.client.set(GENERATION, "g1")
            for fields in ({"x": "y"}, {"data": "{"}, {"data": "[]"}, {"data": '{"type": "a\\nb"}'}):
                private_redis.client.xadd(STREAM, fields)  # type: ignore[arg-type]
            private_redis.write("version")
            kinds = [await listener.kinds(1)]
            while kinds[-1] != ["version"]:
                kinds.append(await listener.kinds(1))
            assert {kind for (kind,) in kinds} <= {"reset", "event", "version"}

        async_run(scenario())

    def test_places_are_limited_and_given_back(self, private_redis: PrivateRedis, async_run: Any) -> None:
        taken = [admit() for _ in range(stream.MOST_SUBSCRIBERS - len(stream._admitted))]
        with pytest.raises(stream.StreamFull):
            admit()
        taken.clear()
        admit()


class Browser:
    """Opens the stream through the whole ASGI application."""

    def __init__(self, headers: dict[str, str], query: bytes = b"") -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"{API}/stream",
            "query_string": query,
            "headers": [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        self.communicator = ApplicationCommunicator(application, scope)

    async def open(self) -> tuple[int, dict[str, str]]:
        await self.communicator.send_input({"type": "http.request", "body": b""})
        start = await self.communicator.receive_output(timeout=60)
        return start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}

    async def text(self, seconds: float = 60) -> str:
        return (await self.communicator.receive_output(timeout=seconds))["body"].decode()

    async def leave(self) -> None:
        await self.communicator.send_input({"type": "http.disconnect"})
        await self.communicator.wait(5)


@pytest.mark.django_db(transaction=True)
class TestEndpoint:
    @pytest.fixture(autouse=True)
    def own_hub(self, private_redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch) -> None:
        hubs: dict[Any, Hub] = {}

        def hub() -> Hub:
            return hubs.setdefault(asyncio.get_running_loop(), Hub(private_redis.url))

        monkeypatch.setattr(stream_views, "hub", hub)

    @pytest.fixture
    def token(self) -> dict[str, str]:
        return {"authorization": client_of(Role.READONLY)._credentials["HTTP_AUTHORIZATION"]}

    def test_with_a_token(self, private_redis: PrivateRedis, async_run: Any, token: dict[str, str]) -> None:
        async def scenario() -> None:
            browser = Browser(token)
            status, headers = await browser.open()
            assert status == 200
            assert headers["content-type"] == "text/event-stream"
            assert headers["cache-control"] == "no-store"
            assert "event: ready" in await browser.text()
            private_redis.write("version")
            texts = [await browser.text()]
            while "event: version" not in texts[-1]:
                texts.append(await browser.text())
            before = len(stream._admitted)
            await browser.leave()
            assert len(stream._admitted) == before - 1

        async_run(scenario())

    def test_with_a_session(self, async_run: Any) -> None:
        User.objects.create_user("someone", PASSWORD, Role.READONLY)
        client = APIClient()
        client.post(f"{API}/auth/login", {"username": "someone", "password": PASSWORD})
        cookie = f"calamari_sessionid={client.cookies['calamari_sessionid'].value}"

        async def scenario() -> None:
            browser = Browser({"cookie": cookie})
            assert (await browser.open())[0] == 200
            await browser.leave()

        async_run(scenario())

    def test_a_login_that_ends_ends_the_stream(
        self, async_run: Any, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.1)
        monkeypatch.setattr(stream_views, "RECHECK_SECONDS", 0.1)

        async def scenario(disable: Callable[[], Any]) -> None:
            browser = Browser(token)
            await browser.open()
            assert "ready" in await browser.text()
            assert "heartbeat" in await browser.text()
            await asyncio.to_thread(disable)
            for _ in itertools.repeat(None, 50):
                message = await browser.communicator.receive_output(timeout=60)
                if not message.get("more_body"):
                    return
            raise AssertionError("the stream goes on")

        async_run(scenario(lambda: User.objects.update(is_active=False)))

    @pytest.mark.parametrize(
        ("headers", "query", "expected"),
        [({}, b"", 403), ({"authorization": "Token 00000000000000000000"}, b"", 401)],
    )
    def test_strangers(self, async_run: Any, headers: dict[str, str], query: bytes, expected: int) -> None:
        async def scenario() -> None:
            assert (await Browser(headers, query).open())[0] == expected

        async_run(scenario())

    def test_full(self, async_run: Any, token: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream, "MOST_SUBSCRIBERS", 0)

        async def scenario() -> None:
            browser = Browser(token)
            status, headers = await browser.open()
            assert (status, "retry-after" in headers) == (503, True)
            assert "stream_full" in await browser.text()

        async_run(scenario())

    def test_redis_down_is_no_error(self, private_redis: PrivateRedis, async_run: Any, token: dict[str, str]) -> None:
        private_redis.kill()

        async def scenario() -> None:
            browser = Browser(token)
            assert (await browser.open())[0] == 200
            assert "ready" in await browser.text()
            await browser.leave()

        async_run(scenario())
