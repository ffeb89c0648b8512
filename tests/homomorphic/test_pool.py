"""Workers for several owners: never shared, never more than so many, and given back."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from velatura.errors import BadInput, Missing
from velatura.homomorphic.pool import Pool


@dataclass(eq=False)
class Made:
    """In a worker's place: remembers whose it is and whether it was closed."""

    owner: bytes
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class Maker:
    made: list[Made] = field(default_factory=list)

    def __call__(self, owner: bytes) -> Made:
        self.made.append(Made(owner))
        return self.made[-1]

    @property
    def open(self) -> list[bytes]:
        return [one.owner for one in self.made if not one.closed]


def test_an_owner_finds_his_worker_again() -> None:
    maker = Maker()
    pool = Pool(maker, 2)
    for _ in range(3):
        with pool.lend(b"a", wait_s=1) as worker:
            assert worker.owner == b"a"
    assert len(maker.made) == 1


def test_no_worker_serves_two_owners_and_the_longest_idle_goes_first() -> None:
    maker = Maker()
    pool = Pool(maker, 2)
    for owner in (b"a", b"b", b"a", b"c"):
        with pool.lend(owner, wait_s=1) as worker:
            assert worker.owner == owner
    assert sorted(maker.open) == [b"a", b"c"]


def test_two_requests_of_one_owner_run_beside_each_other() -> None:
    maker = Maker()
    pool = Pool(maker, 2)
    with pool.lend(b"a", wait_s=1) as one, pool.lend(b"a", wait_s=1) as other:
        assert one is not other


def test_a_full_pool_waits_and_then_says_busy() -> None:
    pool = Pool(Maker(), 1)
    with pool.lend(b"a", wait_s=1):
        with pytest.raises(Missing) as caught, pool.lend(b"b", wait_s=0.01):
            pass
        assert caught.value.code == "he.busy"
        came = threading.Event()

        def wait() -> None:
            with pool.lend(b"b", wait_s=30) as worker:
                assert worker.owner == b"b"
                came.set()

        thread = threading.Thread(target=wait)
        thread.start()
        assert not came.is_set()
    thread.join(30)
    assert came.is_set()


def test_a_worker_that_cannot_be_made_leaves_its_place() -> None:
    def fails(owner: bytes) -> Made:
        raise BadInput("he.foreign-key", "no keys")

    pool = Pool(fails, 1)
    for _ in range(3):
        with pytest.raises(BadInput), pool.lend(b"a", wait_s=0.01):
            pass


def test_an_owner_who_is_forgotten_keeps_no_worker_not_even_a_busy_one() -> None:
    maker = Maker()
    pool = Pool(maker, 2)
    with pool.lend(b"a", wait_s=1), pool.lend(b"a", wait_s=1):
        pass
    with pool.lend(b"a", wait_s=1):
        pool.forget(b"a")
        assert len(maker.open) == 1
    assert maker.open == []
    pool.admit(b"a")
    with pool.lend(b"a", wait_s=1):
        pass
    assert maker.open == [b"a"]
    pool.close()
    assert maker.open == []
