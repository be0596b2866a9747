"""The shapes inside a rich_text block."""

from slack_api_shapes import Check, flag, items, kinds, number, one_of, shape, string, typed

_STYLES = shape({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight", "unlink"), flag))
_STYLE: dict[str, Check] = {"style": _STYLES}
_MANY = 1_000  # elements in a row; Slack documents no number

_INLINE = kinds(
    text=typed("text", {"text": string(40_000)}, _STYLE),
    link=typed("link", {"url": string(3_000)}, {"text": string(40_000), "unsafe": flag, **_STYLE}),
    emoji=typed("emoji", {"name": string(100)}, {"unicode": string(100), "skin_tone": number(1, 6), **_STYLE}),
    user=typed("user", {"user_id": string(30)}, _STYLE),
    usergroup=typed("usergroup", {"usergroup_id": string(30)}, _STYLE),
    channel=typed("channel", {"channel_id": string(30)}, _STYLE),
    broadcast=typed("broadcast", {"range": one_of("here", "channel", "everyone")}, _STYLE),
    date=typed(
        "date",
        {"timestamp": number(), "format": string(200)},
        {"url": string(3_000), "fallback": string(3_000), **_STYLE},
    ),
    color=typed("color", {"value": string(30)}, {}),
)

_LINE = {"elements": items(_INLINE, _MANY, least=0)}
_BORDER: dict[str, Check] = {"border": number(0, 1)}
_SECTION = typed("rich_text_section", _LINE, {})

RICH_TEXT = kinds(
    rich_text_section=_SECTION,
    rich_text_quote=typed("rich_text_quote", _LINE, _BORDER),
    rich_text_preformatted=typed("rich_text_preformatted", _LINE, {"language": string(50), **_BORDER}),
    rich_text_list=typed(
        "rich_text_list",
        {"style": one_of("bullet", "ordered"), "elements": items(kinds(rich_text_section=_SECTION), _MANY)},
        {"indent": number(0, 8), "offset": number(), **_BORDER},
    ),
)
