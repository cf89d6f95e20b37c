"""What tests ask of this machine they may ask for at once."""

from concurrent.futures import ThreadPoolExecutor

from tests.machine import free_port


def test_nobody_is_given_the_port_of_another() -> None:
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: free_port(), range(64)))
    assert len(set(found)) == 64
