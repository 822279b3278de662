"""Event loops of every kind, one after the other and at once, with one client."""

import asyncio
import threading

import anyio
import pytest

from harness.service import Service
from jackstaff import FeatureFlagsClient


@pytest.fixture(scope="module")
def url(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loops")
    (folder / "flags.yaml").write_text("environments: [production]\nflags:\n  new_ui: {}\n  theme: {type: string, variants: {d: dark}, fallthrough: d}\n")
    with Service(flags=folder / "flags.yaml", data=folder / "data") as service:
        yield service.url


@pytest.fixture(params=["auto", "remote"])
def client(request, url):
    client = FeatureFlagsClient(url, "production", evaluation=request.param)
    yield client
    client._close()


async def every_method(client, user):
    assert await client.is_enabled("new_ui", user) is True
    assert await client.is_enabled("new_ui", user, context={"plan": "pro"}) is True
    assert await client.batch_evaluate(["new_ui", "no_such"], user, True) == {"new_ui": True, "no_such": True}
    assert (await client.evaluate("theme", user)).value == "dark"
    assert await client.get_string("theme", user, "") == "dark"
    assert await client.flag("new_ui").enabled(user) is True
    await client.ready(30)
    await client.wait_for_version(0, 30)
    leave = client.on_change(lambda change: None)
    leave()


async def many(client, name):
    await asyncio.gather(*(every_method(client, f"{name}-{number}") for number in range(20)))


def test_guide_flaw_57_asyncio_run_twice(client):
    for turn in range(3):
        asyncio.run(many(client, f"turn-{turn}"))


def test_guide_flaw_57_several_loops_at_once(client):
    problems = []

    def loop(number):
        try:
            asyncio.run(many(client, f"loop-{number}"))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert problems == []


def test_uvloop(client):
    uvloop = pytest.importorskip("uvloop")
    for turn in range(2):
        uvloop.run(many(client, f"uvloop-{turn}"))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(client, backend):
    async def main():
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(every_method, client, f"{backend}-{number}")

    anyio.run(main, backend=backend)
    anyio.run(every_method, client, "again", backend=backend)


def test_all_of_them_one_after_the_other(client):
    import trio

    asyncio.run(every_method(client, "asyncio"))
    trio.run(every_method, client, "trio")
    asyncio.run(every_method(client, "asyncio again"))


def test_a_cancelled_wait_leaves_nothing_behind(service):
    """The answer of a trip whose caller lost patience is kept for the next one, and no loop hears of it that has ended."""
    service.delay = 0.5
    client = FeatureFlagsClient(service.url, "test", evaluation="remote")

    async def impatient():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.is_enabled("new_ui", "u"), 0.05)

    asyncio.run(impatient())

    async def patient():
        return await client.is_enabled("new_ui", "u")

    assert asyncio.run(patient()) is True and len(service.requests) == 1

    async def impatient_in_trio():
        with anyio.move_on_after(0.05) as scope:
            await client.is_enabled("new_ui", "v")
        assert scope.cancelled_caught

    anyio.run(impatient_in_trio, backend="trio")
    assert asyncio.run(patient()) is True
    client._close()
