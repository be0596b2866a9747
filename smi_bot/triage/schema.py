"""The files under `responses/triage`, as pydantic models. Unknown keys are errors."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from smi_bot.decision import Label, ServiceKind
from smi_bot.errors import LibraryError
from smi_bot.plain_yaml import YamlFault, load_yaml

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Content = TypeVar("Content", bound="_Strict")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Concept(_Strict):
    """Words and phrases of one kind. `stem*` stands for every word with that beginning, `a/b c` for `a c` and `b c`.

    `typos`: words of six letters and more are also recognised with a slip of the keyboard.
    `loose`: the words of a phrase keep their own meanings as well; for turns of phrase rather than terms.
    """

    words: list[Phrase] = Field(min_length=1)
    typos: bool = False
    loose: bool = False


class _Explained(_Strict):
    """What drug-safety people read first; it changes no decision.

    `reason`: one sentence, why these words mean that. `source`: the definition it rests on.
    """

    name: Name
    reason: Phrase
    source: Phrase


class Examples(_Strict):
    """Messages that show what it does. `fires`: it holds. `silent`: near misses. The tests read every one."""

    fires: list[Phrase] = Field(min_length=2)
    silent: list[Phrase] = Field(min_length=2)


class RuleExamples(Examples):
    fires: list[Phrase] = Field(min_length=3)
    silent: list[Phrase] = Field(min_length=3)


class Context(_Explained):
    """A turn of phrase that takes the force out of an event: denied, asked about, before treatment, …

    Events inside the matched words no longer count. `always` contexts (denial) also hold for urgent rules;
    `whole_message` contexts take the force out of every event of the message.
    An example fires if the message gets no safety label because of the context.
    """

    examples: Examples
    match: list[Phrase] = Field(min_length=1)
    always: bool = False
    whole_message: bool = False


class Doubt(_Explained):
    """Words that suggest a particular case. `unless` is read in the same sentence, `without` in the whole message."""

    examples: Examples
    match: list[Phrase] = Field(min_length=1)
    unless: list[Phrase] = []
    without: list[Phrase] = []
    needs: list[Phrase] = []


class Rule(Doubt):
    """A doubt with a name: it labels the message. `needs` must be found somewhere in the message."""

    label: Label
    examples: RuleExamples


class Service(_Strict):
    """A whole-message intent: every word belongs to one of `whole` and one to `core`, or a pattern matches."""

    kind: ServiceKind
    examples: Examples
    core: list[Name] = []
    whole: list[Name] = []
    match: list[Phrase] = []
    without: list[Phrase] = []


class Grammar(_Strict):
    """One file. Files of the same language are read as one."""

    language: Language = "en"
    concepts: dict[Name, Concept] = {}
    shapes: dict[Name, list[Phrase]] = {}
    emoji: dict[Name, str] = {}
    events: list[Name] = []
    contexts: list[Context] = []
    rules: list[Rule] = []
    doubts: list[Doubt] = []
    services: list[Service] = []


class Languages(_Strict):
    """How to tell which language a message is written in.

    `markers`: words of one language that English does not have; `english`: words that speak for English;
    `accents`: letters and marks that one language alone uses; `scripts`: Unicode names' first word -> language.
    """

    english: list[Phrase]
    markers: dict[Language, list[Phrase]]
    accents: dict[Language, str] = {}
    scripts: dict[str, Language]


def read_yaml(path: Path, model: type[Content]) -> Content:
    """Reads one file. Raises LibraryError naming file, field and mend."""
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
        return model.model_validate(content if content is not None else {})
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(f"{path}: cannot be read ({error}); restore the file in UTF-8") from error
    except YamlFault as fault:
        where = f", line {fault.line}" if fault.line else ""
        raise LibraryError(f"{path}: is not YAML ({fault}{where}); correct the file") from fault
    except ValidationError as error:
        raise LibraryError(_first(path, content, error)) from error


def _first(path: Path, content: Any, error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    field = ".".join(_named(content, problem["loc"])).replace(".'", " '") or "the file"
    return f"{path}: {field}: {problem['msg']}; {_mend(problem['type'])}"


def _named(content: Any, loc: tuple[int | str, ...]) -> Iterator[str]:
    """The way to a value; items of a list by their own name where they have one: rules 'own-symptom'.reason."""
    for part in loc:
        try:
            content = content[part]
        except (LookupError, TypeError):
            content = None
        name = content.get("name") if isinstance(part, int) and isinstance(content, dict) else None
        yield f"'{name}'" if name else str(part)


def _mend(kind: str) -> str:
    mends: dict[str, Callable[[], str] | str] = {
        "extra_forbidden": "remove or rename this key",
        "missing": "add this key",
        "too_short": "add more",
        "string_type": "put the value between quotation marks",
    }
    return str(mends.get(kind, "correct this value"))
