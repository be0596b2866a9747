"""Private keys of people who sign: made once, kept by their owners, never in a library."""

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from smi_bot.errors import SmiError
from smi_bot.library.approval import demo_key, demo_signers, public_text
from smi_bot.library.model import Signer
from smi_bot.plain_yaml import dump_yaml


class NotSigned(SmiError):
    """Nothing was signed or written; the message tells why and what to do."""


def new_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def write_key(path: Path, key: Ed25519PrivateKey, passphrase: str | None) -> None:
    """Into a new file that only its owner reads. Raises NotSigned; never overwrites."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(passphrase))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
    except FileExistsError:
        raise NotSigned(f"{path}: exists already, and a key is never overwritten; name another file") from None
    except OSError as error:
        raise NotSigned(f"{path}: {error.strerror}; name a file in a folder of yours") from None


def _encryption(passphrase: str | None) -> KeySerializationEncryption:
    return BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()


def key_of(signer: Signer, path: Path | None, passphrase: str | None) -> Ed25519PrivateKey:
    """The private key of a signer: their file, or the published one of the demo. Raises NotSigned."""
    key = _demo_key_of(signer) if path is None else read_key(path, passphrase)
    if key is None:
        raise NotSigned(f"{signer.id}: signs with a key of their own; name its file with --key FILE")
    if public_text(key) != signer.public_key:
        raise NotSigned(f"{path}: is not the key of '{signer.id}' in signers.yaml; name the right file or signer")
    return key


def _demo_key_of(signer: Signer) -> Ed25519PrivateKey | None:
    """Its key is known by its public half, whatever the signer calls themselves."""
    return next((demo_key(each.id) for each in demo_signers() if each.public_key == signer.public_key), None)


def read_key(path: Path, passphrase: str | None) -> Ed25519PrivateKey:
    """A file written by write_key. Raises NotSigned."""
    pem = _private_bytes(path)
    try:
        key = load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except TypeError:  # how cryptography says that a passphrase is missing, or too much
        mend = "leave the passphrase out" if passphrase else "add --passphrase or set SMI_KEY_PASSPHRASE"
        state = "no" if passphrase else "a"
        raise NotSigned(f"{path}: is protected by {state} passphrase; {mend}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise NotSigned(f"{path}: is no private key, or the passphrase is wrong; see 'library keygen'") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NotSigned(f"{path}: is no Ed25519 key; make one with 'smi-bot library keygen'")
    return key


def _private_bytes(path: Path) -> bytes:
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise NotSigned(f"{path}: others on this machine can read it; run: chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise NotSigned(f"{path}: {error.strerror}; name the file of your private key") from None


def signer_lines(signer: Signer) -> str:
    """What a reviewer adds under `signers:` in signers.yaml."""
    return dump_yaml([signer.model_dump(mode="json")])
