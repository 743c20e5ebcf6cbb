"""The whole product, started once for all integration tests as a user starts it, and gone afterwards.

`DATABASE_URL` chooses the database: SQLite in the product's home by default, a PostgreSQL server under
`python -m devcluster.postgresql`.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from devcluster.client import DevCluster
from devcluster.plan import free_ports
from tests.integration.product import Product

INHERITED = ("DATABASE_URL", "HOME", "LANG", "PATH", "USER")


def environment_of(home: Path, **more: str) -> Mapping[str, str]:
    """Return the environment of an installation of its own in `home`: nothing of the developer's leaks in."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**inherited, "CALAMARI_HOME": str(home), "CALAMARI_PORT": str(free_ports(1)[0]), **more}


@pytest.fixture(scope="session")
def password() -> str:
    return secrets.token_urlsafe(12)


@pytest.fixture(scope="session")
def devcluster(tmp_path_factory: pytest.TempPathFactory, password: str) -> Iterator[DevCluster]:
    home = tmp_path_factory.mktemp("product")
    cluster = DevCluster(environment_of(home, CALAMARI_ADMIN_PASSWORD=password))
    cluster.up(tied=True)
    yield cluster
    cluster.down()


@pytest.fixture(scope="session")
def product(devcluster: DevCluster, password: str) -> Product:
    return Product(devcluster, password)
