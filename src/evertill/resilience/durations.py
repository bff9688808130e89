"""How long requests took, counted into a fixed set of buckets: constant in size, and a few integers per request."""

from bisect import bisect_left

# Upper bounds in seconds; what takes longer than the last falls into one more bucket.
# Source: the boundaries OpenTelemetry's semantic conventions advise for http.server.request.duration.
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class Durations:
    """Of one kind of request."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """One more; one that took exactly a bound counts as within it."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds
