"""Lists the words that name medicines in MedQuAD's drug questions.

    python -m training.list_medicines medquad_questions.tsv > smi_bot/matching/medicines.txt

The file has the columns `source`, `focus` and `synonyms`. A word counts if it stands for one or two medicines only and
is not heard in everyday talk (everyday.txt): "oral" and "injection" are no names. Only words go into the output.
"""

import csv
import hashlib
import re
import sys
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

SOURCE = "11_MPlusDrugs_QA"
_WORD = re.compile(r"[a-z]{5,}")
# Parts of names that are no names: salts, forms, organs, diseases a vaccine is for.
_PARTS = """acetate bromide calcium chewable chloride citrate disease dropper effervescent enema fever hormone implant
    infection intravitreal lactate magnesium maleate meningococcal mouthwash nitrate pediatric phosphate powder protein
    recombinant release succinate sulfate tartrate therapy transmucosal vaccine virus yellow intranasal vaginal rectal
    sublingual buccal conjugate polysaccharide foods japanese encephalitis rabies typhoid zoster varicella rotavirus
    pneumococcal influenza hepatitis measles mumps rubella diphtheria tetanus pertussis papillomavirus extended
    transdermal liposome complex solution suspension combination combinations oxide hydroxide carbonate potassium sodium
    otic patch shampoo foam lotion cream ointment inhalation sunscreen
    acids actinic alkaloid aluminum anhydrous anthrax bacillus calmette cardiovascular chickenpox contraceptives
    electrolyte erwinia fatty fluoride gamma guerin haemophilus hemangioma histolyticum inactivated infantile influenzae
    intramuscular intrapleural intrauterine intravesical keratosis lozenges omega osteoarthritis polio products
    repository resin shingles silver softeners stool subcutaneous sucrose suppositories thyroid urogenital
    viscous"""


def main(path: str) -> None:
    meant: dict[str, set[str]] = defaultdict(set)
    with Path(path).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["source"] == SOURCE:
                for word in _WORD.findall(f"{row['focus']} {row['synonyms']}".lower()):
                    meant[word].add(row["focus"])
    everyday = files("smi_bot.matching").joinpath("everyday.txt").read_text(encoding="utf-8")
    plain = {line.split()[0] for line in everyday.splitlines() if line}
    parts = set(_PARTS.split())
    print("# Words that name medicines, from the titles of MedQuAD's MedlinePlus drug questions (CC BY 4.0),")
    print(f"# sha256 {hashlib.sha256(Path(path).read_bytes()).hexdigest()}")
    for word in sorted(word for word, focuses in meant.items() if len(focuses) <= 3):
        if word not in plain and word not in parts:
            print(word)


if __name__ == "__main__":
    main(*sys.argv[1:])
