"""HTTP and TCP through the proxy, beside HAProxy and nginx in the same run, as ratios.

One core carries the proxy under test, the others carry load and backend. The peers are those of
the distribution; what is not installed is left out. The contenders take turns and the medians are
compared, so a machine that is busy with something else disturbs them all alike. Processor time per
operation is the steadiest number: the load generator is Python too, and a fast proxy may have to
wait for it.
"""

import argparse
import os
import pathlib
import resource
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from benchmarks import backends, contenders
from benchmarks.load import Load, drive, idle_connections

REQUEST = (
    b"GET /items?page=2 HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench/1.0\r\n"
    b"Accept: */*\r\nAccept-Encoding: gzip\r\nCookie: session=0123456789abcdef\r\n%b\r\n"
)
KEEP_ALIVE = Load(REQUEST % b"", backends.SMALL_BYTES, has_head=True, connections=64)
ROUND_TRIPS = Load(b"x" * 64, 64, has_head=False, connections=64)
PACKETS = replace(ROUND_TRIPS, is_datagram=True)
BULK = Load(b"x", backends.BIG_BYTES, has_head=False, connections=4)


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is measured: what ``count`` counts is ``unit``."""

    name: str
    mode: str
    unit: str
    backend: backends.Backend
    load: Load


MEASURES = (
    Measure("http-keep-alive", "http", "request", backends.small_http, KEEP_ALIVE),
    Measure(
        "http-connections",
        "http",
        "request",
        backends.small_http,
        replace(KEEP_ALIVE, request=REQUEST % b"Connection: close\r\n", reconnects=True),
    ),
    Measure(
        "http-64-mib",
        "http",
        "body",
        backends.big_http,
        replace(KEEP_ALIVE, body_bytes=backends.BIG_BYTES, connections=4),
    ),
    Measure(
        "https-keep-alive",
        "https",
        "request",
        backends.small_http,
        replace(KEEP_ALIVE, is_secure=True),
    ),
    Measure(
        "https-handshakes",
        "https",
        "connection",
        backends.small_http,
        replace(
            KEEP_ALIVE,
            request=REQUEST % b"Connection: close\r\n",
            reconnects=True,
            is_secure=True,
        ),
    ),
    Measure(
        "tcp-connections",
        "tcp",
        "connection",
        backends.echo,
        replace(ROUND_TRIPS, reconnects=True),
    ),
    Measure("tcp-round-trips", "tcp", "round trip", backends.echo, ROUND_TRIPS),
    Measure("tcp-bulk", "tcp", "64 MiB", backends.big_stream, BULK),
    Measure("udp-packets", "udp", "round trip", backends.echo_packets, PACKETS),
    Measure("http-plain", "http-plain", "request", backends.small_http, KEEP_ALIVE),
    Measure("http-access-log", "http-log", "request", backends.small_http, KEEP_ALIVE),
    Measure(
        "tcp-access-log",
        "tcp-log",
        "connection",
        backends.echo,
        replace(ROUND_TRIPS, reconnects=True),
    ),
)
IDLE_MEASURES = (
    Measure("http-idle-memory", "http", "connection", backends.small_http, KEEP_ALIVE),
    Measure("tcp-idle-memory", "tcp", "connection", backends.echo, ROUND_TRIPS),
)


@dataclass(slots=True)
class Series:
    """What was measured of one contender, column by column, once per round."""

    columns: dict[str, list[float]] = field(default_factory=dict)

    def add(self, **values: float) -> None:
        for name, value in values.items():
            self.columns.setdefault(name, []).append(value)

    def medians(self) -> dict[str, float]:
        return {name: statistics.median(values) for name, values in self.columns.items()}


def cpu_us(process: int) -> float:
    values = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK") * 1e6


def resident_bytes(process: int) -> int:
    pages = int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def run_load(
    measure: Measure, process: int, port: int, options: argparse.Namespace, series: Series
) -> None:
    drive(port, measure.load, options.seconds / 4)
    before = cpu_us(process)
    outcome = drive(port, measure.load, options.seconds)
    cpu = (cpu_us(process) - before) / outcome.count
    series.add(per_s=outcome.count / outcome.seconds, cpu_us=cpu, p99_ms=outcome.p99_ms)


def run_idle(
    measure: Measure, process: int, port: int, options: argparse.Namespace, series: Series
) -> None:
    with idle_connections(port, measure.load, 64):
        before = resident_bytes(process)
        with idle_connections(port, measure.load, options.idle):
            used = resident_bytes(process) - before
    series.add(bytes=used / options.idle)


Run = Callable[[Measure, int, int, argparse.Namespace, Series], None]


def measure_all(measure: Measure, run: Run, options: argparse.Namespace, core: int) -> None:
    """Let the contenders take turns at one measure and print what came of it."""
    able = [each for each in options.contenders if measure.mode in each.modes]
    series = {each.name: Series() for each in able}
    with backends.running(measure.backend) as backend:
        for _ in range(options.rounds):
            for each in able:
                with contenders.running(each, measure.mode, backend, core) as (process, port):
                    run(measure, process, port, options, series[each.name])
    report(measure, {name: each.medians() for name, each in series.items()})


def report(measure: Measure, medians: dict[str, dict[str, float]]) -> None:
    print(f"\n{measure.name}, per {measure.unit}")
    own = medians["openclb"]
    for name, values in medians.items():
        figures = "  ".join(f"{column} {value:10.1f}" for column, value in values.items())
        ratios = "  ".join(
            f"{column} {own[column] / value:.2f}" for column, value in values.items() if value
        )
        print(f"  {name:8} {figures}" + ("" if values is own else f"   | openclb/{name}: {ratios}"))


def raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 16384)), hard))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="measures to run; all without any")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=int, default=2000, help="idle connections to hold")
    options = parser.parse_args()
    known = [measure.name for measure in (*MEASURES, *IDLE_MEASURES)]
    if unknown := set(options.names) - set(known):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    raise_descriptor_limit()
    options.contenders = contenders.installed()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[1:]) or set(cores))
    for run, measures in ((run_load, MEASURES), (run_idle, IDLE_MEASURES)):
        for measure in measures:
            if measure.name in options.names or not options.names:
                measure_all(measure, run, options, cores[0])


if __name__ == "__main__":
    main()
