"""What can go wrong, one function each: breaks a :class:`~harness.stage.Stage` and, when told to go on, mends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.judge import Verdict
from harness.processes import until
from harness.stage import FLAGS, Stage, nonsense
from harness.valkey import Cluster, Sentinel

Fault = Callable[[Stage], Iterator[None]]


def redis_killed(stage: Stage) -> Iterator[None]:
    stage.valkey.kill()
    yield
    stage.valkey.start()


def redis_restarted_empty(stage: Stage) -> Iterator[None]:
    stage.valkey.kill()
    stage.valkey.start()
    yield


def redis_paused(stage: Stage) -> Iterator[None]:
    stage.valkey.pause(4)
    yield
    until(stage.valkey.answers, name="the pause is over")  # nobody can end it early: it holds for CLIENT UNPAUSE too


def redis_full(stage: Stage) -> Iterator[None]:
    stage.valkey.redis.config_set("maxmemory-policy", "noeviction")
    stage.valkey.redis.config_set("maxmemory", 1)
    yield
    stage.valkey.redis.config_set("maxmemory", 0)


def redis_cut(stage: Stage) -> Iterator[None]:
    stage.redis_wire.cut()
    yield
    stage.redis_wire.mend()


def redis_black_hole(stage: Stage) -> Iterator[None]:
    stage.redis_wire.black_hole()
    yield
    stage.redis_wire.mend()


def redis_trickles(stage: Stage) -> Iterator[None]:
    stage.redis_wire.trickle(20)
    yield
    stage.redis_wire.mend()


def redis_reset(stage: Stage) -> Iterator[None]:
    stage.redis_wire.reset()
    yield


def service_killed(stage: Stage) -> Iterator[None]:
    stage.service.kill()
    yield
    stage.service.start()


def service_slow(stage: Stage) -> Iterator[None]:
    stage.wire.delay(10)
    yield
    stage.wire.mend()


def service_talks_nonsense(stage: Stage) -> Iterator[None]:
    target = stage.wire.target
    with nonsense() as port:
        stage.wire.target = port
        stage.wire.reset()
        yield
        stage.wire.target = target
        stage.wire.reset()


def service_cut(stage: Stage) -> Iterator[None]:
    stage.wire.cut()
    yield
    stage.wire.mend()


def service_black_hole(stage: Stage) -> Iterator[None]:
    stage.wire.black_hole()
    yield
    stage.wire.mend()


def service_trickles(stage: Stage) -> Iterator[None]:
    stage.wire.trickle(20)
    yield
    stage.wire.mend()


def service_restored_from_a_backup(stage: Stage) -> Iterator[None]:
    backup = stage.back_up()
    for flag in FLAGS * 2:
        stage.flip(flag)
    time.sleep(1)
    stage.restore(backup)
    yield


def both_cut(stage: Stage) -> Iterator[None]:
    stage.wire.cut()
    stage.redis_wire.cut()
    yield
    stage.redis_wire.mend()
    stage.wire.mend()


#: On one stage, one after the other.
SINGLE: list[Fault] = [
    redis_killed,
    redis_restarted_empty,
    redis_paused,
    redis_full,
    redis_cut,
    redis_black_hole,
    redis_trickles,
    redis_reset,
    service_killed,
    service_slow,
    service_talks_nonsense,
    service_cut,
    service_black_hole,
    service_trickles,
    service_restored_from_a_backup,
    both_cut,
]


@dataclass
class Outcome:
    """What the clients made of a fault: a verdict each, and how long each took to serve a change after it."""

    fault: str
    verdicts: dict[str, Verdict]
    recovery: dict[str, float]


def suffer(stage: Stage, fault: Fault, hold: float, patience: float = 60) -> Outcome:
    """Breaks, changes a flag where somebody is left to be told, holds, mends, and waits until all is as before."""
    stage.judge()
    breaking = contextmanager(fault)(stage)
    with breaking:
        if stage.service.process.poll() is None:
            stage.flip(FLAGS[0])
        time.sleep(hold)
    recovery = stage.recovery(FLAGS[1], patience)
    return Outcome(fault.__name__, stage.judge(), recovery)


def shares_again(stage: Stage) -> None:
    """Waits until answers are shared in Redis again."""
    stage.valkey.redis.flushall()
    until(lambda: stage.valkey.keys("ff_eval:*"), 60, 0.2, "answers are written to Redis again")


@contextmanager
def failed_over(hold: float) -> Iterator[Outcome]:
    """The primary behind a Sentinel is killed."""
    with Sentinel() as group, Stage(f"redis+sentinel://127.0.0.1:{group.port}/{group.NAME}/0") as stage:
        until(lambda: group.primary.keys("ff_eval:*"), 60, 0.2, "answers are written to the primary")

        def fault(stage: Stage) -> Iterator[None]:
            group.fail_over()
            yield

        fault.__name__ = "redis_failed_over"
        outcome = suffer(stage, fault, hold)
        group.primary.redis.flushall()
        until(lambda: group.primary.keys("ff_eval:*"), 60, 0.2, "answers are written to the new primary")
        yield outcome


@contextmanager
def resharded(hold: float) -> Iterator[Outcome]:
    """A third of the slots that are in use moves to another node of a cluster."""
    with Cluster() as cluster:
        nodes = ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes)
        with Stage(f"redis+cluster://{nodes}") as stage:
            until(lambda: any(node.keys("ff_eval:*") for node in cluster.nodes), 60, 0.2, "answers are written to the cluster")
            slots = sorted({cluster.slot(key) for node in cluster.nodes for key in node.keys("ff_eval:*")})

            def fault(stage: Stage) -> Iterator[None]:
                for number, slot in enumerate(slots):
                    cluster.reshard([slot], (cluster.owner(slot) + 1 + number % 2) % 3, pause=0.05)
                yield

            fault.__name__ = "redis_resharded"
            outcome = suffer(stage, fault, hold)
            for node in cluster.nodes:
                node.redis.flushall()
            until(lambda: any(node.keys("ff_eval:*") for node in cluster.nodes), 60, 0.2, "answers are written to the cluster again")
            yield outcome
