"""A signed log: what is written is read back; every rewriting is refused, and the one that cannot be is shown."""

from __future__ import annotations

import hashlib
import io
import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.crypto.keys import Signer
from velatura.crypto.log import Head, SignedLog, verify_log
from velatura.errors import BadSpec, VelaturaError, Withheld

SIGNER, STRANGER = (Signer.new(lambda _, b=b: bytes([b]) * 32) for b in (1, 2))


class Kept(io.BytesIO):
    """A file in memory that can be looked at after it was closed."""

    def close(self) -> None:
        self.content = self.getvalue()
        super().close()


def written(events: list[dict], *, signer: Signer = SIGNER, checkpoint_after: int | None = None, seed: int = 0) -> bytes:
    stream = Kept()
    with SignedLog(stream, signer, entropy=lambda n: bytes([seed]) * n) as log:
        for number, event in enumerate(events):
            log.append(event)
            if number == checkpoint_after:
                log.checkpoint()
    return stream.content


def read(raw: bytes, at_least: Head | None = None) -> list[dict]:
    return list(verify_log(io.BytesIO(raw), SIGNER.verifier, at_least=at_least))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(st.lists(st.dictionaries(st.text(max_size=5), values, max_size=3), max_size=6))
def test_what_is_logged_is_read_back_in_order(events):
    assert read(written(events)) == events


def test_every_flipped_bit_is_refused():
    raw = written([{"released": 1}, {"released": 2}], checkpoint_after=0)
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Withheld, match=r"crypto\.log-refused"):
            read(bytes(changed))


def test_removed_moved_repeated_and_inserted_lines_are_refused():
    lines = written([{"n": i} for i in range(4)]).splitlines(keepends=True)
    other = written([{"n": i} for i in range(4)], seed=1).splitlines(keepends=True)
    for i in range(len(lines)):
        attacks = [
            lines[:i] + lines[i + 1 :],
            [*lines[:i], lines[i], *lines[i:]],
            [*lines[:i], other[i], *lines[i + 1 :]],
            [*lines[:i], b"{}\n", *lines[i:]],
        ]
        if i + 1 < len(lines):
            attacks.append([*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]])
        for attack in attacks:
            with pytest.raises(Withheld):
                read(b"".join(attack))


def test_a_forger_who_mends_the_chain_still_lacks_the_signature():
    lines = written([{"n": 1}, {"n": 2}]).splitlines()
    rebuilt, prev = [], "0" * 64
    for line in lines:
        tree = json.loads(line)
        tree["prev"] = prev
        if "event" in tree:
            tree["event"]["n"] = 3
        rebuilt.append(json.dumps(tree, separators=(",", ":")).encode())
        prev = hashlib.sha256(rebuilt[-1]).hexdigest()
    with pytest.raises(Withheld, match="signed"):
        read(b"\n".join(rebuilt) + b"\n")


def test_a_cut_end_is_refused_wherever_it_is_not_a_signed_line():
    raw = written([{"n": 1}, {"n": 2}, {"n": 3}])
    whole = len(raw)
    good = [n for n in range(whole) if raw[:n].endswith(b"\n") and b'"signature"' in raw[:n].splitlines()[-1]]
    for n in range(whole):
        if n not in good:
            with pytest.raises(Withheld):
                read(raw[:n])
    assert [read(raw[:n]) for n in good] == [[]], "only the freshly begun log is a true older state"


def test_a_cut_to_an_older_signed_state_is_noticed_by_who_remembers_a_head():
    stream = Kept()
    log = SignedLog(stream, SIGNER, entropy=bytes)
    log.append({"n": 1})
    log.checkpoint()
    older = stream.getvalue()
    log.append({"n": 2})
    head = log.checkpoint()
    log.close()
    assert read(older) == [{"n": 1}]
    assert read(stream.content, at_least=head) == [{"n": 1}, {"n": 2}]
    with pytest.raises(Withheld, match="seen before"):
        read(older, at_least=head)


def test_another_signers_log_is_refused_even_if_it_names_ours():
    with pytest.raises(Withheld):
        read(written([{"n": 1}], signer=STRANGER))


def test_a_log_in_a_file_is_private_resumed_and_never_begun_twice(tmp_path):
    path = tmp_path / "log.jsonl"
    with SignedLog.create(path, SIGNER, entropy=bytes) as log:
        log.append({"n": 1})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BadSpec, match=r"crypto\.log-exists"):
        SignedLog.create(path, SIGNER, entropy=bytes)
    with SignedLog.resume(path, SIGNER) as log:
        assert log.append({"n": 2}) == 4
    with path.open("rb") as stream:
        assert list(verify_log(stream, SIGNER.verifier)) == [{"n": 1}, {"n": 2}]


def test_an_unsigned_end_is_not_continued(tmp_path):
    path = tmp_path / "log.jsonl"
    log = SignedLog.create(path, SIGNER, entropy=bytes)
    log.append({"n": 1})
    with pytest.raises(Withheld, match=r"crypto\.log-refused"):
        SignedLog.resume(path, SIGNER)
    log.close()
    SignedLog.resume(path, SIGNER).close()
    with pytest.raises(Withheld):
        SignedLog.resume(path, STRANGER)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"null\n",
        b"[" * 5000 + b"\n",
        b"\xff\n",
        b"{" + b" " * (1 << 21) + b"}\n",
        b'{"log":"' + b"0" * 32 + b'","seq":0,"prev":"' + b"0" * 64 + b'","event":{}}\n',
    ],
)
def test_what_is_no_log_is_refused(raw):
    with pytest.raises(Withheld, match=r"crypto\.log-refused"):
        read(raw)


def test_an_event_too_long_to_be_read_back_is_not_written():
    log = SignedLog(io.BytesIO(), SIGNER, entropy=bytes)
    with pytest.raises(VelaturaError, match=r"crypto\.log-line"):
        log.append({"x": "y" * (1 << 20)})
