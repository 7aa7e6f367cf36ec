"""What is kept and made anew in the background: nobody waits for it twice, and nobody gets another stamp's."""

from __future__ import annotations

import time
from threading import Barrier, Event, Thread

from echosearch.web.background.refreshed import Dated, Refreshed


def wait_for(value: Refreshed[int], expected: int) -> None:
    deadline = time.monotonic() + 20
    while (known := value.get(5)) is None or known.value != expected:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_old_value_is_given_while_the_new_one_is_made() -> None:
    may_go_on, made = Event(), iter(range(1, 9))
    may_go_on.set()

    def make() -> int:
        assert may_go_on.wait(20)
        return next(made)

    value = Refreshed(make, 0.0)
    first = value.get(20)
    assert first is not None
    assert first.value == 1
    may_go_on.clear()
    assert [value.get(0), value.get(0)] == [first, first]  # both are answered, one thread makes the next
    may_go_on.set()
    wait_for(value, 2)


def test_many_who_ask_at_once_wait_for_one_making() -> None:
    calls, together, found = [], Barrier(8), []

    def make() -> int:
        calls.append(1)
        time.sleep(0.2)
        return len(calls)

    value = Refreshed(make, 60.0)

    def ask() -> None:
        together.wait()
        found.append(value.get(20))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {known.value for known in found if known is not None} == {1}
    assert (len(found), len(calls)) == (8, 1)


def test_a_value_of_another_stamp_is_not_given() -> None:
    stamp = ["first"]
    value: Refreshed[str] = Refreshed(lambda: stamp[0], 60.0, lambda: stamp[0])
    first = value.get(20)
    assert isinstance(first, Dated)
    stamp[0] = "second"
    second = value.get(20)
    assert second is not None
    assert (first.value, second.value) == ("first", "second")


def test_a_failure_gives_nothing_or_what_was_there_before() -> None:
    answers: list[int | None] = [None, None, 7, None]

    def make() -> int:
        answer = answers.pop(0)
        if answer is None:
            raise OSError("no database")
        return answer

    value = Refreshed(make, 0.0)
    assert value.get(20) is None  # tried twice at most
    wait_for(value, 7)
    kept = value.get(0)
    assert kept is not None
    assert kept.value == 7
