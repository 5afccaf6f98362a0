"""A client of Égide in another language: emits a case, asks for a disclosure, fetches the referral.

Run by tests/tests/python_client.rs with the folder of the generated stubs as its argument. Reads where the services are, the
files of certificates and the persons' tokens as JSON from standard input, and writes what it fetched as JSON to standard output.
"""

import base64
import hashlib
import json
import pathlib
import sys
import uuid

sys.path.insert(0, sys.argv[1])

import grpc  # noqa: E402
from egide.case.v1 import disclosure_events_pb2, events_pb2, vocabulary_pb2  # noqa: E402
from egide.classification.v1 import classification_pb2  # noqa: E402
from egide.disclosure.v1 import (  # noqa: E402
    disclosure_service_pb2,
    disclosure_service_pb2_grpc,
    referral_service_pb2,
    referral_service_pb2_grpc,
)
from egide.ledger.v1 import ledger_service_pb2, ledger_service_pb2_grpc  # noqa: E402

SECONDS = 20
POLICY = pathlib.Path(__file__).resolve().parents[2] / "ops" / "policy"


def read(path):
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def channel(address, caller):
    """A connection under mutual TLS: the certificate says which service calls."""
    credentials = grpc.ssl_channel_credentials(
        root_certificates=read(caller["authorities"]),
        private_key=read(caller["key"]),
        certificate_chain=read(caller["certificate"]),
    )
    return grpc.secure_channel(address, credentials)


def metadata(caller):
    """The header of a call: for whom the service calls."""
    return [("egide-person", caller["person"])]


def command(case_id, *events):
    """One command with events of one case."""
    return ledger_service_pb2.AppendRequest(
        command_id=str(uuid.uuid4()),
        events=[
            ledger_service_pb2.NewEvent(stream_id=case_id, case_event=events_pb2.CaseEvent(**event))
            for event in events
        ],
    )


def opening(victim):
    """A case as a telephony desk would emit it."""
    person = events_pb2.PersonIdentified(
        subject_id=victim,
        roles=[vocabulary_pb2.PERSON_ROLE_POTENTIAL_VICTIM, vocabulary_pb2.PERSON_ROLE_CALLER],
        given_names="Éloïse",
        family_name="Thistledown",
    )
    return [
        {
            "case_opened": events_pb2.CaseOpened(
                channel=vocabulary_pb2.CHANNEL_PHONE,
                language=vocabulary_pb2.LANGUAGE_FRENCH,
                jurisdiction=vocabulary_pb2.JURISDICTION_BC,
            )
        },
        {"person_identified": person},
        {
            "whereabouts_recorded": events_pb2.WhereaboutsRecorded(
                subject_id=victim,
                jurisdiction=vocabulary_pb2.JURISDICTION_BC,
                street="9 Marmalade Close",
            )
        },
        {"triage_assessed": events_pb2.TriageAssessed(level=vocabulary_pb2.TRIAGE_LEVEL_NOT_URGENT)},
    ]


def consent(consent_id, victim, unit_id):
    """The potential victim's consent that the unit is told where they are."""
    return {
        "consent_given": events_pb2.ConsentGiven(
            consent_id=consent_id,
            subject_id=victim,
            kind=vocabulary_pb2.CONSENT_KIND_DATA_SUBJECT,
            grantor=vocabulary_pb2.GRANTOR_KIND_SELF,
            recipient=events_pb2.RecipientScope(unit_id=unit_id),
            purposes=[vocabulary_pb2.PURPOSE_INVESTIGATION],
            permitted=[classification_pb2.DATA_CATEGORY_WHEREABOUTS],
            standing=True,
            method=vocabulary_pb2.CONSENT_METHOD_SPOKEN,
            wording_version="spoken-fr/3",
            wording_digest=hashlib.sha256((POLICY / "wordings" / "spoken-fr-3.md").read_bytes()).digest(),
            language=vocabulary_pb2.LANGUAGE_FRENCH,
            speaking_freely=vocabulary_pb2.ANSWER_YES,
            understood=vocabulary_pb2.ANSWER_YES,
            policy_version="2026-10",
        )
    }


def refused(code, call):
    """Makes a call that must be refused, and gives the refusal."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} instead of {code}: {error.details()}"
        return error
    raise AssertionError(f"accepted, {code} was expected")


def check_report(referral):
    """The digest is that of the bytes, and the bytes are canonical JSON (RFC 8785; all keys are ASCII, no number stands in
    a report)."""
    assert hashlib.sha256(referral.report).digest() == referral.report_digest, "the digest is another report's"
    report = json.loads(referral.report.decode("utf-8"))
    canonical = json.dumps(report, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert canonical.encode("utf-8") == referral.report, "the report is not in canonical form"
    assert report["referral_id"] == referral.referral_id
    text = referral.report.decode("utf-8")
    assert "9 Marmalade Close" in text, "what was consented to is missing"
    assert "Thistledown" not in text, "nobody consented to the name"


def main():
    given = json.load(sys.stdin)
    ledger = ledger_service_pb2_grpc.LedgerServiceStub(channel(given["ledger"], given["responder"]))
    disclosure = disclosure_service_pb2_grpc.DisclosureServiceStub(channel(given["disclosure"], given["supervisor"]))
    referrals = referral_service_pb2_grpc.ReferralServiceStub(channel(given["disclosure"], given["liaison"]))
    responder, supervisor, liaison = (metadata(given[who]) for who in ("responder", "supervisor", "liaison"))
    case_id, victim, consent_id = (str(uuid.uuid4()) for _ in range(3))

    nothing = ledger_service_pb2.AppendRequest(command_id="not a uuid")
    error = refused(
        grpc.StatusCode.INVALID_ARGUMENT,
        lambda: ledger.Append(nothing, metadata=responder, timeout=SECONDS),
    )
    trailers = dict(error.trailing_metadata())
    assert "grpc-status-details-bin" in trailers, "a refusal of bad input names the fields"

    first = command(case_id, *opening(victim))
    answer = ledger.Append(first, metadata=responder, timeout=SECONDS)
    assert len(answer.acknowledgement.events) == len(first.events)
    again = ledger.Append(first, metadata=responder, timeout=SECONDS)
    assert again.repeated_command and again.acknowledgement.events == answer.acknowledgement.events
    ledger.Append(command(case_id, consent(consent_id, victim, given["unit_id"])), metadata=responder, timeout=SECONDS)

    request = disclosure_service_pb2.RequestDisclosureRequest(
        command_id=str(uuid.uuid4()),
        case_id=case_id,
        unit_id=given["unit_id"],
        purpose=vocabulary_pb2.PURPOSE_INVESTIGATION,
        categories=[classification_pb2.DATA_CATEGORY_WHEREABOUTS, classification_pb2.DATA_CATEGORY_IDENTITY],
    )
    decision = disclosure.RequestDisclosure(request, metadata=supervisor, timeout=SECONDS).decision
    outcome = decision.decided.outcome
    assert outcome == disclosure_events_pb2.OUTCOME_PERMIT, [reason.code for reason in decision.decided.reasons]

    waiting = referrals.ListReferrals(
        referral_service_pb2.ListReferralsRequest(), metadata=liaison, timeout=SECONDS
    )
    assert decision.referral_id in [summary.referral_id for summary in waiting.referrals]
    fetch = referral_service_pb2.FetchReferralRequest(
        command_id=str(uuid.uuid4()), referral_id=decision.referral_id
    )
    referral = referrals.FetchReferral(fetch, metadata=liaison, timeout=SECONDS).referral
    check_report(referral)

    withdrawal = {
        "consent_withdrawn": events_pb2.ConsentWithdrawn(consent_id=consent_id, subject_id=victim)
    }
    ledger.Append(command(case_id, withdrawal), metadata=responder, timeout=SECONDS)
    fetch.command_id = str(uuid.uuid4())
    refused(
        grpc.StatusCode.NOT_FOUND,
        lambda: referrals.FetchReferral(fetch, metadata=liaison, timeout=SECONDS),
    )

    encoded = {name: base64.b64encode(getattr(referral, name)).decode() for name in ("report", "signature")}
    json.dump({"case_id": case_id, "referral_id": referral.referral_id, "key_id": referral.key_id, **encoded}, sys.stdout)


main()
