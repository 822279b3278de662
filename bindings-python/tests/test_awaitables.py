"""Whatever asyncio, anyio and trio do with a coroutine works with a check, be its answer in memory or a trip away."""

import asyncio
import collections.abc
import contextvars
import sys
import threading

import anyio
import pytest
import trio

from jackstaff import FeatureFlagsClient


@pytest.fixture(params=["memory", "trip"])
def client(request, document, service):
    """A client that answers from memory, and one whose every answer is a trip to the service."""
    if request.param == "memory":
        made = FeatureFlagsClient.from_dict(document, "test")
    else:
        service.answer = lambda body: {"enabled": body["user_id"] != "somebody else"}
        made = FeatureFlagsClient(service.url, "test", 0, evaluation="remote")
    yield made
    made._close()


def test_await(client):
    async def main():
        return [await client.is_enabled("dark_mode", "user123"), await client.is_enabled("dark_mode", "somebody else", True)]

    assert asyncio.run(main()) == [True, False]


def test_gather_gives_each_its_own_answer(client):
    async def main():
        users = ["user123", "somebody else"] * 25
        return await asyncio.gather(*(client.is_enabled("dark_mode", user) for user in users))

    assert asyncio.run(main()) == [True, False] * 25


def test_create_task_wait_for_and_shield(client):
    async def main():
        task = asyncio.create_task(client.is_enabled("dark_mode", "user123"), name="check")
        assert await task is True
        assert await asyncio.wait_for(client.is_enabled("dark_mode", "user123"), 5) is True
        assert await asyncio.shield(client.is_enabled("dark_mode", "user123")) is True
        done, _ = await asyncio.wait([asyncio.ensure_future(client.is_enabled("dark_mode", "user123"))])
        assert done.pop().result() is True
        soonest = asyncio.as_completed([client.is_enabled("dark_mode", "user123"), client.is_enabled("dark_mode", "somebody else")])
        assert sorted([await one for one in soonest]) == [False, True]

    asyncio.run(main())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="task groups came with 3.11")
def test_task_group(client):
    async def main():
        async with asyncio.TaskGroup() as group:
            one = group.create_task(client.is_enabled("dark_mode", "user123"))
            other = group.create_task(client.is_enabled("dark_mode", "somebody else"))
        assert (one.result(), other.result()) == (True, False)

    asyncio.run(main())


def test_asyncio_run_and_run_until_complete_on_the_check_itself(document):
    client = FeatureFlagsClient.from_dict(document, "test")
    assert asyncio.run(client.is_enabled("new_ui", "u")) is True
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(client.is_enabled("new_ui", "u")) is True
    loop.close()


def test_one_loop_after_the_other_and_loops_in_threads(client):
    async def main():
        return await client.is_enabled("dark_mode", "user123"), await client.is_enabled("dark_mode", "somebody else")

    assert [asyncio.run(main()) for _ in range(3)] == [(True, False)] * 3
    found = []
    threads = [threading.Thread(target=lambda: found.append(asyncio.run(main()))) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join(20) for thread in threads]
    assert found == [(True, False)] * 4


def test_a_cancelled_task(client):
    async def main():
        task = asyncio.create_task(client.is_enabled("dark_mode", "user123"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await client.is_enabled("dark_mode", "user123") is True

    asyncio.run(main())


def test_a_trip_that_is_cancelled_or_outlives_its_loop_does_no_harm(service):
    service.delay = 0.3
    client = FeatureFlagsClient(service.url, "test", evaluation="remote")
    failures = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.is_enabled("new_ui", "u"), 0.05)

    asyncio.run(main())  # the loop is closed while the answer is on its way

    async def later():
        await asyncio.sleep(0.5)
        return await client.evaluate("new_ui", "u")

    found = asyncio.run(later())
    assert found.value is True and found.origin == "memory"  # the trip went on, and its answer was kept
    assert failures == [] and len(service.requests) == 1
    client._close()


def test_waits_of_many_tasks_at_once(service):
    service.answer = lambda body: {"enabled": body["user_id"].endswith("7")}
    client = FeatureFlagsClient(service.url, "test", evaluation="remote")

    async def main():
        return await asyncio.gather(*(client.is_enabled("new_ui", f"user{n}") for n in range(100)))

    assert asyncio.run(main()) == [n % 10 == 7 for n in range(100)]
    client._close()


def test_the_loop_goes_on_while_a_check_waits(service):
    service.delay = 0.3
    client = FeatureFlagsClient(service.url, "test", evaluation="remote")

    async def main():
        beats, check = 0, asyncio.ensure_future(client.is_enabled("new_ui", "u"))
        while not check.done():
            await asyncio.sleep(0.005)
            beats += 1
        return beats, check.result()

    beats, enabled = asyncio.run(main())
    assert enabled is True and beats >= 20
    client._close()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(client, backend):
    found = []

    async def one(user):
        found.append(await client.is_enabled("dark_mode", user))

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(one, "user123")
            group.start_soon(client.is_enabled, "dark_mode", "user123")
        with anyio.fail_after(5):
            await one("somebody else")

    anyio.run(main, backend=backend)
    assert found == [True, False]


def test_trio(client):
    async def main():
        with trio.fail_after(5):
            assert (await client.batch_evaluate(["dark_mode"], "u")).keys() == {"dark_mode"}
            assert await client.get_bool("dark_mode", "user123", False) is True
            await client.ready()
        with trio.move_on_after(0):
            await client.is_enabled("dark_mode", "cancelled")
        return await client.is_enabled("dark_mode", "user123")

    assert trio.run(main) is True


def test_ready_raises_what_went_wrong():
    client = FeatureFlagsClient("http://127.0.0.1:9", "test", timeout=0.2)

    async def main():
        with pytest.raises(TimeoutError, match="within"):
            await client.ready(0.2)
        with pytest.raises(TimeoutError, match="version 3"):
            await client.wait_for_version(3, 0.1)
        await client.close()
        with pytest.raises(RuntimeError, match="closed"):
            await client.ready(0.2)

    asyncio.run(main())


def test_without_a_loop_a_wait_says_so():
    client = FeatureFlagsClient("http://127.0.0.1:9", "test", evaluation="remote")
    coroutine = client.is_enabled("new_ui", "u")
    with pytest.raises(RuntimeError, match="event loop"):
        coroutine.send(None)


def test_the_protocol_of_coroutines(document):
    client = FeatureFlagsClient.from_dict(document, "test")
    answer = client.is_enabled("new_ui", "u")
    assert isinstance(answer, collections.abc.Coroutine) and asyncio.iscoroutine(answer)
    with pytest.raises(StopIteration) as stopped:
        answer.send(None)
    assert stopped.value.value is True
    for thrown in (ValueError("mine"), KeyError):
        with pytest.raises(type(thrown) if isinstance(thrown, Exception) else thrown):
            client.is_enabled("new_ui", "u").throw(thrown)
    with pytest.raises(ValueError, match="mine"):
        client.is_enabled("new_ui", "u").throw(ValueError, ValueError("mine"), None)
    assert client.is_enabled("new_ui", "u").close() is None
    with pytest.raises(StopIteration):
        next(client.is_enabled("new_ui", "u").__await__())


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on an answer is a plain coroutine, and Python warns by itself")
def test_a_forgotten_await_is_not_true(document):
    client = FeatureFlagsClient.from_dict(document, "test")
    with pytest.raises(TypeError, match="await"):
        if client.is_enabled("beta_features", "u"):
            pass
    with pytest.raises(TypeError):
        type(client.is_enabled("new_ui", "u"))()


def test_many_answers_leak_no_references(document):
    client = FeatureFlagsClient.from_dict(document, "test")
    user, flag = "user" + str(object()), "new_ui" + str(object())

    async def main():
        for _ in range(1000):
            await client.is_enabled(flag, user, False, context={"a": user})
            await client.is_enabled(flag, user)

    asyncio.run(main())
    before = sys.getrefcount(user), sys.getrefcount(flag), sys.getrefcount(client)
    asyncio.run(main())
    assert (sys.getrefcount(user), sys.getrefcount(flag), sys.getrefcount(client)) == before


def test_context_variables_are_those_of_the_caller(service):
    who = contextvars.ContextVar("who")
    client = FeatureFlagsClient(service.url, "test", evaluation="remote")

    async def main():
        who.set("me")
        await client.is_enabled("new_ui", "u")
        return who.get()

    assert asyncio.run(main()) == "me"
    client._close()
