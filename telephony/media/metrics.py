"""How well calls sounded, for Prometheus: totals of the phone, and how calls were distributed (one observation for each call).

A label for each call would make a time series of each call; the figures of one call are in its row (`call.data["media"]`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from telephony.media.session import MediaSession

_SHARES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_MILLISECONDS = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
_GAUGES = ("calls_live", "rtp_ports_used", "clock_worst_s")


class CallQuality:
    """One observation for each call that ended."""

    def __init__(self) -> None:
        """Nothing was observed."""
        self.registry = CollectorRegistry()

        def shares(name: str, words: str) -> Histogram:
            return Histogram(f"hotline_call_{name}_ratio", words, buckets=_SHARES, registry=self.registry)

        self._lost = shares("lost", "Packets of the caller that were lost, share of all")
        self._late = shares("late", "Packets of the caller that came when their time was over, share of all")
        self._gaps = shares("gaps", "Packets of the caller that came more than 40 ms after the one before, share of all")
        self._concealed = shares("concealed", "Frames of 20 ms that were made up, share of all")
        self._send_gaps = shares("send_gaps", "Packets that we sent more than 40 ms after the one before, share of all")
        self._jitter = Histogram("hotline_call_jitter_ms", "Jitter (RFC 3550) at the end", buckets=_MILLISECONDS, registry=self.registry)

    def observe(self, media: MediaSession) -> None:
        """A call is over; one without any sound says nothing."""
        counters = media.counters
        expected = counters.received + counters.lost
        if expected:
            self._lost.observe(counters.lost / expected)
            self._late.observe(counters.late / expected)
            self._gaps.observe(counters.gaps / expected)
            self._concealed.observe(counters.concealed / expected)
            self._jitter.observe(media.jitter_ms)
        if counters.sent:
            self._send_gaps.observe(counters.send_gaps / counters.sent)


class PhoneCollector(Collector):
    """The phone's own counters at the moment of the scrape."""

    def __init__(self, counters: Callable[[], dict[str, float]]) -> None:
        """`counters`: `Phone.counters`."""
        self._counters = counters

    def collect(self) -> Iterator[Any]:
        """One family for each."""
        for name, value in self._counters().items():
            family = GaugeMetricFamily if name in _GAUGES else CounterMetricFamily
            yield family(f"hotline_telephony_{name}", f"{name.replace('_', ' ')} (telephony.media.session, telephony.sip)", value=value)


def exposition(quality: CallQuality, counters: Callable[[], dict[str, float]]) -> bytes:
    """The text that Prometheus reads."""
    moment = CollectorRegistry()
    moment.register(PhoneCollector(counters))
    return generate_latest(moment) + generate_latest(quality.registry)


def figures(media: MediaSession) -> dict[str, float]:
    """What is kept of one call: packets and gaps."""
    names = ("received", "sent", "lost", "late", "gaps", "underruns", "concealed", "dropped", "send_gaps")
    return {name: getattr(media.counters, name) for name in names} | {"jitter_ms": round(media.jitter_ms, 1)}
