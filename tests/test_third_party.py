import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def canonical(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def test_every_package_of_the_constraints_has_a_licence_in_the_list():
    text = (ROOT / "docs" / "third-party.md").read_text()
    rows = [line.split("|")[-2] for line in text.splitlines() if line.endswith("|")]
    listed = {canonical(name.split("(")[0].strip()) for row in rows for name in row.split(",")}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    names = {re.split("[=<>@ ;[]", line)[0] for line in lines if line and line[0] != "#"}
    assert len(names) > 50
    assert sorted({canonical(name) for name in names} - listed) == []
