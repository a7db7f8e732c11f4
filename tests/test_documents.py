"""Documents name only what exists, and all of it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "audioplane"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SOURCES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "examples").glob("*.py")])
LARGEST_IMAGE = 1_000_000
"""Bytes: the README has to load fast."""


def _slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _headings(document: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.M | re.S)
    return [re.sub(r"\[(.*?)\]\(.*?\)", r"\1", h) for h in re.findall(r"^#+ (.+)$", prose, re.M)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name) if name else document
        assert file.exists(), f"{document.name} links to {target}"
        if anchor:
            anchors = [_slug(heading) for heading in _headings(file)]
            assert anchor in anchors, f"{document.name} links to {target}"


def test_every_document_that_code_names_exists() -> None:
    for source in [*SOURCES, *(ROOT / "tests").rglob("*.py")]:
        for name in re.findall(r"\bdocs/[\w/.-]+\.(?:md|webp|png)", source.read_text("utf-8")):
            assert (ROOT / name).is_file(), f"{source.relative_to(ROOT)} names {name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_that_a_document_names_exists(document: Path) -> None:
    for name in re.findall(r"`([\w/]+/\w+\.py)`", document.read_text("utf-8")):
        places = (ROOT / name, PACKAGE / name, PACKAGE.parent / name)
        assert any(place.is_file() for place in places), f"{document.name} names {name}"


def test_the_tree_of_the_readme_is_that_of_the_repository() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    tree = re.search(r"^src/audioplane/\n.*?^```", readme, re.M | re.S)
    assert tree is not None
    package, documents = re.split(r"^docs/\n", tree[0], flags=re.M)
    rooms = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert set(re.findall(r"^  (\w+)/ ", package, re.M)) == rooms
    files = {p.name for p in PACKAGE.glob("*.py") if not p.name.startswith("__")}
    assert set(re.findall(r"\b\w+\.py\b", package.split("examples/")[0])) == files
    listed = {p.name for p in (ROOT / "docs").glob("*.md")} | {"decisions/"}
    assert set(re.findall(r"\b[\w-]+\.md\b|\bdecisions/", documents)) == listed


def test_every_command_has_its_section() -> None:
    commands = {p.stem for p in (PACKAGE / "cli").glob("*.py") if "def run(self" in p.read_text()}
    assert set(_headings(ROOT / "docs" / "commands.md")) == {"Commands", *commands}


def test_the_contents_list_every_decision() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^- \[(.*)\]\((.*)\.md#", (folder / "README.md").read_text("utf-8"), re.M)
    found = [
        (heading, document.stem)
        for document in folder.glob("*.md")
        if document.stem != "README"
        for heading in _headings(document)[1:]
    ]
    assert sorted(listed) == sorted(found)


def test_images_are_small() -> None:
    for path in (ROOT / "docs").iterdir():
        assert path.stat().st_size <= LARGEST_IMAGE, path.name


def test_the_layers_of_contributing_are_those_that_the_import_linter_checks() -> None:
    contract = (ROOT / "pyproject.toml").read_text("utf-8").partition("\nlayers = [")[2]
    layers = [row.split(" | ") for row in re.findall(r'"(.+)",', contract.partition("\n]")[0])]
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    told = re.findall(r"^\| (\d+) \| `(\w+)(?:\.py|/)` ", table, re.M)
    checked = [(n, name) for n, row in enumerate(reversed(layers), 1) for name in row]
    assert sorted((int(n), name) for n, name in told) == sorted(checked)
