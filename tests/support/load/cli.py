"""How is the load used by hand? Options to settings, the run, the report as table and JSON, an exit code."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.load.engine import run_load
from tests.support.load.profiles import PROFILES, Profile, StaticFile
from tests.support.load.settings import KINDS, Rates, Settings, SettingsError
from tests.support.load.target import TargetError, resolve_target

if TYPE_CHECKING:
    from tests.support.load.report import Report

GOOD, FAILED, REFUSED = 0, 1, 2


def build_parser() -> argparse.ArgumentParser:
    """Return the options, in the order of the help."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.load",
        description="Constant-rate HTTP, POST, static and WebSocket load on a lab address, and its judgement.",
        epilog="Exit codes: 0 no failure, 1 something failed, 2 refused options. SIGINT, SIGTERM: end early.",
    )
    parser.add_argument("--url", required=True, help="the front: http://ADDRESS[:PORT] or https://...")
    parser.add_argument("--host-header", metavar="NAME", help="the site's name (default: as in --url)")
    parser.add_argument("--allow", action="append", default=[], metavar="NETWORK", help="a private lab network, CIDR")
    parser.add_argument("--cafile", metavar="FILE", help="certificates to trust for https")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="dashboard", help="the application's paths")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="holds the token of the authorization header")
    parser.add_argument("--rate", type=float, metavar="R", help="requests a second in all, shared among the kinds")
    parser.add_argument("--rate-of", action="append", default=[], metavar="KIND=R", help=f"one of {', '.join(KINDS)}")
    parser.add_argument("--websockets", type=int, default=10, metavar="N", help="WebSocket clients (default 10)")
    parser.add_argument("--get", action="append", metavar="PATH", help="path of the GETs instead of the profile's")
    parser.add_argument("--static", action="append", default=[], metavar="PATH[=SHA256]", help="a static file")
    parser.add_argument("--page", action="append", default=[], metavar="PATH", help="a page whose assets are fetched")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the report as JSON")
    parser.add_argument("--max-gap-ms", type=float, metavar="MS", help="fail if the longest gap is longer")
    return parser


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings that the options mean. Raises TargetError, SettingsError."""
    target = resolve_target(options.url, options.host_header, tuple(options.allow), options.cafile)
    return Settings(
        target=target,
        profile=_profile(options),
        seconds=options.seconds,
        rates=_rates(options),
        websockets=options.websockets,
        token=_token(options.token_file),
    )


def _profile(options: argparse.Namespace) -> Profile:
    profile = PROFILES[options.profile]
    static = tuple(
        StaticFile(path, digest or None) for path, _, digest in (one.partition("=") for one in options.static)
    )
    return replace(
        profile,
        get_paths=tuple(options.get) if options.get else profile.get_paths,
        static=profile.static + static,
        pages=profile.pages + tuple(options.page),
    )


def _rates(options: argparse.Namespace) -> Rates:
    rates = Rates.of_total(options.rate) if options.rate is not None else Rates()
    for text in options.rate_of:
        kind, _, value = text.partition("=")
        if kind not in KINDS:
            raise SettingsError(f"--rate-of {text}: expected KIND=R with KIND one of {', '.join(KINDS)}")
        try:
            rates = replace(rates, **{kind: float(value)})
        except ValueError:
            raise SettingsError(f"--rate-of {text}: {value!r} is not a number") from None
    return rates


def _token(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"--token-file {path}: {error.strerror}") from None


async def _run(settings: Settings) -> Report:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await run_load(settings, stop)


def main(arguments: list[str] | None = None) -> int:
    """Run one load as told, print the table, write the JSON; returns the exit code."""
    options = build_parser().parse_args(arguments)
    try:
        settings = settings_of(options)
    except (TargetError, SettingsError) as error:
        sys.stderr.write(f"error: {error}\n")
        return REFUSED
    report = asyncio.run(_run(settings))
    sys.stdout.write(f"{report}\n")
    if options.json:
        options.json.write_text(report.to_json() + "\n", encoding="utf-8")
    too_long = options.max_gap_ms is not None and report.longest_gap_ms > options.max_gap_ms
    if too_long:
        sys.stdout.write(f"the longest gap, {report.longest_gap_ms:.0f} ms, is over {options.max_gap_ms:.0f} ms\n")
    return FAILED if report.failed or too_long else GOOD
