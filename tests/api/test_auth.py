"""Who gets in, who does not, and what the answers give away."""

import datetime as dt
import time
from typing import Any

import pytest
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts import credentials
from accounts.models import Role, User
from tests.api.conftest import API, CLUSTER, PASSWORD, Cthulhu, account, client_of

LOGIN = f"{API}/auth/login"
LOGOUT = f"{API}/auth/logout"
TOKEN = f"{API}/auth/token"
SLASHES = pytest.mark.parametrize("slash", ["", "/"])


def log_in(client: APIClient, username: str, password: str = PASSWORD) -> Any:
    return client.post(LOGIN, {"username": username, "password": password})


class TestLogin:
    @SLASHES
    def test_get_sets_the_csrf_cookie(self, anonymous: APIClient, db: None, slash: str) -> None:
        answer = anonymous.get(LOGIN + slash)
        assert (answer.status_code, answer.json()) == (200, {})
        assert answer.cookies["XSRF-TOKEN"].value

    @SLASHES
    def test_post(self, anonymous: APIClient, cthulhu: Cthulhu, slash: str) -> None:
        account(Role.READONLY)
        answer = anonymous.post(LOGIN + slash, {"username": "readonly", "password": PASSWORD, "next": "/"})
        assert (answer.status_code, answer.json()) == (200, {})
        cookie = answer.cookies["calamari_sessionid"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        assert anonymous.get(CLUSTER).status_code == 200

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({}, {"username", "password"}),
            ({"username": "x"}, {"password"}),
            ({"username": 7, "password": "x"}, {"username"}),
            ({"username": "", "password": "x"}, {"username"}),
            ({"username": "a\0b", "password": "x"}, {"username"}),
            ({"username": "x", "password": "a\0b"}, {"password"}),
            ({"username": "x" * 200, "password": "x"}, {"username"}),
            ({"username": "x", "password": "x" * 2000}, {"password"}),
            ({"username": ["x"], "password": {"x": 1}}, {"username", "password"}),
            ([], set()),
        ],
    )
    @pytest.mark.parametrize("url", [LOGIN, TOKEN])
    def test_bad_bodies(self, anonymous: APIClient, db: None, url: str, body: Any, fields: set[str]) -> None:
        answer = anonymous.post(url, body)
        assert answer.status_code == 400
        assert set(answer.json()) == fields | {"detail", "code"}

    def test_wrong_unknown_and_disabled_are_told_apart_by_nothing(self, anonymous: APIClient, db: None) -> None:
        account(Role.READONLY)
        User.objects.create_user("gone", PASSWORD, Role.READONLY, is_active=False)
        answers = [
            log_in(anonymous, "readonly", "wrong"),
            log_in(anonymous, "nobody"),
            log_in(anonymous, "gone"),
        ]
        assert [answer.status_code for answer in answers] == [401] * 3
        assert len({answer.content for answer in answers}) == 1
        assert answers[0].json()["message"]
        assert answers[0].json()["code"] == "invalid_credentials"
        assert answers[0]["WWW-Authenticate"]
        assert "calamari_sessionid" not in anonymous.cookies

    def test_unknown_users_cost_as_much_as_known_ones(self, anonymous: APIClient, db: None, settings: Any) -> None:
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
        account(Role.READONLY)
        seconds = {}
        for name in ("readonly", "nobody"):
            began = time.process_time()
            log_in(anonymous, name, "wrong")
            seconds[name] = time.process_time() - began
        assert 0.5 < seconds["nobody"] / seconds["readonly"] < 2

    def test_disabling_an_account_ends_its_session_at_once(self, anonymous: APIClient, cthulhu: Cthulhu) -> None:
        user = account(Role.READONLY)
        log_in(anonymous, "readonly")
        User.objects.filter(pk=user.pk).update(is_active=False)
        assert anonymous.get(CLUSTER).status_code == 403


class TestLogout:
    @SLASHES
    def test_post_needs_the_session_only(self, anonymous: APIClient, cthulhu: Cthulhu, slash: str) -> None:
        account(Role.READONLY)
        log_in(anonymous, "readonly")
        answer = anonymous.post(LOGOUT + slash)
        assert (answer.status_code, answer.json()) == (200, {"message": "Logged out"})
        assert anonymous.get(CLUSTER).status_code == 403

    def test_get_changes_nothing(self, anonymous: APIClient, cthulhu: Cthulhu) -> None:
        account(Role.READONLY)
        log_in(anonymous, "readonly")
        assert anonymous.get(LOGOUT).status_code == 200
        assert anonymous.get(CLUSTER).status_code == 200

    def test_anonymous(self, anonymous: APIClient, db: None) -> None:
        assert anonymous.get(LOGOUT).json() == {"message": "Logged out"}
        assert anonymous.post(LOGOUT).json() == {"message": "Logged out"}

    def test_with_a_token_revokes_that_token(self, reader: APIClient) -> None:
        assert reader.post(LOGOUT).status_code == 200
        assert reader.get(CLUSTER).status_code == 401
        assert not AuthToken.objects.exists()


class TestToken:
    def test_is_stored_as_a_hash_only(self, anonymous: APIClient, db: None) -> None:
        account(Role.READONLY)
        answer = anonymous.post(TOKEN, {"username": "readonly", "password": PASSWORD})
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        stored = AuthToken.objects.get()
        assert answer.json()["token"] not in {stored.digest, stored.token_key}
        assert stored.expiry > timezone.now() + dt.timedelta(days=29)

    def test_unknown_field(self, anonymous: APIClient, db: None) -> None:
        answer = anonymous.post(TOKEN, {"username": "x", "password": "x", "role": "administrator"})
        assert answer.status_code == 400
        assert "role" in answer.json()

    @pytest.mark.parametrize(
        "header",
        [
            "Token",
            "Token x",
            "Token " + "0" * 64,
            "Token a b",
            "Token \xff\xfe",
            "token " + "f" * 5000,
            "Token " + "0" * 15 + "\0" + "0" * 40,
        ],
    )
    def test_bad_ones_are_answered_with_401(self, anonymous: APIClient, cthulhu: Cthulhu, header: str) -> None:
        answer = anonymous.get(CLUSTER, headers={"Authorization": header})
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Token")
        assert answer.json()["code"] == "invalid_token"

    def test_other_schemes_are_not_ours(self, anonymous: APIClient, cthulhu: Cthulhu) -> None:
        assert anonymous.get(CLUSTER, headers={"Authorization": "Basic YTpi"}).status_code == 403

    def test_expired(self, reader: APIClient) -> None:
        AuthToken.objects.update(expiry=timezone.now() - dt.timedelta(seconds=1))
        assert reader.get(CLUSTER).status_code == 401

    def test_of_a_disabled_account(self, reader: APIClient) -> None:
        User.objects.update(is_active=False)
        assert reader.get(CLUSTER).status_code == 401


class TestAnonymous:
    @pytest.mark.parametrize("url", ["cluster", "request", "event", "stream", "nothing/of/this/kind"])
    def test_gets_403_or_404_as_json(self, anonymous: APIClient, cthulhu: Cthulhu, url: str) -> None:
        answer = anonymous.get(f"{API}/{url}")
        assert answer.status_code == (404 if "nothing" in url else 403)
        assert answer["Content-Type"] == "application/json"
        assert "WWW-Authenticate" not in answer

    @pytest.mark.parametrize("url", ["", "/osd", "/osd/1", "/pool", "/mon", "/health", "/sync_object", "/request"])
    def test_sees_nothing_of_a_cluster(self, anonymous: APIClient, cthulhu: Cthulhu, url: str) -> None:
        assert anonymous.get(CLUSTER + url).status_code == 403
        assert anonymous.patch(CLUSTER + url, {}).status_code in {403, 405}


class TestCsrf:
    def test_sessions_need_the_token(self, anonymous: APIClient, cthulhu: Cthulhu) -> None:
        account(Role.OPERATOR)
        log_in(anonymous, "operator")
        refused = anonymous.patch(f"{CLUSTER}/osd/1", {"in": False})
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
        token = anonymous.cookies["XSRF-TOKEN"].value
        wrong = anonymous.patch(f"{CLUSTER}/osd/1", {"in": False}, headers={"X-XSRF-TOKEN": token[::-1]})
        assert wrong.status_code == 403
        right = anonymous.patch(f"{CLUSTER}/osd/1", {"in": False}, headers={"X-XSRF-TOKEN": token})
        assert right.status_code == 202

    def test_changes_at_login(self, anonymous: APIClient, db: None) -> None:
        account(Role.READONLY)
        anonymous.get(LOGIN)
        before = anonymous.cookies["XSRF-TOKEN"].value
        log_in(anonymous, "readonly")
        assert anonymous.cookies["XSRF-TOKEN"].value != before


class TestRoles:
    @pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR])
    def test_writers(self, cthulhu: Cthulhu, role: Role) -> None:
        client = client_of(role)
        assert client.get(CLUSTER).status_code == 200
        assert client.patch(f"{CLUSTER}/osd/1", {"in": False}).status_code == 202

    @pytest.mark.parametrize(
        ("method", "url"), [("patch", "/osd/1"), ("post", "/osd/1/command/scrub"), ("patch", "/osd/99")]
    )
    def test_readers_only_read(self, reader: APIClient, method: str, url: str) -> None:
        answer = getattr(reader, method)(CLUSTER + url, {"in": False})
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
        assert reader.get(CLUSTER).status_code == 200

    def test_unknown_roles_do_nothing(self, reader: APIClient) -> None:
        User.objects.update(role="emperor")
        assert reader.get(CLUSTER).status_code == 403


class TestThrottle:
    @pytest.mark.parametrize("url", [LOGIN, TOKEN])
    def test_slows_down_a_source_but_locks_no_account(self, anonymous: APIClient, db: None, url: str) -> None:
        account(Role.READONLY)
        good = {"username": "readonly", "password": PASSWORD}
        for _ in range(credentials.FAILURES_ALLOWED):
            assert anonymous.post(url, {**good, "password": "guess"}, REMOTE_ADDR="192.0.2.1").status_code == 401
        refused = anonymous.post(url, good, REMOTE_ADDR="192.0.2.1")
        assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
        assert 1 <= int(refused["Retry-After"]) <= credentials.PERIOD
        assert anonymous.post(url, good, REMOTE_ADDR="192.0.2.2").status_code == 200

    def test_header_cannot_change_the_source(self, anonymous: APIClient, db: None) -> None:
        for number in range(credentials.FAILURES_ALLOWED + 1):
            answer = anonymous.post(
                LOGIN, {"username": "x", "password": "x"}, headers={"X-Forwarded-For": f"192.0.2.{number}"}
            )
        assert answer.status_code == 429

    def test_does_not_count_good_logins(self, anonymous: APIClient, db: None) -> None:
        account(Role.READONLY)
        for _ in range(credentials.FAILURES_ALLOWED + 5):
            assert log_in(anonymous, "readonly").status_code == 200

    def test_takes_an_ipv6_network_as_one_source(self, anonymous: APIClient, db: None) -> None:
        for number in range(credentials.FAILURES_ALLOWED + 1):
            answer = anonymous.post(LOGIN, {"username": "x", "password": "x"}, REMOTE_ADDR=f"2001:db8::{number:x}")
        assert answer.status_code == 429

    def test_forgets(self, anonymous: APIClient, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(credentials.FAILURES_ALLOWED):
            log_in(anonymous, "x")
        assert log_in(anonymous, "x").status_code == 429
        now = time.monotonic() + credentials.PERIOD
        monkeypatch.setattr(credentials.time, "monotonic", lambda: now)
        assert log_in(anonymous, "x").status_code == 401
