"""What holds for every page: nothing inline, ids once, every field with a name for people."""

from collections import Counter
from html.parser import HTMLParser

VOID_OF_LABEL = {"hidden", "submit", "button"}


class Markup(HTMLParser):
    """Collects what a page must not have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.ids: Counter[str] = Counter()
        self.labels: set[str] = set()
        self.fields: list[dict[str, str]] = []
        self._label_depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "style" or (tag == "script" and "src" not in values):
            self.inline.append(tag)
        self.inline += [
            f"{tag} {name}" for name in values if name == "style" or name.startswith("on")
        ]
        if "id" in values:
            self.ids[values["id"]] += 1
        if tag == "label":
            self._label_depth += 1
            self.labels.add(values.get("for", ""))
        if tag in ("input", "select", "textarea") and values.get("type") not in VOID_OF_LABEL:
            if self._label_depth:
                values["aria-label"] = "in a label"
            self.fields.append(values)

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._label_depth -= 1

    @property
    def nameless_fields(self) -> list[str]:
        """Return the fields that a screen reader could not name."""
        return [
            values.get("name", "?")
            for values in self.fields
            if "aria-label" not in values
            and "aria-labelledby" not in values
            and values.get("id") not in self.labels
        ]

    @property
    def doubled_ids(self) -> list[str]:
        """Return the ids that occur more than once."""
        return [name for name, number in self.ids.items() if number > 1]


def check_markup(text: str) -> None:
    """Fail on anything that the content security policy or a screen reader would trip over."""
    markup = Markup(text)
    assert markup.inline == []
    assert markup.doubled_ids == []
    assert markup.nameless_fields == []
