"""Whose keys may serve real people, and what must be approved before a start."""

import shutil
from pathlib import Path

import pytest
from approved import _yaml, edit, folder, template  # noqa: F401 (fixtures)
from libraries import (
    GREETING,
    MEDICAL,
    NOW,
    PAGE,
    REGULATORY,
    key_of,
    sign_all,
    write,
    write_signers,
)

from smi_bot.assistant import Knowledge
from smi_bot.errors import LibraryError, NotApproved, SettingsError, SmiError
from smi_bot.knowledge import knowledge as build_knowledge
from smi_bot.knowledge import refuse_unfit
from smi_bot.library import read_library
from smi_bot.library.approval import demo_key, demo_signers, sign, verified
from smi_bot.library.library import REQUIRED_LABELS, REQUIRED_WORDINGS
from smi_bot.library.model import Approval, Page, Signer
from smi_bot.library.signing import sign_with_demo_keys, write_approvals
from smi_bot.settings import Settings

LIVE = {
    "telegram": {"telegram_token": "1:x"},
    "slack": {"slack_bot_token": "xoxb-x", "slack_app_token": "xapp-x", "slack_channel": "C1"},
}


@pytest.mark.parametrize("channel", LIVE)
def test_demo_keys_beside_a_real_channel_stop_the_start(knowledge: Knowledge, channel):
    refuse_unfit(knowledge.library, Settings(_env_file=None))
    with pytest.raises(SettingsError, match=rf"SMI_LIBRARY: is signed with the worthless demo keys and {channel}"):
        refuse_unfit(knowledge.library, Settings(_env_file=None, **LIVE[channel]))
    refuse_unfit(knowledge.library, Settings(_env_file=None, allow_demo_library=True, **LIVE[channel]))


@pytest.fixture
def whole(folder) -> Path:
    """The small library with every text and label that a start asks for, signed by its own people."""
    for name in set(REQUIRED_WORDINGS) - {"answer"}:
        text = GREETING.replace("greeting", name)
        public = text.replace("{{ contact.emergency_number }}", "for help")
        write(folder, {f"wording/{name}.md.j2": public if name == "invitation" else text})
    labels = "".join(f"  {key}: words\n" for key in REQUIRED_LABELS)
    write(folder, {"wording/page.yaml": PAGE.split("labels:")[0] + "labels:\n" + labels})
    (folder / "triage").symlink_to(Path(__file__).parent.parent / "responses" / "triage")
    return sign_all(folder)


@pytest.mark.parametrize("channel", LIVE)
def test_a_library_signed_by_ones_own_people_may_serve_a_real_channel(whole, channel):
    library = read_library(whole)
    assert not library.has_demo_signers()
    refuse_unfit(library, Settings(_env_file=None, **LIVE[channel]))


def test_a_demo_key_is_known_under_any_name(whole):
    demo = demo_signers()[0]
    disguised = Signer.model_validate(demo.model_dump() | {"id": "doctor", "name": "Dr. Real"})
    write_signers(whole, [MEDICAL, REGULATORY, disguised])
    library = read_library(whole)
    assert library.unapproved() == {}
    with pytest.raises(SettingsError, match="demo keys"):
        refuse_unfit(library, Settings(_env_file=None, **LIVE["telegram"]))


def test_the_demo_keys_cannot_be_told_apart_from_their_published_seed():
    library_signers = {each.id: each for each in demo_signers()}
    content = Page.model_validate(_yaml(PAGE))
    approvals = [sign(content, "wording/page", 1, each, demo_key(each.id), NOW) for each in library_signers.values()]
    assert verified(content, "wording/page", 1, content.last_author, approvals, library_signers)


def test_signing_for_the_demo_replaces_the_signers_so_that_it_cannot_slip_in_unseen(whole):
    count = sign_with_demo_keys(whole, read_library(whole), NOW)
    assert count == len(dict(read_library(whole).documents()))
    library = read_library(whole)
    assert set(library.signers) == {each.id for each in demo_signers()}
    with pytest.raises(SettingsError, match="SMI_ALLOW_DEMO_LIBRARY=true"):
        refuse_unfit(library, Settings(_env_file=None, **LIVE["telegram"]))


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("wording/emergency.md.j2", "Hello", "Goodbye", "wording/emergency.en v1: needs the signatures"),
        ("wording/page.yaml", "helpful: words", "helpful: other", "wording/page v1: needs the signatures"),
        ("wording/page.de.yaml", "Mit einem", "Mit keinem", "wording/page.de v1: needs the signatures"),
        ("testamol/product.yaml", '"911"', '"119"', "testamol/product v1: needs the signatures"),
        (
            "wording/page.yaml",
            "  pressed: words\n",
            "",
            "wording/page.yaml: field labels: 'pressed' is missing; add it",
        ),
    ],
)
def test_a_start_is_refused_where_a_needed_text_is_not_approved(whole, file, old, new, expected):
    edit(whole / file, old, new)
    with pytest.raises(SettingsError) as error:
        refuse_unfit(read_library(whole), Settings(_env_file=None))
    (line,) = str(error.value).splitlines()
    assert line.startswith("SMI_LIBRARY: ")
    assert expected in line


@pytest.mark.parametrize("file", ["wording/emergency.md.j2", "wording/page.yaml"])
def test_a_start_is_refused_where_a_needed_text_is_missing(whole, file):
    (whole / file).unlink()
    with pytest.raises(SettingsError, match=f"SMI_LIBRARY: {file}"):
        refuse_unfit(read_library(whole), Settings(_env_file=None))


def test_a_start_without_any_approved_response_is_refused(whole):
    shutil.rmtree(whole / "approvals" / "testamol")
    library = read_library(whole)
    product = library.documents().__next__()[1]
    write_approvals(
        whole / "approvals/testamol/product.json",
        [sign(product, "testamol/product", 1, each, key_of(each.id), NOW) for each in (MEDICAL, REGULATORY)],
    )
    with pytest.raises(SettingsError, match="holds no approved response"):
        refuse_unfit(read_library(whole), Settings(_env_file=None))


def test_what_is_not_approved_is_never_looked_for(whole, knowledge, monkeypatch):
    edit(whole / "testamol/dose.md", "5 mg once daily", "500 mg once daily")
    given_to_the_matcher: list[str] = []

    def build_matcher(entries, *_, **__):
        given_to_the_matcher.extend(entry.id for entry in entries)
        return knowledge.matcher

    monkeypatch.setattr("smi_bot.knowledge.build_matcher", build_matcher)
    monkeypatch.setattr("smi_bot.knowledge.load_rules", lambda folder, product: knowledge.rules)
    build_knowledge(read_library(whole), whole / "triage")
    assert sorted(given_to_the_matcher) == ["coupon", "shelf"]


def test_every_refusal_is_an_error_of_ours():
    assert issubclass(NotApproved, SmiError)
    assert issubclass(LibraryError, SmiError)
    assert Approval.model_config["extra"] == "forbid"
