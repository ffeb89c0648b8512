"""Fields of binary evidence: never more than there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.evidence.fields import Fields
from velatura.errors import BadInput


@given(st.binary(max_size=40), st.lists(st.integers(0, 20), max_size=6))
def test_what_is_taken_is_the_front_of_the_bytes(raw: bytes, counts: list[int]) -> None:
    fields, taken = Fields(raw, "something", "big"), b""
    for count in counts:
        if count > fields.left:
            with pytest.raises(BadInput, match="something is cut short"):
                fields.take(count)
            break
        taken += fields.take(count)
    assert taken + fields.rest() == raw and fields.left == 0


@pytest.mark.parametrize(("order", "found"), [("big", 0x0102), ("little", 0x0201)])
def test_numbers_have_the_order_of_their_format(order: str, found: int) -> None:
    assert Fields(b"\1\2", "x", order).number(2) == found


def test_a_length_that_lies_is_refused_before_anything_is_taken() -> None:
    fields = Fields(b"\xff\xff\xff\xffab", "x", "big")
    with pytest.raises(BadInput, match="wants 4294967295 more and has 2"):
        fields.sized(4)
