"""Pages as a browser reads them: tags, attributes and words."""

from html.parser import HTMLParser

#: What our pages are made of. Anything else was written by somebody else.
TAGS = frozenset([
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td",
    "div", "section", "span", "ul", "ol", "li", "a", "strong", "em", "blockquote", "code", "pre", "hr", "br",
])  # fmt: skip
ATTRIBUTES = frozenset(["lang", "charset", "http-equiv", "content", "name", "class", "href"])


class Paper(HTMLParser):
    """`cells`: the words of the elements of class `asked`. `links`: where links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.cells: list[str] = []
        self.words = ""
        self._inside = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        self._inside = dict(attrs).get("class") == "asked"
        if self._inside:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        self.words += data
        if self._inside:
            self.cells[-1] += data

    @property
    def is_ours(self) -> bool:
        """Whether nothing in it does anything, leads anywhere odd, or is fetched."""
        safe = all(link.startswith(("https://", "http://", "mailto:", "tel:")) for link in self.links)
        return set(self.tags) <= TAGS and self.attributes <= ATTRIBUTES and safe
