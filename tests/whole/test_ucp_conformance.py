"""The public API is judged from outside: spck-conformance against a started shop."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.whole.platforms import SHOPPING, new_key, profile, public_part, served_profiles
from tests.whole.running import Serving

pytestmark = pytest.mark.whole

CHECKER = Path(sys.executable).parent / "spck-conformance"


NEWER, OLDER = new_key("spck-req-1"), new_key("spck-req-0")
OTHER_KIND = {"kid": "spck-ed25519", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
PROFILES: dict[str, object] = {
    "v2099.json": profile(*SHOPPING, version="2099-01-01"),
    "nocaps.json": profile("com.example.other"),
    "notjson.json": "not json",
    "signer.json": profile(*SHOPPING, keys=[public_part(NEWER), public_part(OLDER), OTHER_KIND]),
}


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
        "signature": {
            "responses": True,
            "platform_profile_url": f"{platforms}/signer.json",
            "request_private_jwk": NEWER,
            "rotated_private_jwk": OLDER,
            "unsupported_alg_kid": OTHER_KIND["kid"],
        },
        "webhooks": {"simulate": True, "signed": True, "retries": True, "wait_seconds": 6},
        "idempotency": {"age_hook": True, "outage_hook": True},
        "discount": {
            "valid_code": "SUMMER",
            "invalid_code": "NO-SUCH-CODE",
            "case_insensitive": True,
            "rejected_messages": True,
            "automatic": {"product_id": "DEALT", "quantity": 2},
        },
        "eligibility": {"unrecognized": "org.example.unknown_club"},
    }


# Requirements that must be met, each with a mutant of the answer that the checker told from it.
MET = """
checkout.cancel checkout.complete_order checkout.completed_immutable checkout.create_requires_line_items
checkout.create_valid checkout.deterministic_logic checkout.error_body_valid_json checkout.idempotency_conflict
checkout.protocol_error_shape checkout.response_body_valid_json checkout.response_fields checkout.retrieve
checkout.unavailable_all_error_envelope checkout.unavailable_business_outcome checkout.update
discount.accept_one_reject_one discount.applied_fields discount.automatic_no_code_0408
discount.case_insensitive_codes_0408 discount.empty_clears discount.rejected_via_messages discount.single_applied
discount.unknown_code_rejected discovery.endpoints_https discovery.profile_cache_control discovery.profile_no_redirect
discovery.reject_http_profile_url discovery.rest_endpoint discovery.reverse_domain_names discovery.version
eligibility.unrecognized_ignored eligibility.unrecognized_not_blocking fulfillment.method_shape
fulfillment.option_shape fulfillment.single_group_default idempotency.conflict_409 idempotency.storage_fail_closed
idempotency.storage_min_24h negotiation.capabilities_incompatible_200 negotiation.compatible_version_processed
negotiation.missing_profile_url_400 negotiation.profile_malformed_422 negotiation.profile_unreachable_424
negotiation.version_unsupported_422 order.entity_shape order.line_item_shape order.response_valid_json
order.responses_signed payment.handler_id_validated payment.no_credential_echo payment.profile_handlers_registry
payment.response_handlers_echo profile.reverse_domain_names profile.spec_url_authority profile.version_dated
response.capabilities_relevant response.content_type_json response.envelope_every_response
signals.attribution_no_effect signature.algorithm_unsupported_400 signature.err_digest_mismatch
signature.err_key_not_found signature.err_signature_invalid signature.err_signature_missing
signature.idempotency_replay_cached signature.keyid_published signature.no_alg_parameter signature.raw_rs_encoding
signature.response_body_components signature.response_content_digest signature.response_headers_present
signature.response_status_component signature.rfc9421_response_verifies signature.rotation_grace_period
signature.signing_keys_jwk signature.verifies_es256_requests totals.sublines_sum_invariant
webhook.idempotency_key_signed webhook.order_created_full_entity webhook.query_component_signed
webhook.retry_failed_delivery webhook.signed_components webhook.signed_rfc9421_verifies webhook.ucp_agent_header
webhook.ucp_agent_signed
"""


@pytest.fixture(scope="module")
def report(served_shop: Serving, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the checker says."""
    with served_profiles(PROFILES) as platforms:
        config = tmp_path_factory.mktemp("conformance") / "config.json"
        config.write_text(json.dumps(configuration(platforms)))
        run = subprocess.run(
            [CHECKER, "--server", served_shop.url, "--config", config, "--json"],
            capture_output=True,
            text=True,
            timeout=300,
        )
    said: dict[str, Any] = json.loads(run.stdout)
    return said


def test_no_requirement_of_the_standard_is_broken(report: dict[str, Any]) -> None:
    """No deviation from any MUST, MUST NOT or SHOULD that applies."""
    deviations = [(check["id"], check["observed"]) for check in report["checks"] if check["status"] == "deviation"]
    assert not deviations
    assert report["verdict"]["deviations"] == 0


def test_what_was_met_stays_met(report: dict[str, Any]) -> None:
    """A setting mistyped, a hook gone: a check that silently is not run any more is missed here."""
    met = {check["id"] for check in report["checks"] if check["status"] == "clean-pass" and check["kill_safe"]}
    missing = sorted(set(MET.split()) - met)
    seen = {check["id"]: (check["status"], check["observed"]) for check in report["checks"]}
    assert not missing, [(id_, seen.get(id_)) for id_ in missing]
