"""Triage of another product, from its product.yaml alone: what is inside its label and what is outside."""

from datetime import date

import pytest
from test_triage import FOLDER, labels
from test_triage import product as tablet

from smi_bot.library.model import Product
from smi_bot.triage import Rules, load_rules


def inhaler() -> Product:
    """Invented: for asthma from 12 years, two puffs twice a day."""
    return Product(
        id="bronvela",
        version=1,
        name="Bronvela",
        generic="sotalterol",
        company="Fernhollow Pharma",
        fictional=True,
        label_version="1.0",
        indication="Bronvela is approved for people from 12 years with asthma.",
        minimum_age=12,
        strength_mg=2,
        doses_per_day=2,
        units=("puff", "puffs", "inhalation", "inhalations"),
        units_per_dose=2,
        forms=("inhaler",),
        routes=("inhalation",),
        names=("bronvela", "sotalterol"),
        regions={"US": ("US",)},
        contacts={},
        illness_names=("asthma", "asthmatic"),
        illness_places=("lungs",),
        illness_signs=("wheezing", "wheezy", "tight chest"),
        illness_kinds_excluded=("exercise induced asthma",),
        excluded_uses=("copd",),
        excluded_combinations=("salmeterol", "formoterol"),
        effective=date(2026, 10, 1),
        owner="Medical Information",
        last_author="Ines Calder",
    )


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules(FOLDER, inhaler())


@pytest.fixture(scope="module")
def of_tablet() -> Rules:
    return load_rules(FOLDER, tablet())


OUTSIDE = [
    # another illness, or another kind of it
    "does it help with psoriasis?",
    "is it approved for COPD?",
    "would bronvela work for lupus",
    "can I use it for exercise induced asthma?",
    # another age
    "can my 8 year old use it?",
    "is it suitable for a 11yo",
    "is there a dose for children?",
    "may kids under 12 use the inhaler?",
    # another dose or rhythm
    "can I take three puffs?",
    "is one puff enough?",
    "may I use it once a day?",
    "could I use it three times a day?",
    "4 puffs twice a day, ok?",
    "what about 20 mg?",
    "could I take it every other day",
    "only as needed?",
    # another form or route
    "is there a tablet version?",
    "does it come as a syrup?",
    "can it be given via a feeding tube?",
    "is there an injection?",
    # together with what it excludes
    "can I use it together with salmeterol?",
    "bronvela plus formoterol?",
]
INSIDE = [
    "what is bronvela for?",
    "is it for asthma?",
    "does it help with asthma?",
    "is two puffs twice a day right?",
    "do I take 2 puffs in the morning and 2 puffs in the evening?",
    "is it twice daily?",
    "is it 4 mg twice a day?",
    "can my 14 year old use it?",
    "my daughter is 16 years old, can she use the inhaler?",
    "is it approved for teenagers?",
    "how do I clean the inhaler?",
    "is it an inhaler?",
    "can I use it together with methotrexate?",
]


@pytest.mark.parametrize("text", OUTSIDE)
def test_use_outside_another_products_label_is_off_label(text: str, rules: Rules) -> None:
    assert "off-label" in labels(text, rules)


@pytest.mark.parametrize("text", INSIDE)
def test_use_inside_another_products_label_is_not(text: str, rules: Rules) -> None:
    assert "off-label" not in labels(text, rules)


@pytest.mark.parametrize(
    ("text", "for_tablet"),
    [
        ("can I use it together with methotrexate?", True),
        ("does it help with asthma?", True),
        ("may I take it twice daily?", True),
        ("can my 14 year old have it?", True),
        ("is there an inhaler version?", True),
        ("is it for psoriasis?", False),
        ("may I use it once a day?", False),
        ("is there a tablet?", False),
    ],
)
def test_each_product_has_its_own_label(text: str, for_tablet: bool, rules: Rules, of_tablet: Rules) -> None:
    """What one of the two allows, the other does not."""
    assert ("off-label" in labels(text, of_tablet)) is for_tablet
    assert ("off-label" in labels(text, rules)) is not for_tablet


@pytest.mark.parametrize(
    "text",
    [
        "my son used 3 puffs of bronvela too many and his heart is racing",
        "I used my wife's inhaler by mistake",
        "bronvela does nothing for me",
        "my asthma got worse since I use it",
        "I have headaches since the first puff",
        "the inhaler is broken",
        "I'm pregnant and still on bronvela",
        "been using it together with salmeterol for three weeks",
        "used it for my COPD for two months",
    ],
)
def test_reports_about_another_product_are_heard(text: str, rules: Rules) -> None:
    assert labels(text, rules) & {"adverse-event", "special-situation", "product-complaint"}


def test_the_version_is_bound_to_the_product(rules: Rules) -> None:
    changed = inhaler().model_copy(update={"excluded_combinations": ("salmeterol",)})
    assert load_rules(FOLDER, changed).version != rules.version
