"""A published library as an archive: the same for the same folder, and refused when it was changed."""

import io
import os
import zipfile
from pathlib import Path

import pytest
from libraries import MEDICAL, REGULATORY, signed_library, write_signers

from smi_bot.bundle import Bundle, pack, unpack
from smi_bot.errors import LibraryError
from smi_bot.library import read_library
from smi_bot.matching.gate import Cuts

CUTS = Cuts(answer=0.83, ask=0.25)


def test_what_was_packed_is_read_again_with_its_signatures_and_calibration(tmp_path):
    folder = signed_library(tmp_path / "library")
    assert unpack(pack(folder, None, CUTS), tmp_path / "unpacked") == CUTS
    again = read_library(tmp_path / "unpacked")
    assert again == read_library(folder)
    assert again.unapproved() == {}


def test_equal_folders_make_equal_bundles_whenever_and_in_whatever_order_they_were_written(tmp_path):
    one, other = signed_library(tmp_path / "one"), tmp_path / "other"
    for path in sorted(one.rglob("*"), reverse=True):
        if path.is_file():
            copy = other / path.relative_to(one)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            os.utime(copy, (1, 1))
    assert pack(one, None, CUTS) == pack(other, None, CUTS)


@pytest.mark.parametrize("name", ["testamol/shelf.md", "signers.yaml", "approvals/testamol/shelf.json"])
def test_any_other_word_signer_or_signature_makes_another_bundle(tmp_path, name):
    folder = signed_library(tmp_path / "library")
    before = pack(folder, None, CUTS)
    (folder / name).write_text((folder / name).read_text("utf-8") + "\n", "utf-8")
    assert pack(folder, None, CUTS).digest != before.digest
    assert pack(folder, None, Cuts(0.9, 0.25)).digest != pack(folder, None, CUTS).digest


def test_what_only_lies_beside_a_library_is_left_out(tmp_path):
    folder = signed_library(tmp_path / "library")
    before = pack(folder, None, CUTS)
    (folder / "README.md").write_text("how to write")
    (folder / "testamol" / "shelf.md.orig").write_text("left by an editor")
    assert pack(folder, None, CUTS) == before


def test_trusted_signers_kept_elsewhere_are_packed_in_the_place_of_the_folders_own(tmp_path):
    folder = signed_library(tmp_path / "library")
    trusted = tmp_path / "trusted.yaml"
    write_signers(tmp_path, (MEDICAL,))
    (tmp_path / "signers.yaml").rename(trusted)
    unpack(pack(folder, trusted, CUTS), tmp_path / "unpacked")
    assert set(read_library(tmp_path / "unpacked").signers) == {MEDICAL.id}
    assert set(read_library(folder).signers) == {MEDICAL.id, REGULATORY.id}


def test_a_bundle_that_was_changed_is_refused(tmp_path):
    bundle = pack(signed_library(tmp_path / "library"), None, CUTS)
    forged = io.BytesIO(bundle.content)
    with zipfile.ZipFile(forged, "a") as archive:
        archive.writestr("testamol/other.md", "Take twice as much.")
    with pytest.raises(LibraryError, match="was changed in the database"):
        unpack(Bundle(forged.getvalue(), bundle.digest), tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_what_is_no_archive_is_refused_with_one_line(tmp_path: Path, content):
    import hashlib

    with pytest.raises(LibraryError, match="publish it again") as refused:
        unpack(Bundle(content, hashlib.sha256(content).hexdigest()), tmp_path / "unpacked")
    assert len(str(refused.value).splitlines()) == 1
