"""Which text is meant for whom, and how wordings are said."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import FILES, GREETING, NOW, write
from reading_libraries import AUDIENCES, WORDING, served, small  # noqa: F401 (fixtures)

from smi_bot.errors import LibraryError, NotApproved
from smi_bot.inquiry import WordingPart
from smi_bot.library import Library, StandardResponse, read_library

# --- which text is meant for whom


def test_norway_is_a_country_and_not_a_no(small):
    assert small.product is not None
    assert small.product.regions["EU"] == ("DE", "NO")
    assert small.region("NO") == "EU"
    assert "in Europe" in served(small, "dose", "patient", "NO")


@pytest.mark.parametrize(
    ("audience", "country", "text", "safety"),
    [
        ("patient", "US", "as in the United States", "Safety for anybody."),
        ("patient", "DE", "as in Europe", "Safety in Europe."),
        ("patient", "EU", "as in Europe", "Safety in Europe."),
        ("hcp", "US", "5 mg once daily", "Safety for professionals."),
        ("hcp", "DE", "5 mg once daily", "Safety for European professionals."),
    ],
)
def test_each_audience_and_region_has_its_own_text_and_its_own_safety_text(small, audience, country, text, safety):
    markdown = served(small, "dose", audience, country)
    assert text in markdown
    assert markdown.count("Safety") == 1
    assert safety in markdown


def test_an_unknown_country_gets_only_what_is_equal_everywhere(small):
    assert "shelf" in served(small, "shelf", "patient", None)
    for audience in AUDIENCES:  # the text of professionals is equal everywhere, but not their safety text
        assert not small.may_serve("dose", audience, None, NOW.date())
        with pytest.raises(NotApproved, match="an unknown country"):
            served(small, "dose", audience, None)


def test_a_text_of_one_region_is_not_served_to_an_unknown_or_another_country(small):
    assert "coupon" in served(small, "coupon", "patient", "US")
    for country in (None, "DE", "EU", "JP", "ZZ", "OTHER", ""):
        assert not small.may_serve("coupon", "patient", country, NOW.date())


@pytest.mark.parametrize("country", ["JP", "ZZ", "us", "OTHER", "", "U", "\0"])
def test_a_country_that_is_not_listed_gets_no_answer(small, country):
    assert not small.serves(country)
    for entry in small.entries:
        with pytest.raises(NotApproved):
            served(small, entry, "patient", country)


@given(audience=st.sampled_from(AUDIENCES), country=st.sampled_from(["US", "DE", "NO", "EU", None]), data=st.data())
@settings(deadline=None, max_examples=60)
def test_no_variant_ever_shows_a_text_of_another_audience_or_region(tmp_path_factory, audience, country, data):
    """Any set of sections: what is served is the closest one meant for this requester, or nothing."""
    names = [f"{a}{r}" for a in AUDIENCES for r in ("", " US", " EU")]
    names += [f"safety{a}{r}" for a in ("", " patient", " hcp") for r in ("", " US", " EU")]
    sections = {name: f"<{name}>" for name in data.draw(st.sets(st.sampled_from(names)))}
    try:
        entry = StandardResponse.model_validate({**_entry(), "sections": sections})
    except ValueError:
        return
    region = None if country is None else {"US": "US"}.get(country, "EU")
    text, safety = entry.text(audience, region), entry.safety(audience, region)
    regions = ("US", "EU") if region is None else (region,)
    allowed = {f"<{audience}>"} | ({f"<{audience} {region}>"} if region else set())
    assert text is None or text in allowed
    if region:
        assert text is not None
        assert (text == f"<{audience} {region}>") == (f"{audience} {region}" in sections)
    for each in regions:
        wanted = (f"safety {audience} {each}", f"safety {each}", f"safety {audience}", "safety")
        closest = next((f"<{name}>" for name in wanted if name in sections), "")
        assert safety in (closest, "") if region is None else safety == closest
        if region is None and entry.has_one_safety(audience, None):
            assert safety == closest


def _entry() -> dict[str, object]:
    return {
        "id": "x",
        "version": 1,
        "product": "testamol",
        "title": "X?",
        "audiences": AUDIENCES,
        "regions": ("US", "EU"),
        "label_version": "1",
        "effective": date(2026, 1, 1),
        "review_due": date(2026, 2, 1),
        "expires": date(2026, 3, 1),
        "owner": "o",
        "last_author": "a",
        "references": ["r"],
        "phrasings": ["a", "b", "c", "d", "e"],
    }


# --- wordings


def draft(tmp_path: Path, body: str) -> Library:
    """The small library with another greeting, which nobody need approve."""
    write(tmp_path)
    (tmp_path / WORDING).write_text(GREETING.replace("Hello. Call {{ contact.emergency_number }} if you must.", body))
    return read_library(tmp_path, drafts=True)


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ product.__class__.__init__.__globals__ }}",
        "{{ fields.__class__.__base__.__subclasses__() }}",
        "{{ product.model_dump.__func__.__globals__ }}",
        "{{ contact.nothing }}",
        "{{ fields.nothing }}",
        "{{ product.contacts.XX.email }}",
        "{% include 'other' %}",
        "{% for x in range(99999999) %}{% endfor %}",
        "{{ product.name + 1 }}",
        "{{ product.version / 0 }}",
    ],
)
def test_a_template_that_reaches_for_more_than_it_may_raises(body, tmp_path):
    with pytest.raises(LibraryError):
        draft(tmp_path, body).wording_markdown(WordingPart(wording="greeting", country="US"), NOW)


def test_words_that_a_wording_is_given_are_never_read_as_a_template(tmp_path):
    library = draft(tmp_path, "You said {{ fields.said }}")
    part = WordingPart(wording="greeting", country="US", fields={"said": "{{ product.name }} {% raise %}"})
    assert library.wording_markdown(part, NOW)[0] == "You said {{ product.name }} {% raise %}"


def test_a_wording_is_said_in_the_requesters_language_and_else_in_english(small):
    def greeting(language: str) -> tuple[str, str]:
        return small.wording_markdown(WordingPart(wording="greeting", language=language, country="US"), NOW)

    assert greeting("de") == ("Guten Tag.", "wording/greeting.de v1")
    assert greeting("fr") == ("Hello. Call 911 if you must.", "wording/greeting.en v1")


def test_a_wording_may_hold_a_break(tmp_path):
    library = draft(tmp_path, "One.\n\n---\n\nTwo.")
    assert "---" in library.wording_markdown(WordingPart(wording="greeting", country="US"), NOW)[0]


@pytest.mark.parametrize("today", [None, NOW.date()])
def test_a_label_is_shown_in_the_requesters_language_and_else_in_english(small, today):
    assert small.label("specialist", "de", today) == "Mit einem Menschen sprechen"
    assert small.label("specialist", "en", today) == small.label("specialist") == "Talk to a person"
    assert small.label("pressed", "de", today) == "Pressed"  # a translation need not hold every label
    assert small.label("specialist", "fr", today) == "Talk to a person"
    for language in ("en", "de", "fr"):
        with pytest.raises(NotApproved, match="has no label 'nothing'; add it"):
            small.label("nothing", language, today)


def test_each_language_of_the_labels_is_a_document_of_its_own(small):
    documents = dict(small.documents())
    assert {name for name in documents if "page" in name} == {"wording/page", "wording/page.de"}
    assert small.page is documents["wording/page"] is small.pages["en"]
    small.check_labels(NOW.date())
    small.check_labels(NOW.date(), "de")
    small.check_labels(NOW.date(), "fr")  # there is none: English it is


def test_a_library_without_labels_has_no_page(tmp_path):
    write(tmp_path, {name: text for name, text in FILES.items() if "page" not in name})
    library = read_library(tmp_path)
    assert library.page is None
    with pytest.raises(NotApproved):
        library.label("specialist", "de", NOW.date())


def test_a_requester_from_elsewhere_gets_the_contacts_of_elsewhere(small):
    for country in (None, "JP", "DE"):  # the small library has no contacts for Europe of its own
        part = WordingPart(wording="greeting", country=country)
        assert "112" in small.wording_markdown(part, NOW)[0]
