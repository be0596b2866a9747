"""How hard a text is to read: syllables, the grade, and which texts are named."""

import pytest
from checks import SHELF_FILE, found, line_of, replaced

from smi_bot.workbench.checks.readability import grade, readability
from smi_bot.workbench.checks.syllables import syllables

_LISTED = """the 1 tablet 2 take 1 takes 1 taken 2 doses 2 dose 1 medicine 3 prescriber 3 pharmacist 3 psoriasis 4
patient 2 patients 2 serious 3 infection 3 vaccine 2 used 1 wanted 2 needed 2 stopped 1 safety 2 able 2 people 2
every 2 usual 3 diet 2 science 2 experience 4 create 2 area 3 liver 2 kidney 2 blood 1 pressure 2 reported 3
national 3 authority 4 number 2 emergency 4 poison 2 centre 2 immediately 5 treatment 2 severe 2 moderate 3
moderately 4 special 2 medication 4 biologic 4 allergic 3 reaction 3 breathing 2 swelling 2 storage 2 temperature 4
children 2 adult 2 adults 2 pregnancy 3 breastfeeding 3 contraception 4 alcohol 3 vaccination 4 study 2 studies 2
changes 2 being 2 doing 2 trying 2 beyond 2 language 2 equal 2 fluid 2 juice 1 eyes 1 eye 1 stayed 1 something 2
sometimes 2 movement 2 supplement 3 element 3 settled 2 tables 2 muscle 2 helped 1 asked 1 weeks 1 months 1 hours 1
missed 1 skip 1 usually 4 tuberculosis 6 hepatitis 4 cholesterol 4 ingredient 4 lactose 2 approved 2 information 4
symptoms 2 dizziness 3 headache 2 nausea 3 diarrhoea 4"""
WORDS = _LISTED.split()
COUNTED = dict(zip(WORDS[::2], map(int, WORDS[1::2]), strict=True))


def test_syllables_are_right_for_nineteen_of_twenty_common_words_of_patient_texts():
    wrong = [word for word, count in COUNTED.items() if syllables(word) != count]
    assert len(wrong) <= len(COUNTED) // 20, wrong


@pytest.mark.parametrize("word", ["12", "0.5", "2,000", "x", "'s", "hm", "", "ß", "Ärzte", "99%"])
def test_whatever_is_no_english_word_has_a_syllable_at_least(word):
    assert syllables(word) >= 1


def test_the_grade_follows_the_formula_of_kincaid_and_others():
    text = "The cat sat on the mat. " * 5 + "The dog ran to the red hut."  # 37 words, 6 sentences, 37 syllables
    assert grade(text) == pytest.approx(0.39 * 37 / 6 + 11.8 * 37 / 37 - 15.59)


def test_a_product_name_counts_the_same_however_long_it_is():
    text = "Take Zelvanta once a day with a glass of water, and keep it away from heat. " * 4
    longer = text.replace("Zelvanta", "Abracadabramycinimab")
    assert grade(text, ["zelvanta"]) == grade(longer, ["abracadabramycinimab"]) != grade(longer)


def test_points_within_numbers_addresses_and_short_forms_end_no_sentence():
    plain = "You can write to product for more, for example about the dose of one tablet that you take each day " * 2
    with_points = plain.replace("to product", "to a.person@company.example").replace("for example", "e.g.")
    assert grade(with_points) == pytest.approx(grade(plain), abs=2.0)  # three sentences more would be five grades less


def test_each_item_of_a_list_is_a_sentence():
    words = "take one tablet each day with some water"
    assert grade("\n".join(f"- {words}" for _ in range(6))) == grade(f"{words}. " * 6)


def test_of_a_text_of_a_few_words_nothing_is_said():
    assert grade("Immunosuppressive contraindications notwithstanding.") is None


HARD = (
    "Individuals experiencing hypersensitivity reactions following administration should immediately discontinue "
    "utilisation and communicate with appropriately qualified healthcare professionals regarding alternative "
    "therapeutic possibilities, particularly considering concomitant immunosuppressive medications and comorbidities."
)


def test_a_hard_text_for_patients_is_a_warning_with_its_grade(tmp_path):
    replaced(tmp_path, SHELF_FILE, ("Keep it on the **shelf**.", HARD))
    (finding,) = found(readability, tmp_path)
    assert (finding.kind, finding.severity, finding.line) == (
        "readability",
        "warning",
        line_of(tmp_path, SHELF_FILE, "# patient"),
    )
    assert "reads like grade" in finding.reason


def test_a_hard_text_for_professionals_and_an_easy_one_for_patients_are_none(tmp_path):
    easy = "Keep it on the shelf. It is safe there. " * 6
    replaced(tmp_path, SHELF_FILE, ("Shelf storage for all packs.", HARD), ("Keep it on the **shelf**.", easy))
    assert found(readability, tmp_path) == []
