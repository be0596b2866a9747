"""`library keygen`: a private key that only its owner reads, and the lines others add to signers.yaml."""

import stat

import pytest
from commands import command
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from libraries import write_signers
from signing_desk import Desk, changed, desk, signed_by_two  # noqa: F401 (fixtures)
from typer.testing import CliRunner

from smi_bot.library.approval import public_text
from smi_bot.library.model import Signer
from smi_bot.plain_yaml import load_yaml
from smi_bot.workbench import signing_commands
from smi_bot.workbench.keys import read_key

ALMA = ("--as", "new-alma", "--name", "Alma Novel: M.D.", "--role", "medical")


def keygen(path, *more, **given):
    return command("library", "keygen", *ALMA, "--key", str(path), *more, **given)


def test_a_key_is_made_and_signs_once_others_list_its_owner(changed: Desk, tmp_path):
    path = tmp_path / "alma.key"
    made = keygen(path)
    assert made.code == 0
    (lines,) = [load_yaml(made.out)]
    (new,) = [Signer.model_validate(each) for each in lines]
    assert (new.id, new.name, new.role) == ("new-alma", "Alma Novel: M.D.", "medical")
    assert public_text(read_key(path, None)) == new.public_key
    refused = changed.run("approve", "shelf", "--as", "new-alma", "--key", str(path), "--yes")
    assert (refused.code, "new-alma: is not in signers.yaml" in refused.err) == (2, True)
    write_signers(changed.folder, [new])
    assert changed.run("approve", "shelf", "--as", "new-alma", "--key", str(path), "--yes").code == 0
    assert changed.stands() == "in review"


def test_the_lines_stand_under_signers_as_they_are_printed(desk: Desk, tmp_path):
    (desk.folder / "signers.yaml").write_text("signers:\n" + keygen(tmp_path / "k").out, "utf-8")
    assert list(desk.library.signers) == ["new-alma"]


def test_only_its_owner_reads_a_key(tmp_path):
    keygen(tmp_path / "k")
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert "PRIVATE KEY" in (tmp_path / "k").read_text("ascii")


def test_the_private_key_is_shown_nowhere(tmp_path):
    made = keygen(tmp_path / "k")
    secret = (tmp_path / "k").read_text("ascii").splitlines()[1]
    assert secret not in made.out + made.err


def test_a_key_is_never_overwritten(tmp_path):
    keygen(tmp_path / "k")
    before = (tmp_path / "k").read_bytes()
    ended = keygen(tmp_path / "k")
    assert (ended.code, "exists already, and a key is never overwritten" in ended.err) == (2, True)
    assert (tmp_path / "k").read_bytes() == before
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert keygen(tmp_path / "link").code == 2
    assert keygen(tmp_path / "no-folder" / "k").code == 2


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [("--role", "boss", "--role: "), ("--as", "two words", "--as: "), ("--name", " ", "--name: ")],
)
def test_a_signer_that_signers_yaml_would_not_take_gets_no_key(tmp_path, option, value, expected):
    given = dict(zip(ALMA[::2], ALMA[1::2], strict=True)) | {option: value}
    ended = command(
        "library", "keygen", *(word for pair in given.items() for word in pair), "--key", str(tmp_path / "k")
    )
    assert (ended.code, ended.err.startswith(f"smi-bot: {expected}")) == (2, True)
    assert not (tmp_path / "k").exists()


# --- passphrases


def test_a_passphrase_from_the_environment_protects_a_key(changed: Desk, tmp_path, monkeypatch):
    monkeypatch.setenv("SMI_KEY_PASSPHRASE", "correct horse")
    new = load_yaml(keygen(tmp_path / "k").out)[0]
    assert "ENCRYPTED" in (tmp_path / "k").read_text("ascii")
    write_signers(changed.folder, [Signer.model_validate(new)])
    arguments = ("approve", "shelf", "--as", "new-alma", "--key", str(tmp_path / "k"), "--yes")
    for secret, expected in ((None, "is protected by a passphrase; add --passphrase"), ("wrong", "is wrong")):
        monkeypatch.setenv("SMI_KEY_PASSPHRASE", secret) if secret else monkeypatch.delenv("SMI_KEY_PASSPHRASE")
        ended = changed.run(*arguments)
        assert (ended.code, expected in ended.err) == (2, True), ended.err
        assert changed.stands() == "draft"
    monkeypatch.setenv("SMI_KEY_PASSPHRASE", "correct horse")
    assert changed.run(*arguments).code == 0


def test_a_passphrase_is_asked_for_twice_and_shown_never(tmp_path):
    arguments = ["keygen", *ALMA, "--key", str(tmp_path / "k"), "--passphrase"]
    ended = CliRunner().invoke(signing_commands.commands, arguments, input="correct horse\ncorrect horse\n")
    assert ended.exit_code == 0, ended.output
    assert "correct horse" not in ended.output
    assert read_key(tmp_path / "k", "correct horse")


def test_a_passphrase_for_a_key_that_has_none_is_one_clear_line(changed: Desk, monkeypatch):
    changed.key("alma")
    monkeypatch.setenv("SMI_KEY_PASSPHRASE", "unasked")
    ended = changed.approve("shelf", "alma")
    assert (ended.code, "is protected by no passphrase; leave the passphrase out" in ended.err) == (2, True)


# --- files that are no key


def test_a_key_that_others_can_read_signs_nothing(changed: Desk):
    for mode in (0o640, 0o604, 0o620):
        (changed.keys / "alma.pem").unlink(missing_ok=True)
        path = changed.keys / changed.key("alma")
        path.chmod(mode)
        ended = changed.approve("shelf", "alma")
        assert (ended.code, f"others on this machine can read it; run: chmod 600 {path}" in ended.err) == (2, True)


def test_a_file_that_is_no_key_is_one_clear_line(changed: Desk, tmp_path):
    other = Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", other, b"\xff"):
        path = tmp_path / "file"
        path.write_bytes(content)
        path.chmod(0o600)
        ended = changed.run("approve", "shelf", "--as", "alma", "--key", str(path), "--yes")
        assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
    for path in (tmp_path / "nothing", tmp_path / "keys"):
        ended = changed.run("approve", "shelf", "--as", "alma", "--key", str(path), "--yes")
        assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
    assert changed.stands() == "draft"
