"""Print what each page's execution took when it was last executed: python tools/timings.py"""

from pathlib import Path

from jupyter_cache import get_cache

ROOT = Path(__file__).resolve().parents[1]


def timings(folder):
    """Page -> seconds, of the newest execution of each."""
    records = sorted(get_cache(folder).list_cache_records(), key=lambda record: record.created)
    return {Path(record.uri).stem: record.data["execution_seconds"] for record in records}


if __name__ == "__main__":
    seconds = timings(ROOT / "_build" / ".jupyter_cache")
    for name, time in sorted(seconds.items()):
        print(f"{name:40} {time:6.1f} s {time / sum(seconds.values()):5.0%}")
    print(f"{'together':40} {sum(seconds.values()):6.1f} s")
