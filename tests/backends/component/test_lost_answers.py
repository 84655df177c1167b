"""Answers of the server that go to another connection with our address."""

from __future__ import annotations

from tigrest.backends.component.lost_answers import LostAnswers


def asked(*ids: str, regained: int = 3) -> LostAnswers:
    answers = LostAnswers(regained)
    for id in ids:
        answers.asked(id)
    return answers


def test_an_answer_is_lost_when_a_later_one_has_come() -> None:
    answers = asked("1", "2", "3")
    assert not any(answers.is_lost(id) for id in "123")
    answers.answered("2")
    assert [answers.is_lost(id) for id in "123"] == [True, False, False]
    assert [answers.is_latest(id) for id in "13"] == [False, True]


def test_one_that_comes_late_was_not_lost() -> None:
    answers = asked("1", "2")
    answers.answered("2")
    answers.answered("1")
    assert not answers.is_lost("1")
    assert not answers.is_losing
    assert not answers.is_latest("1")


def test_the_first_loss_is_told_once() -> None:
    answers = asked("1", "2", "3")
    answers.answered("3")
    assert [answers.lose(), answers.lose()] == [True, False]
    assert answers.is_losing


def test_the_next_stream_loses_nothing_yet_but_counts_on() -> None:
    answers = asked("1", "2")
    answers.answered("2")
    answers.lose()
    following = answers.anew()
    assert (following.is_losing, following.count, following.is_lost("1")) == (False, 1, False)
    following.lose()
    assert following.count == 2


def test_answers_arrive_again_after_some_in_a_row() -> None:
    answers = asked("lost", "1", "2", "missing", "3", "4", "5", "6")
    assert not answers.answered("1")
    answers.lose()
    answers.forget("lost")
    assert not answers.answered("2")
    assert not answers.answered("3")  # one before it is missing: it begins anew
    answers.lose()
    answers.forget("missing")
    assert [answers.answered(id) for id in "456"] == [False, False, True]


def test_nothing_arrives_again_where_nothing_got_lost() -> None:
    answers = asked(*"123456")
    assert not any(answers.answered(id) for id in "123456")
