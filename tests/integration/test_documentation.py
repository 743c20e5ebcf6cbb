"""The README's example does what the README says."""

import os
import re
import subprocess
from pathlib import Path

from tests.integration.product import Product

ROOT = Path(__file__).parents[2]


def test_readme_example(product: Product, password: str) -> None:
    example = re.search(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert example is not None
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.group(1)],
        env={**os.environ, "CALAMARI": product.root, "PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert '"in": false' in result.stdout
    product.settle()
