"""The Python snippets of the documentation, on small data."""

import re

import pytest
from conftest import ROOT, TINY

DOCS = ROOT / "docs"
PAGES = sorted(page.name for page in DOCS.glob("*.md") if "```python" in page.read_text())


@pytest.mark.parametrize("page", PAGES)
def test_the_snippets_of_a_page_run(page, spark, remote, tmp_path, capsys):
    if remote:
        pytest.skip("they are written for a session in the process, and the tests beside this one run both ways")
    places = {"/data/cifar-10-batches-bin": TINY, "/data/photographs": str(ROOT / "testdata" / "images"), "/models": str(tmp_path)}
    names = {"spark": spark, "firesteel": __import__("firesteel")}
    for snippet in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.S):
        for place, here in places.items():
            snippet = snippet.replace(place, here)
        exec(compile(snippet, page, "exec"), names)
    assert capsys.readouterr().out


def test_every_page_is_in_the_index_and_every_link_leads_somewhere():
    index = (DOCS / "index.md").read_text()
    for page in DOCS.glob("*.md"):
        assert page.name == "index.md" or f"({page.name}" in index, page.name
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (DOCS / target).exists(), f"{page.name} links to {target}"
