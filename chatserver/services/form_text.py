"""A ticket form between an administrator and `core.forms`: a definition as JSON, and a sentence for all that is wrong with it.
docs/tickets.md shows how one is written."""

from __future__ import annotations

from typing import Final

import msgspec

from chatserver.core.forms import DEFAULT, Form, Problem, Wrong, problems

FORM_BYTES: Final = 131_072
"""A definition with all that fits has a third of it."""

_SENTENCES: Final[dict[Wrong, str]] = {
    "bad_key": "{where}: {what!r} is no key: write small letters, digits and _, beginning with a letter, at most 32.",
    "reserved_key": "{where}: {what!r} is the name of a usual field: choose another key.",
    "repeated_key": "{where}: {what!r} is there twice: give each its own key.",
    "kind_changed": "{where} was of kind {what!r} before, and has answers of that kind: choose another key for the new kind.",
    "too_many": "{where}: at most {what} fit.",
    "no_label": "{where} needs words in three languages: those of {what!r} are empty, or hold what is not printed.",
    "long_label": "{where}: words have at most {what} characters.",
    "no_words": "{where} needs a label in three languages; only {what} have words of their own.",
    "no_choices": "{where} is a choice without choices: list some, each with key and label.",
    "strange_choices": "{where} has choices, which only a field of kind 'choice' has.",
    "bad_most": "{where}: most is a whole number from 1 to {what}.",
    "bad_country": "{what!r} is no country: write two capitals, like CO.",
    "nothing_to_choose": "{where} is required, and {what} lists nothing to choose from.",
}


class BadForm(ValueError):
    """A definition that cannot be used; `sentences` has one for each thing that is wrong."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def form_from(text: str, before: Form = DEFAULT) -> Form:
    """A definition as an administrator wrote it. `before`: the one that it replaces. Raises BadForm."""
    if len(text.encode(errors="replace")) > FORM_BYTES:
        raise BadForm([f"A form is at most {FORM_BYTES} bytes."])
    try:
        form = msgspec.json.decode(text, type=Form)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as problem:
        raise BadForm([f"This is no form: {problem}. docs/tickets.md shows one."]) from None
    wrong = problems(form, before)
    if wrong:
        raise BadForm([sentence(problem) for problem in wrong])
    return form


def sentence(problem: Problem) -> str:
    return _SENTENCES[problem.code].format(where=problem.where, what=problem.what)


def definition(form: Form) -> str:
    """As `form_from` reads it, with all that is not written too, for people to change."""
    return msgspec.json.format(msgspec.json.encode(msgspec.structs.asdict(form)), indent=2).decode()


def in_words(form: Form) -> list[str]:
    """A line per fact, for an administrator who looks."""
    if form == DEFAULT:
        return ["the usual one"]
    asked = [name for name, how in msgspec.structs.asdict(form.ask).items() if how != "no"]
    return [
        f"asks {', '.join(asked) or 'nothing but subject and description'}",
        *(f"{field.key} ({field.kind}{', required' if field.required else ''})" for field in form.fields),
    ]
