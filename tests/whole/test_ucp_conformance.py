"""The public API is judged from outside: spck-conformance against a started shop."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.whole.platforms import SHOPPING, profile, served_profiles
from tests.whole.running import Serving

pytestmark = pytest.mark.whole

CHECKER = Path(sys.executable).parent / "spck-conformance"


def configuration(platforms: str) -> dict[str, Any]:
    """What the checker must know of the shop; every group that applies is named."""
    pay = {
        "id": "instr_1",
        "handler_id": "evertill_sandbox",
        "type": "card",
        "display": {"brand": "visa", "last_digits": "4242"},
        "credential": {"type": "token", "token": "tok_approve"},
    }
    return {
        "product_id": "MUG",
        "currency": "GBP",
        "out_of_stock_id": "GONE",
        "fulfillment_option_id": "std",
        "complete_payment": {"payment": {"instruments": [pay]}},
        "payment": {"handler_key": "example.evertill.sandbox", "handler_id": "evertill_sandbox"},
        "unavailable": {"business_outcome": True},
        "totals": {"sublines": True},
        "negotiation": {
            "validates_profile_url": True,
            "unsupported_version_profile_url": f"{platforms}/v2099.json",
            "incompatible_caps_profile_url": f"{platforms}/nocaps.json",
            "unreachable_profile_url": f"{platforms}/404.json",
            "malformed_profile_url": f"{platforms}/notjson.json",
        },
        "idempotency": {"age_hook": True, "outage_hook": True},
        "eligibility": {"unrecognized": "org.example.unknown_club"},
    }


@pytest.fixture(scope="module")
def report(conformance_shop: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the checker says."""
    documents: dict[str, object] = {
        "v2099.json": profile(*SHOPPING, version="2099-01-01"),
        "nocaps.json": profile("com.example.other"),
        "notjson.json": "not json",
    }
    with served_profiles(documents) as platforms:
        config = tmp_path_factory.mktemp("conformance") / "config.json"
        config.write_text(json.dumps(configuration(platforms)))
        run = subprocess.run(
            [CHECKER, "--server", conformance_shop.url, "--config", config, "--json"],
            capture_output=True,
            text=True,
            timeout=300,
        )
    yield json.loads(run.stdout)
