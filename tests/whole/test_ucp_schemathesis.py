"""The public API does what its OpenAPI document says, whatever it is sent."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.whole.running import Serving

pytestmark = pytest.mark.whole

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
SECONDS = 45


def test_every_answer_is_documented_and_none_is_a_fault(served_shop: Serving, tmp_path: Path) -> None:
    """
    No 5xx, no undocumented status, content type or shape; what the document allows is taken, what it forbids is not.
    """
    document = httpx.get(f"{served_shop.url}/openapi/openapi.json").json()
    document["components"]["schemas"]["ItemAsked"]["properties"]["id"]["examples"] = ["MUG"]
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    agent = f'UCP-Agent: profile="{served_shop.url}/ucp/platforms/curl.json"'
    run = subprocess.run(
        [SCHEMATHESIS, "run", path, "--url", served_shop.url, "-H", agent, "--max-time", str(SECONDS), "--seed", "11",
         "--continue-on-failure", "--no-color"],
        capture_output=True, text=True, timeout=SECONDS * 4, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-8_000:]
