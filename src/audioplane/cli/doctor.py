"""`audioplane doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Doctor:
    """Say what is installed, which model files are here, and what each missing thing would give."""

    json: bool = False
    """Print the report as JSON on standard output."""

    def run(self) -> None:
        from audioplane.doctor import run_doctor

        run_doctor(self.json)
