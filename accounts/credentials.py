"""Checking a user name and a password, and slowing down who guesses.

Failures are counted per source address and nothing else: an account cannot be locked by strangers who fail on purpose,
and who knows the password is never slowed down by the failures of others elsewhere. The counts are each web process's
own; more processes multiply the rate, which stays far below what guessing needs.
"""

import ipaddress
import threading
import time
from collections import OrderedDict, deque

from django.contrib.auth import authenticate
from django.http import HttpRequest

from accounts.models import User

FAILURES_ALLOWED = 20
PERIOD = 60.0
MOST_SOURCES = 10_000


class TooManyFailures(Exception):
    """The source has to wait. `wait`: seconds until its next attempt is looked at."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"Too many failed attempts, next in {wait:.0f} s")
        self.wait = wait


class FailureCounter:
    """Failed attempts of the last `PERIOD` seconds by source; the longest unseen source is forgotten first."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, source: str) -> None:
        """Count an attempt as failed until `forgive` says otherwise, so that parallel attempts count, too.

        Raises:
            TooManyFailures: it has failed too often of late.
        """
        now = time.monotonic()
        with self._lock:
            failures = self._failures.setdefault(source, deque())
            self._failures.move_to_end(source)
            while failures and failures[0] <= now - PERIOD:
                failures.popleft()
            if len(failures) >= FAILURES_ALLOWED:
                raise TooManyFailures(failures[0] + PERIOD - now)
            failures.append(now)
            while len(self._failures) > MOST_SOURCES:
                self._failures.popitem(last=False)

    def forgive(self, source: str) -> None:
        """Take back the count of an attempt that turned out to be good."""
        with self._lock:
            failures = self._failures.get(source)
            if failures:
                failures.pop()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._failures.clear()


failures = FailureCounter()


def source_of(request: HttpRequest) -> str:
    """Return what counts as one source: an IPv4 address, or the /64 network that an IPv6 host can choose from."""
    address = request.META.get("REMOTE_ADDR", "")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def verify(request: HttpRequest, username: str, password: str) -> User | None:
    """Return the active account that the credentials belong to, or None.

    Takes as long for unknown and disabled accounts as for a wrong password: Django hashes the password in any case.

    Raises:
        TooManyFailures: the source has to wait.
    """
    source = source_of(request)
    failures.begin(source)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        return None
    failures.forgive(source)
    return user
