"""The judge finds what it is there to find: a judge that sees nothing would make every test under fault pass."""

from harness.judge import Judge, Truth
from harness.workers import Answer


def answer(version, value, *, at=100.0, took=0.01, flag="f", epoch="e", origin="memory", reason="fallthrough", age=0.0, error=None):
    return Answer(at, at + took, flag, "u", value, version, epoch, origin, reason, age, error)


def judge(*answers):
    truth = Truth()
    truth.began("e")
    truth.wrote("e", "f", 1, True, 10.0)
    truth.wrote("e", "f", 2, False, 20.0)
    truth.began("later")
    truth.wrote("later", "f", 1, True, 30.0)
    return Judge(truth).judge(answers)


def test_what_is_right_is_clean():
    verdict = judge(answer(1, True, at=15), answer(2, False, at=25), answer(0, False, origin="default", reason="error"), answer(1, True, epoch="later"))
    assert verdict.is_clean and (verdict.answers, verdict.defaults, verdict.longest > 0) == (4, 1, True)


def test_what_is_wrong_is_found():
    assert judge(answer(2, True)).wrong, "not what version 2 said"
    assert judge(answer(3, True)).wrong, "there was no version 3"
    assert judge(answer(2, False, epoch="x")).wrong, "nor such an epoch"
    assert judge(answer(0, False, origin="default", reason="flag_not_found")).wrong
    assert judge(answer(0, None, error="ConnectionError")).exceptions


def test_what_goes_back_is_found():
    assert judge(answer(2, False, at=25), answer(1, True, at=25, age=10)).back
    assert judge(answer(1, True, epoch="later"), answer(2, False, age=80)).back, "an older epoch is older, whatever the number"


def test_an_age_that_lies_is_found():
    assert judge(answer(1, True, at=25, age=4)).lies, "it was wrong since 5 seconds, and says 4"
    verdict = judge(answer(1, True, at=25, age=6))
    assert not verdict.lies and verdict.stalest == 5


def test_the_guides_clients_are_held_against_their_own_time_to_live():
    truth = Truth()
    truth.began("e")
    truth.wrote("e", "f", 1, True, 10.0)
    truth.wrote("e", "f", 2, False, 20.0)
    judge = Judge(truth, guide_ttl=3)
    assert judge.judge([answer(0, True, at=22.5), answer(0, False, at=22.5), answer(0, True, at=15)]).is_clean
    assert judge.judge([answer(0, True, at=24)]).wrong
