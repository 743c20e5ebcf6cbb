"""The OpenAPI document: it is complete, and the server keeps to it whatever schemathesis sends."""

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from rest_framework.schemas.generators import EndpointEnumerator
from schemathesis.specs.openapi.checks import positive_data_acceptance

from accounts.models import Role
from calamari_rest.problems import CODES
from calamari_rest.views.schema import document
from tests.api.conftest import API, FSID, Cthulhu, client_of

EXAMPLES = 12
# Statuses that answer no request, however strange; 503 is documented, and so are its codes.
FAULTS = {500, 501, 502, 504}
# A schema cannot say which pages there are, nor that `in` and `reweight` must not contradict each other.
NOT_CHECKED = [positive_data_acceptance]


@pytest.fixture
def authorization(cthulhu: Cthulhu) -> Iterator[str]:
    """Return a valid header, and keep the handler from closing the connection of the test's transaction."""
    header = str(client_of(Role.OPERATOR)._credentials["HTTP_AUTHORIZATION"])
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield header
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


# The stream never ends; logging out would end the test's own login.
schema = schemathesis.openapi.from_wsgi(f"{API}/schema", get_wsgi_application()).exclude(
    path=[f"{API}/stream", f"{API}/auth/logout"]
)
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)


@schema.parametrize()
@bounded
def test_as_generated(case: Any, cthulhu: Cthulhu, authorization: str) -> None:
    cthulhu.live()
    answer = case.call_and_validate(headers={"Authorization": authorization}, excluded_checks=NOT_CHECKED)
    assert answer.status_code not in FAULTS


@schema.include(path_regex="fsid").parametrize()
@bounded
def test_on_objects_that_exist(case: Any, cthulhu: Cthulhu, authorization: str) -> None:
    cthulhu.live()
    there = {"fsid": FSID, "osd_id": "1", "pool_id": "1", "command": "scrub"}
    case.path_parameters = {name: there.get(name, value) for name, value in case.path_parameters.items()}
    answer = case.call_and_validate(headers={"Authorization": authorization}, excluded_checks=NOT_CHECKED)
    assert answer.status_code not in FAULTS


def test_generating_it_gives_no_warnings() -> None:
    call_command("spectacular", fail_on_warn=True, validate=True, stdout=StringIO())


def test_every_url_is_in_it() -> None:
    served = {path for path, _, _ in EndpointEnumerator().get_api_endpoints()}
    hidden = {f"{API}/schema", f"{API}/auth/login/", f"{API}/auth/logout/"}
    assert served - hidden == set(document()["paths"])


def test_everything_in_it_is_explained() -> None:
    for name, component in document()["components"]["schemas"].items():
        for field, content in component.get("properties", {}).items():
            assert content.get("description") or "allOf" in content or "$ref" in content, f"{name}.{field}"
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), f"{method} {path}"


def test_all_codes_are_in_it() -> None:
    error = document()["components"]["schemas"]["Error"]["properties"]["code"]
    assert error["enum"] == list(CODES)
