"""The trainer's pages say what the trainer has."""

import re
from collections.abc import Iterable
from pathlib import Path

from stepladder_trainer import catalog
from stepladder_trainer.cli import parser
from stepladder_trainer.hyperparameters import KNOWN
from stepladder_trainer.hyperparameters.reading import GROUPS
from stepladder_trainer.hyperparameters.reference import TITLES, reference

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "trainer.md").read_text()
CAPABILITIES = (REPOSITORY / "docs" / "trainer-capabilities.md").read_text()


def section(title: str) -> str:
    """The text below the heading `title`, down to the next of the same rank or a higher one."""
    heading = re.search(rf"^(#+) {re.escape(title)}$", PAGE, re.MULTILINE)
    assert heading, title
    rest = PAGE[heading.end() :]
    following = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def first_cells(text: str) -> str:
    return "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| "))


def test_hyperparameters_are_current() -> None:
    """Catches a hyperparameter, a bound or a default that only the code knows."""
    assert (REPOSITORY / "docs" / "hyperparameters.md").read_text() == reference(), "run `make generate`"
    assert set(TITLES) == set(GROUPS)


def test_every_flag_is_explained_and_every_explained_one_is_there() -> None:
    flags = set(re.findall(r"--[a-z-]+", parser().format_usage()))
    assert set(re.findall(r"`(--[a-z-]+)", first_cells(section("Flags")))) == flags - {"--task"}


def test_every_task_model_optimizer_and_schedule_is_listed() -> None:
    places: dict[str, Iterable[str]] = {
        "Tasks and flags": catalog.TASKS,
        "Models": set(catalog.MODELS) - {"point", "corner"},  # which the synthetic tasks' rows have
        "Optimizers": catalog.OPTIMIZERS,
        "Schedules": catalog.SCHEDULES,
    }
    for title, names in places.items():
        assert set(names) <= set(re.findall(r"`([a-z0-9_]+)`", first_cells(section(title)))), title


def test_what_is_set_in_the_page_is_known() -> None:
    """Catches an example of a command that is refused."""
    assert set(re.findall(r"--set ([a-z_]+)=", PAGE)) <= set(KNOWN)


def test_every_link_leads_somewhere() -> None:
    for name in ("trainer.md", "hyperparameters.md", "trainer-capabilities.md"):
        text = (REPOSITORY / "docs" / name).read_text()
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
            page = REPOSITORY / "docs" / (target or name)
            assert page.exists(), (name, target)
            if anchor:
                titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
                slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
                assert anchor in slugs, (name, anchor)


def test_every_test_that_holds_a_capability_is_there() -> None:
    """Catches a promise whose test was renamed or removed."""
    rows = [line for line in CAPABILITIES.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
        assert named, row
        for path, function in named:
            source = (REPOSITORY / "tests" / path).read_text()
            assert re.search(rf"^(async )?def {function}\(", source, re.MULTILINE), f"{path}::{function}"


def test_flags_of_the_capabilities_are_there() -> None:
    cells = "\n".join(line.split("|")[4] for line in CAPABILITIES.splitlines() if re.match(r"\| \d+ \|", line))
    assert set(re.findall(r"`(--[a-z-]+)`", cells)) <= set(re.findall(r"--[a-z-]+", parser().format_usage()))
