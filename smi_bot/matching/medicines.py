"""Which words name a medicine: INN stems and lists. A wrong medicine must never pass as ours."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

# Stems of international nonproprietary names (WHO, "The use of stems in the selection of INN"), as endings; only those
# that hardly end an everyday word. `listed` names cover brands and the rest.
_STEMS = re.compile(
    r"""^[a-z]{2,}(?:
    [a-z]mab|[a-z]tinib|rafenib|ciclib|parib|zomib|milast|nercept|tacept|liximod|imod
    |statin|prazole|conazole|nidazole|bendazole|sartan|[a-z]{2}pril|[aeiou]lol|cillin|mycin|micin|floxacin|cycline
    |[a-z]vir|vudine|tidine|dipine|gliptin|gliflozin|glutide|natide|gatran|xaban|parin|grelor|triptan|setron|oxetine
    |azepam|azolam|barbital|[a-z]caine|dronate|fenac|profen|coxib|asteride|thiazide|semide|zosin|phylline|lukast|limus
    |trexate|sporin|taxel|rubicin|platin|citabine|fibrate|glitazone|formin|thyroxine|asone|isone|olone|onide|tretin
    |azepine|toin|bactam|penem|oxacin|quine|pristin|afil|curium|terone|estradiol|gestrel|profen|triptyline|pramine
    |peridone|tiapine|lanzapine|racetam|gabalin|pentin|codone|morphone|orphan|cetamol
    )$""",
    re.VERBOSE,
)
# Classes of medicines that people name instead.
_CLASSES = """antibiotic antibiotics anticoagulant anticoagulants antidepressant antidepressants antiepileptic
    antihistamine antihistamines antipsychotic antipsychotics antiviral antivirals benzodiazepine benzodiazepines
    betablocker betablockers bisphosphonate bisphosphonates diuretic diuretics insulin opioid opioids ssri ssris statin
    statins steroid steroids triptan triptans"""
# Everyday words that end like one.
_EVERYDAY = frozenset(("april", "pavlov", "reservoir", "quine"))


@dataclass(frozen=True, slots=True)
class Medicines:
    """`names`: known names of medicines, lower case. `own`: names of our product, which are none of the others."""

    names: frozenset[str]
    own: frozenset[str]

    def listed(self, word: str) -> bool:
        return word in self.names and word not in self.own

    def named(self, word: str) -> bool:
        """Is this lower-case word the name of a medicine that is not ours?"""
        if word in self.own or word in _EVERYDAY:
            return False
        return word in self.names or (len(word) >= 6 and _STEMS.match(word) is not None)


def medicines(names: Iterable[str], own: Iterable[str]) -> Medicines:
    """`names` beside those of medicines.txt; of a name of several words each word of four letters or more counts."""
    shipped = files("smi_bot.matching").joinpath("medicines.txt").read_text(encoding="utf-8")
    words = {word for word in shipped.splitlines() if word and not word.startswith("#")}
    words |= set(_CLASSES.split())
    words |= {word for name in names for word in re.findall(r"[^\W_]+", name.casefold()) if len(word) > 3}
    return Medicines(frozenset(words), frozenset(name.casefold() for name in own))
