"""The end of jobs that nobody waits for any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from git_theta.jobs.job import JobPlace

#: Seconds between two looks.
_LOOK = 0.5


@contextmanager
def stopped_if_unwanted(place: JobPlace, *stops: Callable[[], object]) -> Iterator[None]:
    """Call functions that end programs, as soon as a job isn't wanted any more.

    Args:
        place: The place of the job.
        stops: The functions.
    """
    done = Event()

    def look() -> None:
        while not done.wait(_LOOK):
            if not place.is_wanted():
                for stop in stops:
                    stop()
                return

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
