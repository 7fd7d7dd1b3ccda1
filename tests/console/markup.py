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

    @property
    def open_choices(self) -> set[str]:
        """Return the required radio groups without a choice: a browser does not send their form."""
        radios = [each for each in self.fields if each.get("type") == "radio"]
        chosen = {each["name"] for each in radios if "checked" in each}
        return {each["name"] for each in radios if "required" in each} - chosen


def check_markup(text: str) -> None:
    """Fail on anything that the content security policy or a screen reader would trip over."""
    markup = Markup(text)
    assert markup.inline == []
    assert markup.doubled_ids == []
    assert markup.nameless_fields == []


class FilledForm(HTMLParser):
    """Collects what a browser would send from the form that carries an attribute."""

    def __init__(self, text: str, marked_by: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._marked_by = marked_by
        self._inside = False
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = self._marked_by in given
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option":
            if self._inside and "selected" in given:
                self._add(self._select, given["value"])
        elif tag == "input" and self._is_sent(given):
            empty = "on" if given.get("type") == "checkbox" else ""
            self._add(given["name"], given.get("value", empty))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False

    def _is_sent(self, given: dict[str, str]) -> bool:
        ticked = given.get("type") not in ("checkbox", "radio") or "checked" in given
        return self._inside and ticked and "name" in given and "disabled" not in given

    def _add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)


def shown_values(text: str, marked_by: str) -> dict[str, list[str]]:
    """Return the fields of a shown form as a browser would send them back."""
    return FilledForm(text, marked_by).values
