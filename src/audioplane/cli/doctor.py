"""`audioplane doctor`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audioplane.doctor import Check


@dataclass(frozen=True)
class Doctor:
    """Report what is installed, which model files are here, and what missing ones are for."""

    json: bool = False
    """Print the report as JSON on standard output."""

    def run(self) -> None:
        import json
        import sys
        from dataclasses import asdict

        from audioplane import __version__
        from audioplane.doctor import diagnose, is_healthy
        from audioplane.errors import InstallError

        checks = diagnose()
        healthy = is_healthy(checks)
        if self.json:
            rows = [asdict(check) for check in checks]
            facts = {"audioplane": __version__, "healthy": healthy, "checks": rows}
            sys.stdout.write(json.dumps(facts) + "\n")
        else:
            _show(checks)
        if not healthy:
            raise InstallError("something essential is missing or damaged: see the report")


def doctor_of(args: list[str]) -> Doctor:
    """The command of these arguments, read without tyro, which may be what is damaged."""
    from argparse import ArgumentParser, BooleanOptionalAction

    parser = ArgumentParser("audioplane doctor", description=Doctor.__doc__)
    json = "print the report as JSON on standard output"
    parser.add_argument("--json", action=BooleanOptionalAction, default=False, help=json)
    return Doctor(parser.parse_args(args).json)


def _show(checks: "list[Check]") -> None:
    """Print the report without rich, which may be what is damaged."""
    width = max(len(c.name) for c in checks)
    for c in checks:
        mark = {"there": "ok", "missing": "no" if c.needed else "–", "damaged": "no"}[c.state]
        print(f"{mark:>2} {c.name:{width}}  {c.detail}", flush=True)
        if c.state != "there" and c.gives:
            print(f"   {'':{width}}  {c.gives}", flush=True)
