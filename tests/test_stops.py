"""`library suspend` and `library withdraw`: one signature stops a text at once, and no tampering lets it out again."""

import json
import shutil
from datetime import timedelta

import pytest
from approved import refused, rendered
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import MEDICAL, NOW, a_wording, an_answer, key_of
from signing_desk import Desk, desk, signed_by_two  # noqa: F401 (fixtures)

from smi_bot.errors import LibraryError, NotApproved
from smi_bot.library import read_library
from smi_bot.library.approval import is_genuine, stop, verified
from smi_bot.library.model import Stop
from smi_bot.workbench import signing_commands


def test_one_signature_suspends_a_text_at_once(desk: Desk):
    assert rendered(desk.library, an_answer())
    ended = desk.stop("suspend", "shelf", "alma", "The  shelf\nis gone.")
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines == [
        "suspended: testamol/shelf v1 by alma, medical",
        "commit stops/; on the server, 'smi-bot library publish --stops-only' makes it count within seconds",
    ]
    assert desk.stands() == "suspended"
    refused(desk.library, an_answer())
    assert desk.stored("stops")[0]["reason"] == "The shelf is gone."
    assert desk.run("verify").code == 0


def test_two_people_lift_a_suspension_by_approving_again(desk: Desk):
    desk.stop("suspend", "shelf")
    desk.approve("shelf", "alma")
    assert desk.stands() == "suspended"
    assert desk.library.unapproved()["testamol/shelf"].endswith("two people must approve it again")
    desk.approve("shelf", "bo")
    assert desk.stands() == "effective"
    assert rendered(desk.library, an_answer())
    assert [each["kind"] for each in desk.stored("stops")] == ["suspended"]  # nothing is taken away
    desk.stop("suspend", "shelf")
    assert desk.stands() == "suspended"
    assert len(desk.stored("stops")) == 2


def test_a_withdrawn_text_comes_back_as_a_new_version_only(desk: Desk):
    assert desk.stop("withdraw", "shelf").code == 0
    assert desk.stands() == "retired"
    ended = desk.approve("shelf", "cleo")
    assert (ended.code, "field version: was withdrawn on 2026-11-23 (The dose is wrong.)" in ended.err) == (2, True)
    desk.edit("version: 1", "version: 2")
    assert desk.stands() == "draft"
    desk.approve("shelf", "alma")
    desk.approve("shelf", "bo")
    assert desk.stands() == "effective"


def test_a_withdrawal_takes_all_versions_before_it_along(desk: Desk):
    desk.stop("withdraw", "shelf", "alma", "Wrong.", "--version", "3")
    assert desk.stands() == "retired"
    refused(desk.library, an_answer())
    desk.edit("version: 1", "version: 3")
    assert desk.stands() == "retired"
    desk.edit("version: 3", "version: 4")
    assert desk.stands() == "draft"


def test_a_suspension_concerns_one_version(desk: Desk):
    desk.stop("suspend", "shelf", "alma", "Wrong.", "--version", "2")
    assert desk.stands() == "effective"
    assert "v2 is suspended, and the text is at 1 yet" in desk.run("verify").err


@pytest.mark.parametrize("name", ["testamol/product", "wording/greeting.de", "wording/page"])
def test_every_kind_of_document_can_be_stopped(desk: Desk, name):
    assert desk.stop("suspend", name).code == 0
    assert desk.stands(name) == "suspended"
    if name == "wording/greeting.de":
        assert "Guten Tag" not in rendered(desk.library, a_wording(language="de"))


@pytest.mark.parametrize(("how", "again"), [("suspend", "suspend"), ("withdraw", "suspend"), ("withdraw", "withdraw")])
def test_what_is_stopped_already_is_said_and_not_recorded_twice(desk: Desk, how, again):
    desk.stop(how, "shelf")
    ended = desk.stop(again, "shelf", "bo")
    assert (ended.code, "since 2026-11-23 already (The dose is wrong.)" in ended.err) == (2, True)
    assert len(desk.stored("stops")) == 1


def test_a_suspended_text_may_be_withdrawn(desk: Desk):
    desk.stop("suspend", "shelf")
    desk.stop("withdraw", "shelf", "bo", "It was never right.")
    assert desk.stands() == "retired"
    assert [each["kind"] for each in desk.stored("stops")] == ["suspended", "withdrawn"]


@pytest.mark.parametrize("how", ["suspend", "withdraw"])
def test_only_a_signer_with_their_own_key_and_a_reason_stops_a_text(desk: Desk, how):
    for arguments, expected in (
        (["--as", "nobody", "--key", desk.key("alma"), "--reason", "r"], "nobody: is not in signers.yaml"),
        (["--as", "alma", "--key", desk.key("bo"), "--reason", "r"], "is not the key of 'alma'"),
        (["--as", "alma", "--reason", "r"], "name its file with --key"),
        (["--as", "alma", "--key", desk.key("alma"), "--reason", " \n "], "--reason: is empty"),
        (["--as", "alma", "--key", desk.key("alma")], "Missing option '--reason'"),
    ):
        ended = desk.run(how, "shelf", *arguments)
        assert (ended.code, expected in ended.err) == (2, True), ended.err
    assert desk.stored("stops") == []
    assert desk.stands() == "effective"


def test_even_the_last_author_may_stop_their_text(desk: Desk):
    assert desk.stop("suspend", "shelf", "wil").code == 0
    assert desk.stands() == "suspended"


def test_who_stops_a_draft_is_told_that_people_may_be_getting_another_version(desk: Desk):
    desk.edit("version: 1", "version: 2")
    ended = desk.stop("suspend", "shelf")
    assert ended.code == 0
    assert "v2 is not approved here; if people get another version, stop that one" in ended.err
    assert desk.stop("suspend", "shelf", "alma", "Wrong.", "--version", "1").err == ""


def test_a_text_can_be_stopped_while_another_file_is_broken(desk: Desk):
    desk.edit("owner: Medical Information\n", "", "testamol/dose.md")
    ended = desk.stop("suspend", "shelf")
    assert (ended.code, "give its full name and --version" in ended.err) == (2, True)
    assert desk.stop("suspend", "shelf", "alma", "Wrong.", "--version", "1").code == 2
    for name in ("testamol/nothing", "../../shelf", "testamol/../testamol/shelf"):
        assert desk.stop("suspend", name, "alma", "Wrong.", "--version", "1").code == 2
    assert desk.stop("suspend", "testamol/shelf", "alma", "Wrong.", "--version", "1").code == 0
    assert desk.stop("withdraw", "testamol/shelf", "alma", "Wrong.", "--version", "1").code == 0
    assert desk.stop("withdraw", "testamol/shelf", "alma", "Wrong.", "--version", "1").code == 2
    desk.edit("expires: 2028-10-01\n", "expires: 2028-10-01\nowner: Medical Information\n", "testamol/dose.md")
    assert desk.stands() == "retired"
    assert len(desk.stored("stops")) == 2


def test_a_suspension_from_a_clock_that_runs_ahead_is_not_lifted_in_vain(desk: Desk):
    ahead = stop("testamol/shelf", 1, "suspended", "r", MEDICAL, key_of("alma"), NOW + timedelta(days=9))
    desk.store("stops", [ahead.model_dump(mode="json")])
    ended = desk.approve("shelf", "cleo")
    assert (ended.code, "is dated 2026-12-02T09:00:00+00:00, after now" in ended.err) == (2, True)
    assert "after now; correct the clock" in desk.run("verify").err


# --- tampering


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", "Never mind."),
        ("at", "2026-11-01T09:00:00+00:00"),
        ("signer", "bo"),
        ("signer", "somebody"),
        ("role", "regulatory"),
        ("signature", ""),
        ("signature", "-"),
        ("signature", "AAAA"),
        ("signature", "no base64"),
    ],
)
@pytest.mark.parametrize("how", ["suspend", "withdraw"])
def test_a_stop_with_one_changed_field_still_stops_and_is_named(desk: Desk, how, field, value):
    desk.stop(how, "shelf")
    desk.store("stops", [desk.stored("stops")[0] | {field: value}])
    if not value:  # then it is not even read, and with it no library
        with pytest.raises(LibraryError, match=rf"shelf\.json: field {field}: "):
            read_library(desk.folder)
        return
    refused(desk.library, an_answer())
    ended = desk.run("verify")
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert "and nobody can tell by whom" in ended.err


def test_a_suspension_dated_back_before_the_approvals_still_stops_and_cannot_be_lifted(desk: Desk):
    desk.stop("suspend", "shelf")
    desk.store("stops", [desk.stored("stops")[0] | {"at": "2026-11-01T09:00:00+00:00"}])
    assert desk.stands() == "suspended"
    assert "is stopped, and nobody can verify by whom ('alma')" in desk.library.unapproved()["testamol/shelf"]
    assert desk.run("list", "--standing", "suspended").out.endswith("  signed: nobody\n")
    ended = desk.approve("shelf", "cleo")
    assert (ended.code, "holds a stop that nobody can verify" in ended.err) == (2, True)


def test_a_withdrawal_that_was_made_a_suspension_still_stops_and_is_named(desk: Desk):
    desk.stop("withdraw", "shelf")
    desk.store("stops", [desk.stored("stops")[0] | {"kind": "suspended"}])
    refused(desk.library, an_answer())
    assert "v1 is suspended, and nobody can tell by whom" in desk.run("verify").err


def test_a_stop_carried_to_another_document_is_refused_or_named(desk: Desk):
    desk.stop("withdraw", "shelf")
    (order,) = desk.stored("stops")
    desk.store("stops", [order], "testamol/dose")
    with pytest.raises(LibraryError, match=r"dose\.json: field document: is not 'testamol/dose'"):
        read_library(desk.folder)
    desk.store("stops", [order | {"document": "testamol/dose"}], "testamol/dose")
    ended = desk.run("verify")
    assert (ended.code, "stops/testamol/dose.json: alma: v1 is withdrawn, and nobody can tell" in ended.err) == (
        1,
        True,
    )


def test_a_stop_carried_to_another_version_is_named(desk: Desk):
    desk.edit("version: 1", "version: 2")
    desk.stop("withdraw", "shelf", "alma", "Wrong.", "--version", "1")
    assert desk.stands() == "draft"
    for version, stands in ((2, "retired"), (1, "draft")):
        order = desk.stored("stops")[0]
        desk.store("stops", [order | {"version": version}])
        assert desk.stands() == stands
        named = "v2 is withdrawn, and nobody can tell by whom" in desk.run("verify").err
        assert named == (version == 2)


def test_a_stop_that_is_gone_is_named_beside_what_was_there(desk: Desk, tmp_path):
    desk.stop("withdraw", "shelf")
    before = shutil.copytree(desk.folder, tmp_path / "before")
    desk.commit()
    assert desk.run("verify", "--against", "HEAD").code == 0
    shutil.rmtree(desk.folder / "stops")
    assert desk.run("verify").code == 0  # nothing tells of it here
    for against in ("HEAD", str(before)):
        ended = desk.run("verify", "--against", against)
        assert ended.code == 1
        assert ended.err == (
            "stops/testamol/shelf.json: alma: v1 was withdrawn on 2026-11-23, and that is gone; bring it back\n"
        )


def test_signing_for_the_demo_lifts_no_suspension(desk: Desk):
    desk.run("sign-demo")
    assert desk.stands() == "effective"
    desk.run("suspend", "shelf", "--as", "demo-medical", "--reason", "Wrong.")
    assert desk.run("sign-demo").lines == ["0 documents signed with the worthless demo keys"]
    assert desk.stands() == "suspended"


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(["suspended", "withdrawn"]),
    stopped=st.integers(1, 4),
    version=st.integers(1, 4),
    minutes=st.integers(-5, 5),
    forged=st.booleans(),
)
def test_no_stop_after_the_approvals_lets_its_version_out(signed_by_two, kind, stopped, version, minutes, forged):
    library = read_library(signed_by_two)
    content = library.entries["shelf"].model_copy(update={"version": version})
    order = stop("testamol/shelf", stopped, kind, "r", MEDICAL, key_of("alma"), NOW + timedelta(minutes=minutes))
    order = order.model_copy(update={"reason": "another"}) if forged else order
    assert is_genuine(order, library.signers) != forged
    approvals = [
        signing_commands.sign(content, "testamol/shelf", version, library.signers[who], key_of(who), NOW)
        for who in ("alma", "bo")
    ]
    stops = stopped == version and (kind == "withdrawn" or minutes >= 0 or forged)
    stops |= kind == "withdrawn" and stopped > version
    try:
        verified(content, "testamol/shelf", version, "Wil Author", approvals, library.signers, [order])
    except NotApproved:
        assert stops
    else:
        assert not stops


def test_a_file_of_stops_is_written_whole_or_not_at_all(desk: Desk, monkeypatch):
    desk.stop("suspend", "shelf")
    before = desk.stored("stops")

    def full(self, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    ended = desk.stop("withdraw", "shelf")
    assert (ended.code, "No space left on device" in ended.err) == (2, True)
    assert desk.stored("stops") == before
    assert Stop.model_validate(json.loads(json.dumps(before[0])))
    assert desk.stands() == "suspended"


def test_signers_may_be_kept_outside_the_library(desk: Desk, tmp_path, monkeypatch):
    outside = shutil.move(desk.folder / "signers.yaml", tmp_path / "trusted.yaml")
    assert "nobody" in desk.stop("suspend", "shelf").err
    monkeypatch.setenv("SMI_SIGNERS", str(outside))
    assert desk.stop("suspend", "shelf").code == 0
    desk.commit()
    desk.edit("owner: Medical Information\n", "", "testamol/dose.md")
    assert desk.stop("withdraw", "testamol/shelf", "bo", "Wrong.", "--version", "1").code == 0
    desk.edit("expires: 2028-10-01\n", "expires: 2028-10-01\nowner: Medical Information\n", "testamol/dose.md")
    assert desk.run("verify", "--against", "HEAD").code == 0
    desk.edit("No", "no", "testamol/product.yaml")
    assert "what changed since it was approved last" in desk.approve("testamol/product", "alma").out
