"""A chain goes on where it stood, whatever became of its outbox: no receiver ever sees a fork."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edge.chains import CAMERA, SIGNER, chain_of, lines_of

from velatura.edge.board import Board, CameraStates
from velatura.edge.events import Link, digest
from velatura.edge.memory import NOTHING, Remembered, remembered, resumed
from velatura.edge.outbox import Outbox
from velatura.edge.receive import Receiver
from velatura.errors import Withheld

LINES = lines_of(9)
AT_9 = Link(9, digest(LINES[8]))
AT_END = Link(10, digest(LINES[9]))


def status(folder: Path, at: Link, *, ended: bool) -> None:
    """As a run leaves it. ended: by itself, and not by a power loss."""
    board = Board(folder, SIGNER.verifier.id, lambda: [CameraStates(CAMERA.name, {"camera": "ended"}, {}, seq=at.seq - 1, head=at.prev)])
    board.look()
    if ended:
        with board:
            pass


def damaged(folder: Path) -> Outbox:
    path = folder / CAMERA.name / "outbox.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no database" * 1000)
    return Outbox(path)


@pytest.mark.parametrize("ended", [True, False])
def test_a_receiver_sees_a_gap_and_no_fork(tmp_path: Path, ended: bool) -> None:
    status(tmp_path, AT_END if ended else AT_9, ended=ended)
    receiver = Receiver(SIGNER.verifier, CAMERA.name)
    for line in LINES:  # it may know more than a status that a power loss left behind
        receiver.take(line)
    outbox = damaged(tmp_path)
    before = remembered(tmp_path, SIGNER.verifier.id)[CAMERA.name]
    at = resumed(outbox, Link(), before, CAMERA.egress.tick_s)
    outbox.close()
    chain = chain_of(boot="11" * 8)
    chain.at = at
    events = [event for line in (chain.gap(), *lines_of(3, chain=chain, level=0.0)) for event in receiver.take(line)]
    assert [event.kind for event in events] == ["gap", "policy", "record", "record", "record"]
    assert receiver.lost == (0 if ended else 1) and receiver.receipt == at.seq + 4


def test_whoever_remembers_more_is_asked(tmp_path: Path) -> None:
    outbox = damaged(tmp_path)
    assert resumed(outbox, AT_END, Remembered(AT_9, exact=False), 60.0) == AT_END
    assert resumed(outbox, AT_9, Remembered(AT_END, exact=True), 60.0) == AT_END
    assert resumed(outbox, Link(), Remembered(AT_9, exact=False), 0.5).seq == 9 + 5
    outbox.close()


def test_where_nothing_remembers_nothing_is_begun_and_a_second_start_knows_it(tmp_path: Path) -> None:
    outbox = damaged(tmp_path)
    for _ in range(2):
        assert outbox.aside is not None
        with pytest.raises(Withheld, match=r"edge\.outbox-lost"):
            resumed(outbox, Link(), NOTHING, 60.0)
        outbox.close()
        outbox = Outbox(outbox.path)
    outbox.close()


def test_an_outbox_that_is_gone_or_older_is_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    with pytest.raises(Withheld, match=r"edge\.outbox-behind"):
        resumed(outbox, Link(), Remembered(AT_9, exact=True), 60.0)
    outbox.commit(LINES, AT_END, {}, aggregate=lambda run: run[0])
    assert resumed(outbox, AT_9, Remembered(AT_9, exact=False), 60.0) == AT_END
    outbox.close()


def test_another_keys_status_is_nobodys(tmp_path: Path) -> None:
    status(tmp_path, AT_END, ended=True)
    assert remembered(tmp_path, "0" * 16) == {} and remembered(tmp_path / "none", SIGNER.verifier.id) == {}
    (tmp_path / "status.json").write_bytes(b"{")
    assert remembered(tmp_path, SIGNER.verifier.id) == {}
