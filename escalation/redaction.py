"""Masks what identifies a person before their words are shown on a card. The original stays a logged click away."""

import re
from functools import lru_cache

import phonenumbers

# Before the @: letters of any script and the atext of RFC 5322.
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_LINK = re.compile(r"\b(?:https?://|www\.)\S{1,300}", re.IGNORECASE)
_HANDLE = re.compile(r"(?<!\w)@\w{3,32}")
# Runs of digits as long as record, insurance or card numbers; doses and lab values are shorter, dates are let through.
_NUMBER = re.compile(r"(?<![\w.,])(?!(?:\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4})(?!\w))\d(?:[ -]?\d){7,18}(?!\w)")
_NAMED = re.compile(
    # The lead may be written in any case; the name must be capitalised.
    r"(?P<lead>\b(?i:my name is|my name's|i am called|this is|mr|mrs|ms|miss|dr|prof)\b\.?\s+)"
    r"(?P<name>[A-ZÀ-Þ][\w'-]{1,30}(?:\s+[A-ZÀ-Þ][\w'-]{1,30}){0,2})"
)
_MASK = re.compile(r"\[(?:e-mail|link|handle|phone|number)\]")
_LONGEST = 20_000


@lru_cache(maxsize=512)  # a board shows the same messages again and again, and hostile digits are slow to read
def redact(text: str, country: str | None) -> str:
    """`text` with e-mail addresses, links, handles, telephone and other long numbers and stated names masked.

    `country`: where a telephone number without a country code is from. A rule-based mask: it can miss a name that is
    merely mentioned, which is why cards are for trained eyes only.
    """
    cut = text[:_LONGEST]
    for pattern, mask in ((_EMAIL, "[e-mail]"), (_LINK, "[link]"), (_HANDLE, "[handle]")):
        cut = pattern.sub(mask, cut)
    cut = _without_phones(cut, country)
    cut = _NUMBER.sub("[number]", cut)
    cut = _NAMED.sub(r"\g<lead>[name]", cut)
    return cut if len(text) <= _LONGEST else f"{cut} […]"


def redact_contact(text: str, country: str | None) -> str:
    """A contact card: whatever in it is no number or address is a person's name."""
    masks = _MASK.findall(redact(text, country))
    return " ".join(["[name]", *masks]) if text.strip() else ""


def _without_phones(text: str, country: str | None) -> str:
    found = list(phonenumbers.PhoneNumberMatcher(text, country if country and len(country) == 2 else None))
    for match in reversed(found):
        text = f"{text[: match.start]}[phone]{text[match.end :]}"
    return text
