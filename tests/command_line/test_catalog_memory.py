"""A file of any size is put on the shelves in memory that does not grow with it."""

import subprocess
import sys
from pathlib import Path

from tests.builders import GUIDE
from tests.machine import environment

ROOT = Path(__file__).parents[2]
_MEGABYTE = 1024 * 1024
# Says how many kilobytes the process held at most, beside what it held once everything was imported and open.
_APPLY = """
import resource, sys
from pathlib import Path
from core.opening import open_to_restock
from core.owner import publishing

shop = open_to_restock()
publishing.apply(shop, Path("small/shop.toml"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
publishing.apply(shop, Path("large/shop.toml"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_file_is_stored_bit_by_bit(tmp_path: Path) -> None:
    for name, megabytes in (("small", 1), ("large", 100)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shop.toml").write_text(GUIDE)
        with (tmp_path / name / "guide.txt").open("wb") as file:
            file.truncate(megabytes * _MEGABYTE)
            file.write(name.encode())
    done = subprocess.run(
        [sys.executable, "-c", _APPLY], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env=environment(pythonpath=ROOT, database_url=f"sqlite:///{tmp_path}/shop.db", storage_url=f"file://{tmp_path}/files"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *_, more = done.stdout.split()  # on a busy machine the migrations before it say how far they are
    assert int(more) < 40 * 1024
    stored = sum(path.stat().st_size for path in (tmp_path / "files").rglob("*") if path.is_file())
    assert stored > 100 * _MEGABYTE
