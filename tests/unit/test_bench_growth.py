"""The bench's grown shops: which are made, and what is bought from them."""

import pytest
from bench.growth import NoRoom, Size, baskets, check_room, sizes


def test_shops_grow_in_one_direction_at_a_time() -> None:
    """More orders on the fewest SKUs, more SKUs under the fewest orders."""
    assert sizes((1_000_000, 10_000), (1_000, 50_000)) == (
        Size(10_000, 1_000), Size(1_000_000, 1_000), Size(10_000, 50_000),
    )  # fmt: skip
    pairs = baskets(1_000)
    assert pairs == baskets(1_000)
    assert len({sku for pair in pairs for sku in pair}) == 1_000
    assert all(one != two for one, two in pairs)


def test_a_past_the_disk_has_no_room_for_is_refused_beforehand() -> None:
    """Naming what is needed, what there is, and what to do."""
    check_room([Size(1_000, 1_000)])
    with pytest.raises(NoRoom, match="--orders"):
        check_room([Size(10**12, 1_000)])
