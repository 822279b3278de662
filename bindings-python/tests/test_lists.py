"""Lists of flags and names of attributes are remembered between calls: nobody may notice but by the clock."""

import threading

import pytest

from jackstaff import SyncFeatureFlagsClient

NAMES = ["new_ui", "dark_mode", "beta_features", "unknown", "theme"]


@pytest.fixture
def client(document):
    with SyncFeatureFlagsClient.from_dict(document, "test") as client:
        yield client


def one_by_one(client, names, user, default=False, context=None):
    return {name: client.is_enabled(name, user, default, context=context) for name in names}


@pytest.mark.parametrize("default", [False, True])
def test_a_list_that_comes_again_is_answered_as_the_first_time(client, default):
    for user in ["user123", "nobody", 42] * 3:
        answers = client.batch_evaluate(NAMES, user, default)
        assert answers == one_by_one(client, NAMES, user, default)
        assert list(answers) == NAMES and all(type(value) is bool for value in answers.values())


def test_the_answer_is_the_callers_own(client):
    for _ in range(4):
        answers = client.batch_evaluate(NAMES, "user123")
        assert answers == one_by_one(client, NAMES, "user123")
        answers["new_ui"] = "spoilt"
        del answers["dark_mode"]
        answers["more"] = True


def test_a_list_that_is_changed_between_calls_is_another_list(client):
    names = list(NAMES)
    for _ in range(3):
        client.batch_evaluate(names, "user123")
    names[0] = "half"
    assert list(client.batch_evaluate(names, "user123")) == ["half", *NAMES[1:]]
    names.pop()
    assert list(client.batch_evaluate(names, "user123")) == ["half", *NAMES[1:-1]]
    names.append(7)
    with pytest.raises(TypeError, match="flag_name is 7"):
        client.batch_evaluate(names, "user123")


def test_lists_of_the_same_names_are_the_same_whatever_they_are_made_of(client):
    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            raise AssertionError("nobody's business")

    for _ in range(3):
        made = ["".join([name[:2], name[2:]]) for name in NAMES]
        expected = one_by_one(client, NAMES, "user123")
        assert client.batch_evaluate(made, "user123") == expected
        assert client.batch_evaluate(tuple(made), "user123") == expected
        assert client.batch_evaluate(made + made, "user123") == expected
        assert client.batch_evaluate((name for name in made), "user123") == expected
    assert len(client.batch_evaluate([Name("new_ui")], "user123")) == 1


def test_many_lists_and_long_ones_and_empty_ones(client):
    lists = [[*NAMES, f"flag-{number}"] for number in range(50)] + [[], [f"flag-{number}" for number in range(3_000)]]
    for _ in range(4):
        for names in lists:
            assert client.batch_evaluate(names, "user123") == one_by_one(client, names, "user123")


def test_names_that_are_no_unicode_are_refused_each_time(client):
    for _ in range(4):
        with pytest.raises(ValueError, match="surrogate"):
            client.batch_evaluate(["new_ui", "\ud800"], "user123")


def test_names_of_attributes_are_told_apart_however_many_there_are(client):
    for number in range(2_000):  # far more than are remembered, and each object at its own time at some address
        names = [f"attribute-{number}-{at}" for at in range(3)] + ["plan"]
        context = {name: "pro" if name == "plan" else "x" for name in names}
        assert client.is_enabled("pro_only", "u", context=context)
        assert not client.is_enabled("pro_only", "u", context={f"no-{name}": "pro" for name in names})


def test_an_attribute_that_asks_while_it_is_read(client):
    class Name(str):
        pass

    class Plan(dict):
        def items(self):
            seen.append(client.is_enabled("pro_only", "u", context={"plan": "pro"}))
            return [("plan", "pro"), (Name("name"), "x")]

    import collections

    class Mapping(collections.UserDict):
        def items(self):
            return Plan().items()

    seen = []
    assert client.is_enabled("pro_only", "u", context=Mapping())
    assert seen == [True]


def test_threads_may_share_lists_and_names(client):
    wrong = []

    def ask(plan):
        for _ in range(2_000):
            expected = plan == "pro"
            if client.batch_evaluate(["pro_only", "new_ui"], "u", context={"plan": plan}) != {"pro_only": expected, "new_ui": True}:
                wrong.append(plan)

    threads = [threading.Thread(target=ask, args=(plan,)) for plan in ("pro", "free", "pro", "free")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
