"""What is kept in memory only is bounded: the one used longest ago is forgotten."""

from __future__ import annotations

from chatserver.services.books import Books, Bounded, Typist


def test_the_one_used_longest_ago_is_forgotten() -> None:
    book: Bounded[int, str] = Bounded(3)
    for number in range(1, 4):
        book.put(number, str(number))
    assert book.get(1) == "1"  # used again: 2 is the oldest now
    book.put(4, "4")
    assert [book.get(number) for number in range(1, 5)] == ["1", None, "3", "4"]
    book.put(3, "another")
    assert len(book) == 3


def test_keystrokes_of_many_tickets_are_bounded_as_the_tickets_are() -> None:
    books = Books(limit=5)
    for number in range(100):
        books.typed.put((number, "customer"), number)
    assert len(books.typed) == 5


def test_typists_are_bounded_too() -> None:
    books = Books(limit=5)
    for number in range(100):
        books.typists.put((number, "agent"), Typist())
    assert len(books.typists) == 5
    books.forget()
    assert len(books.typists) == 0
