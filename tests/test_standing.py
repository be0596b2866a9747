"""Where a document stands: draft, in review, approved, effective, suspended, expired, retired; and `library list`."""

import json
from datetime import date, timedelta

import pytest
from approved import refused, rendered
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import MEDICAL, NOW, REGULATORY, an_answer, key_of
from signing_desk import Desk, desk, signed_by_two  # noqa: F401 (fixtures)

from smi_bot.library import read_library
from smi_bot.library.approval import sign, stop
from smi_bot.library.standing import standing
from smi_bot.workbench.approving import with_approvals
from smi_bot.workbench.listing import listed


def test_a_response_goes_through_its_whole_life(desk: Desk):
    desk.edit("version: 1", "version: 2")
    desk.edit("effective: 2026-10-01", "effective: 2026-12-01")
    lived = [desk.stands()]
    for step in (
        lambda: desk.approve("shelf", "alma"),
        lambda: desk.approve("shelf", "bo"),
        lambda: setattr(desk, "now", NOW.replace(month=12, day=1)),
        lambda: desk.stop("suspend", "shelf"),
        lambda: (desk.approve("shelf", "cleo"), desk.approve("shelf", "alma")),
        lambda: setattr(desk, "now", NOW.replace(year=2028, month=10, day=1)),
        lambda: desk.stop("withdraw", "shelf"),
    ):
        step()
        lived.append(desk.stands())
    assert lived == ["draft", "in review", "approved", "effective", "suspended", "effective", "expired", "retired"]


def test_a_new_version_of_the_label_suspends_all_that_rests_on_the_one_before(desk: Desk):
    desk.edit('label_version: "1.0"', 'label_version: "2.0"', "testamol/product.yaml")
    assert {desk.stands(f"testamol/{id}") for id in ("shelf", "dose", "coupon")} == {"suspended"}
    assert desk.stands("wording/greeting.en") == "effective"
    refused(desk.library, an_answer())


@settings(deadline=None, max_examples=80)
@given(
    signed=st.sets(st.sampled_from(["alma", "bo"])),
    day=st.dates(date(2026, 9, 25), date(2026, 10, 5)) | st.dates(date(2028, 9, 25), date(2028, 10, 5)),
    stopped=st.sampled_from([None, "suspended", "withdrawn"]),
    before=st.booleans(),
)
def test_what_is_sent_is_effective_and_nothing_else_is(signed_by_two, signed, day, stopped, before):
    library, name = read_library(signed_by_two), "testamol/shelf"
    content = library.entries["shelf"]
    people = {"alma": MEDICAL, "bo": REGULATORY}
    approvals = [sign(content, name, 1, people[who], key_of(who), NOW) for who in sorted(signed)]
    library = with_approvals(library, name, approvals)
    at = NOW + timedelta(minutes=-1 if before else 1)
    if stopped:
        library.stops[name] = (stop(name, 1, stopped, "r", MEDICAL, key_of("alma"), at),)
    now = NOW.replace(year=day.year, month=day.month, day=day.day)
    stands = standing(library, name, content, day)
    if stands == "effective":
        assert rendered(library, an_answer(), now=now)
        assert len(signed) == 2
    else:
        refused(library, an_answer(), now=now)
    assert (stands == "retired") == (stopped == "withdrawn")
    assert next(each for each in listed(library, day) if each.document == name).standing == stands


# --- `library list`


def test_all_documents_are_listed_with_where_they_stand(desk: Desk):
    desk.edit("on the **shelf**", "in the **drawer**")
    desk.approve("shelf", "cleo")
    ended = desk.run("list")
    assert (ended.code, ended.err, len(ended.lines)) == (0, "", 9)
    assert "in review  testamol/shelf v1  2026-10-01 to 2028-10-01  Medical Information  signed: cleo" in ended.lines
    assert "effective  testamol/product v1  2026-10-01 to -  Medical Information  signed: alma, bo" in ended.lines


@pytest.mark.parametrize("stands", ["draft", "effective", "suspended"])
def test_a_list_can_be_of_one_standing(desk: Desk, stands):
    desk.edit("on the **shelf**", "in the **drawer**")
    desk.stop("suspend", "dose")
    documents = {each["document"] for each in json.loads(desk.run("list", "--standing", stands, "--json").out)}
    expected = {"draft": {"testamol/shelf"}, "suspended": {"testamol/dose"}}
    everything = {name for name, _ in desk.library.documents()}
    assert documents == expected.get(stands, everything - {"testamol/shelf", "testamol/dose"})


def test_a_standing_that_there_is_not_is_wrong_use(desk: Desk):
    ended = desk.run("list", "--standing", "published")
    assert (ended.code, "--standing: 'published' is none of" in ended.err, ended.out) == (2, True, "")


def test_a_review_that_is_due_is_said_and_keeps_nothing_from_being_listed(desk: Desk):
    desk.edit("review_due: 2027-10-01", "review_due: 2027-10-02", "testamol/dose.md")
    desk.approve("dose", "alma")
    desk.approve("dose", "bo")
    desk.stop("withdraw", "coupon")
    desk.now = NOW.replace(year=2027, month=10, day=1)
    ended = desk.run("list")
    assert (ended.code, len(ended.lines)) == (0, 9)
    assert "testamol/shelf v1: its review was due on 2027-10-01" in ended.err
    assert "wording/page v1: its review was due on 2027-10-01" in ended.err
    for not_due in ("dose", "coupon", "product"):
        assert not_due not in ended.err
    desk.now = NOW.replace(year=2027, month=10, day=2)
    assert "testamol/dose v1: its review was due on 2027-10-02" in desk.run("list").err


def test_programs_get_a_list_with_every_field(desk: Desk):
    found = {each["document"]: each for each in json.loads(desk.run("list", "--json").out)}
    assert found["testamol/shelf"] == {
        "document": "testamol/shelf",
        "version": 1,
        "standing": "effective",
        "effective": "2026-10-01",
        "review_due": "2027-10-01",
        "expires": "2028-10-01",
        "owner": "Medical Information",
        "signed_by": ["alma", "bo"],
        "review_overdue": False,
    }
    assert (found["testamol/product"]["review_due"], found["testamol/product"]["expires"]) == (None, None)
