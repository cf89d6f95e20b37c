"""A file up and down again by the shop's own process and a bucket: the very bytes, and no more memory for a bigger one."""

from tests.bench import both_ways


def test_what_goes_up_into_a_bucket_comes_down_in_flat_memory() -> None:
    found = both_ways.measured("bucket", 60)
    assert found.peak - found.idle < 90, f"{found.idle:.0f} MB became {found.peak:.0f} MB"
