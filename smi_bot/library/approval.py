"""Who approved what: canonical hashes, Ed25519 signatures, and the rule of two people in two roles."""

import base64
import binascii
import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel

from smi_bot.errors import NotApproved
from smi_bot.library.model import PLACEHOLDER, Approval, Signer, Stop

MEANING = "I have reviewed this text and approve it for use."

#: The demo's signers. Their keys are derived from this published text and worth nothing: anybody can sign with them.
DEMO_SEED = "smi-bot demo signing key, worthless by design: "
DEMO_SIGNERS = (
    ("demo-medical", "Mara Lindqvist (fictional)", "medical"),
    ("demo-regulatory", "Teo Okafor (fictional)", "regulatory"),
)


def canonical_hash(content: BaseModel) -> str:
    """SHA-256 over everything that has meaning in a text: all front matter and every section."""
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def _canonical(content: BaseModel) -> str:
    return json.dumps(content.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def has_placeholder(content: BaseModel) -> bool:
    """Whether words are still to be written in it."""
    return PLACEHOLDER in _canonical(content)


def sign(
    content: BaseModel, document: str, version: int, signer: Signer, key: Ed25519PrivateKey, at: datetime
) -> Approval:
    """An approval bound to one version of one document."""
    approval = Approval(
        document=document,
        version=version,
        hash=canonical_hash(content),
        signer=signer.id,
        role=signer.role,
        at=at.isoformat(),
        meaning=MEANING,
        signature="-",
    )
    return approval.model_copy(update={"signature": _signature(approval, key)})


def stop(
    document: str,
    version: int,
    kind: Literal["suspended", "withdrawn"],
    reason: str,
    signer: Signer,
    key: Ed25519PrivateKey,
    at: datetime,
) -> Stop:
    """A suspension or a withdrawal of one version of one document."""
    order = Stop(
        document=document,
        version=version,
        kind=kind,
        reason=reason,
        signer=signer.id,
        role=signer.role,
        at=at.isoformat(),
        signature="-",
    )
    return order.model_copy(update={"signature": _signature(order, key)})


def _signature(unsigned: Approval | Stop, key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.sign(_signed_bytes(unsigned))).decode()


def counting(
    content: BaseModel,
    document: str,
    version: int,
    approvals: Sequence[Approval],
    signers: Mapping[str, Signer],
    stops: Sequence[Stop] = (),
) -> list[Approval]:
    """The genuine approvals of just this text that nobody stopped since.

    None after a stop that nobody can verify: its date may be wrong as well.
    """
    effective = stops_of(version, stops)
    if unverified(effective, signers):
        return []
    expected = (document, version, canonical_hash(content))
    since = max((datetime.fromisoformat(stop.at) for stop in effective), default=None)
    return [
        approval
        for approval in approvals
        if (approval.document, approval.version, approval.hash) == expected
        and is_genuine(approval, signers)
        and (since is None or datetime.fromisoformat(approval.at) > since)
    ]


def verified(
    content: BaseModel,
    document: str,
    version: int,
    last_author: str,
    approvals: Sequence[Approval],
    signers: Mapping[str, Signer],
    stops: Sequence[Stop] = (),
) -> tuple[Approval, ...]:
    """The approvals that count. Raises NotApproved unless two people in two roles, neither the author, signed this."""
    effective = stops_of(version, stops)
    if withdrawal := next((stop for stop in effective if stop.kind == "withdrawn"), None):
        raise NotApproved(
            f"{document} v{version}: was withdrawn on {withdrawal.at[:10]} ({withdrawal.reason});"
            " a new version must be approved"
        )
    if has_placeholder(content):
        raise NotApproved(f"{document} v{version}: holds '{PLACEHOLDER}'; write the text, then have it approved")
    if doubtful := unverified(effective, signers):
        raise NotApproved(
            f"{document} v{version}: is stopped, and nobody can verify by whom ('{doubtful[0].signer}');"
            " see 'smi-bot library verify'"
        )
    valid = counting(content, document, version, approvals, signers, stops)
    people = [signers[approval.signer] for approval in valid]
    if any(is_author(signer, last_author) for signer in people):
        raise NotApproved(f"{document}: its last author signed it; somebody else must")
    if not any(independent(one, other) for one, other in combinations(people, 2)):
        if effective:
            raise NotApproved(
                f"{document} v{version}: is suspended since {effective[-1].at[:10]} ({effective[-1].reason});"
                " two people must approve it again"
            )
        raise NotApproved(f"{document} v{version}: needs the signatures of two people in two roles; have it approved")
    return tuple(valid)


def stops_of(version: int, stops: Sequence[Stop]) -> list[Stop]:
    """Those that hold for a version, in their order. A withdrawn version takes all before it along.

    A stop that nobody can verify stops too: in doubt, nothing is sent. `library verify` names it.
    """
    return sorted(
        (stop for stop in stops if stop.version == version or (stop.kind == "withdrawn" and stop.version > version)),
        key=lambda stop: datetime.fromisoformat(stop.at),
    )


def unverified(stops: Sequence[Stop], signers: Mapping[str, Signer]) -> list[Stop]:
    """Stops of whom nobody can tell whether the library trusts them."""
    return [stop for stop in stops if not is_genuine(stop, signers)]


def independent(one: Signer, other: Signer) -> bool:
    """Two people in two roles: neither a second name for one key nor a second key of one person counts."""
    return one.role != other.role and not same_person(one, other)


def same_person(one: Signer, other: Signer) -> bool:
    return one.public_key == other.public_key or _person(one.name) == _person(other.name)


def is_author(signer: Signer, last_author: str) -> bool:
    return _person(signer.name) == _person(last_author)


def _person(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def is_genuine(signed: Approval | Stop, signers: Mapping[str, Signer]) -> bool:
    """Whether somebody whom the library trusts signed this."""
    signer = signers.get(signed.signer)
    if signer is None or signer.role != signed.role or (isinstance(signed, Approval) and signed.meaning != MEANING):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signer.public_key, validate=True))
        key.verify(base64.b64decode(signed.signature, validate=True), _signed_bytes(signed))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _signed_bytes(signed: Approval | Stop) -> bytes:
    return json.dumps(signed.model_dump(exclude={"signature"}), sort_keys=True, separators=(",", ":")).encode()


def demo_key(signer: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256((DEMO_SEED + signer).encode()).digest())


def public_text(key: Ed25519PrivateKey) -> str:
    """A public key as signers.yaml holds it."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def demo_signers() -> tuple[Signer, ...]:
    return tuple(
        Signer.model_validate({"id": id, "name": name, "role": role, "public_key": public_text(demo_key(id))})
        for id, name, role in DEMO_SIGNERS
    )


def is_demo(signer: Signer) -> bool:
    """Whether anybody can sign as this signer, under whatever name the key is listed."""
    return signer.public_key in {each.public_key for each in demo_signers()}
