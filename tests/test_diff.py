"""`library diff`: what changed in meaning between a folder and another, or a git revision."""

import json
import shutil

import pytest
from commands import command
from hypothesis import example, given, settings
from hypothesis import strategies as st
from libraries import write
from signing_desk import Desk, desk, signed_by_two  # noqa: F401 (fixtures)

from smi_bot.library import read_library
from smi_bot.library.approval import canonical_hash
from smi_bot.workbench.comparing import difference, parts_of, shown, visible


@pytest.fixture
def before(desk, tmp_path) -> str:
    """The folder as it was."""
    return str(shutil.copytree(desk.folder, tmp_path / "before"))


def test_nothing_is_said_where_nothing_changed_in_meaning(desk: Desk, before):
    desk.edit("title: Where do I keep it?", 'title:   "Where do I keep it?"   # the same')
    desk.edit("regions: [US, EU]", "regions:\n- US\n- EU")
    ended = desk.run("diff", "--against", before)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert desk.run("diff", "--against", before, "--json").out == "[]\n"


def test_fields_phrasings_and_sections_are_compared_line_by_line(desk: Desk, before):
    desk.edit("version: 1", "version: 2")
    desk.edit("title: Where do I keep it?", "title: Where is it kept?")
    desk.edit("  - shelf three\n", "  - shelf number three\n")
    desk.edit("Keep it on the **shelf**.", "Keep it in the **drawer**.\n\nNot in the sun.")
    desk.edit("belongs: adverse-event", "belongs: off-label")
    ended = desk.run("diff", "--against", before)
    assert (ended.code, ended.err) == (1, "")
    assert ended.lines == [
        "changed testamol/shelf v1 -> v2",
        "  version",
        "    - 1",
        "    + 2",
        "  title",
        "    - Where do I keep it?",
        "    + Where is it kept?",
        "  phrasings",
        "      shelf two",
        "    - shelf three",
        "    + shelf number three",
        "      shelf four",
        "  near_misses",
        "    - the shelf hurt me  ->  adverse-event",
        "    + the shelf hurt me  ->  off-label",
        "  sections.patient",
        "    - Keep it on the **shelf**.",
        "    + Keep it in the **drawer**.",
        "    + ",
        "    + Not in the sun.",
    ]


def test_two_texts_that_go_by_one_number_are_pointed_out(desk: Desk, before):
    desk.edit("title: Where do I keep it?", "title: Where is it kept?")
    assert desk.run("diff", "--against", before).lines[0] == (
        "changed testamol/shelf v1 (changed without a new version)"
    )


def test_documents_that_came_and_went_are_shown_whole(desk: Desk, before):
    (desk.folder / "wording/greeting.de.md.j2").unlink()
    new = (desk.folder / "testamol/shelf.md").read_text("utf-8").replace("id: shelf", "id: drawer")
    write(desk.folder, {"testamol/drawer.md": new})
    lines = desk.run("diff", "--against", before).lines
    assert "added testamol/drawer v1" in lines
    assert "    + Keep it on the **shelf**." in lines
    assert "removed wording/greeting.de v1" in lines
    assert "    - Guten Tag." in lines


def test_one_document_can_be_compared_alone(desk: Desk, before):
    desk.edit("Safety in Europe.", "Safety in all of Europe.", "testamol/dose.md")
    (desk.folder / "testamol/coupon.md").unlink()
    assert desk.run("diff", "shelf", "--against", before).code == 0
    assert desk.run("diff", "dose", "--against", before).lines[0].startswith("changed testamol/dose")
    assert desk.run("diff", "coupon", "--against", before).lines[0] == "removed testamol/coupon v1"
    assert desk.run("diff", "nothing", "--against", before).code == 2


def test_programs_get_the_parts_before_and_after(desk: Desk, before):
    desk.edit("title: Where do I keep it?", "title: Where is it kept?")
    (found,) = json.loads(desk.run("diff", "--against", before, "--json").out)
    assert found == {
        "document": "testamol/shelf",
        "change": "changed",
        "version": {"from": 1, "to": 1},
        "parts": [{"part": "title", "from": ["Where do I keep it?"], "to": ["Where is it kept?"]}],
    }


# --- git


def test_the_folder_is_compared_with_a_git_revision(desk: Desk):
    (desk.folder / "signers.yaml").unlink()  # who signed is no matter here
    desk.commit(desk.folder.parent)  # the library is a folder inside the checkout
    assert desk.run("diff").code == 0
    desk.edit("title: Where do I keep it?", "title: Where is it kept?")
    assert "    + Where is it kept?" in desk.run("diff").lines
    desk.commit(desk.folder.parent)
    assert desk.run("diff").code == 0
    assert "    - Where do I keep it?" in desk.run("diff", "--against", "HEAD~1").lines


@pytest.mark.parametrize("against", ["no-such-thing", "HEAD~7", "--output=stolen", "-v", ""])
def test_a_revision_that_there_is_not_is_one_clear_line(desk: Desk, against):
    desk.commit()
    ended = desk.run("diff", f"--against={against}")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
    assert against in ended.err
    assert not (desk.folder / "stolen").exists()


def test_a_folder_outside_git_is_one_clear_line(desk: Desk, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(desk.folder.parent))
    ended = desk.run("diff")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
    assert "not a git repository" in ended.err


def test_a_folder_that_git_does_not_hold_is_one_clear_line(desk: Desk):
    desk.commit()
    shutil.copytree(desk.folder / "testamol", desk.folder / "new" / "testamol")
    ended = command("library", "diff", "--library", str(desk.folder / "new"))
    assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
    assert ended.err.startswith("smi-bot: HEAD: git: ")


def test_no_git_is_one_clear_line(desk: Desk, monkeypatch):
    monkeypatch.setenv("PATH", "")
    ended = desk.run("diff")
    assert (ended.code, ended.err) == (
        2,
        "smi-bot: HEAD: git is not installed; name another folder with --against DIR\n",
    )


def test_an_older_text_that_cannot_be_read_is_named_with_its_revision(desk: Desk):
    desk.edit("owner: Medical Information\n", "")
    desk.commit()
    desk.edit("expires: 2028-10-01\n", "expires: 2028-10-01\nowner: Medical Information\n")
    ended = desk.run("diff")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
    assert f"smi-bot: HEAD:{desk.folder}/testamol/shelf.md: field owner: is missing" in ended.err


def test_a_link_that_leads_out_of_the_folder_is_refused(desk: Desk):
    (desk.folder / "testamol/link.md").symlink_to("/etc/hostname")
    desk.commit()
    (desk.folder / "testamol/link.md").unlink()
    ended = desk.run("diff")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
    assert "link" in ended.err.partition("HEAD: ")[2].partition(";")[0]


# --- what is signed and what is shown

LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=12)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "title": LINES,
        "owner": LINES,
        "version": st.integers(1, 3),
        "references": st.lists(LINES, min_size=1, max_size=3).map(tuple),
        "phrasings": st.lists(LINES, min_size=1, max_size=3).map(tuple),
        "regions": st.permutations(["US", "EU"]).map(tuple),
        "sections": st.dictionaries(st.sampled_from(["patient", "hcp", "safety"]), LINES, max_size=3),
    },
)


@settings(deadline=None, max_examples=200)
@example(one={"regions": ("US", "EU")}, other={"regions": ("EU", "US")})
@example(one={"phrasings": ("one", "two")}, other={"phrasings": ("one two",)})
@example(one={"title": "a"}, other={"title": "a\n"})
@example(one={"sections": {"hcp": "a\nb"}}, other={"sections": {"hcp": "a\x85b"}})
@given(one=CHANGES, other=CHANGES)
def test_two_texts_are_shown_as_different_if_they_are_signed_as_different(signed_by_two, one, other):
    content = read_library_once(signed_by_two)
    before, after = content.model_copy(update=one), content.model_copy(update=other)
    found = difference("testamol/shelf", before, after)
    assert (found is None) == (canonical_hash(before) == canonical_hash(after))
    assert (found is None) == (parts_of(before) == parts_of(after))
    if found:
        lines = list(shown(found))
        assert len(lines) > 2
        assert all("\n" not in line and visible(line) == line for line in lines)


_read: dict = {}


def read_library_once(folder):
    if folder not in _read:
        _read[folder] = read_library(folder).entries["shelf"]
    return _read[folder]


@settings(deadline=None)
@example(text="\u202e\u200b\x1b[8m\x85\u2028")
@given(text=st.text(st.characters(codec="utf-8")))
def test_what_a_terminal_would_obey_or_hide_is_made_visible(text):
    assert all(each.isprintable() or each.isspace() for each in visible(text))
    assert not set(visible(text)) & set("\n\r\t\x0b\x0c\x1b\x85\u2028\u2029\u200b\u202e")
    if text.isascii() and text.isprintable():
        assert visible(text) == text
