#!/usr/bin/env python3
"""Builds the site of the documents with mkdocs and its theme material, without a network: mkdocs.yml says what is where.

    scripts/build_site.py                 build-site/site

Pages are the project's Markdown files, at their places. The reference of the headers must be in build-site/reference
(scripts/api_reference.sh); that of Python is made from the docstrings. What links lead to comes along; a folder becomes a page
that lists it. A link that leads nowhere, or to no heading, is an error.
"""

import ast
import html.parser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ROOT / "build-site" / "pages"
SITE = ROOT / "build-site" / "site"
OWN = ("python.html", "configuration.html")  # of the reference: the other pages are Doxygen's
LINK = re.compile(r"(\]\(|src=\")([^)\"\s]+)")

CONFIGURATION = """# Configuration (TOML)

- Of a training: [every key](../docs/training.md#keys), with its default, range and meaning.
- Of the program (`--config`): [flags by their names](../docs/usage.md#flags-environment-configuration-file), in a section for each command.
"""


def slug(heading: str, separator: str) -> str:
    """The anchors that GitHub makes of headings, as tools/check_links.sh has them."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def folder_page(folder: pathlib.Path) -> str:
    lines = [f"# {folder.relative_to(ROOT)}", ""]
    for file in sorted(folder.iterdir()):
        title = file.name
        if file.suffix == ".md":
            title = file.read_text().splitlines()[0].lstrip("# ")
        if file.is_file():
            lines.append(f"- [{title}]({file.name})")
    return "\n".join(lines) + "\n"


def put(file: pathlib.Path) -> None:
    """A file of the project at its place among the pages, with what its links lead to."""
    place = PAGES / file.relative_to(ROOT)
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix != ".md":
        shutil.copyfile(file, place)
        return

    def link(match: re.Match) -> str:
        target = match[2]
        path = target.partition("#")[0]
        if not path or re.match(r"[a-z]+:", target):
            return match[0]
        found = (file.parent / path).resolve()
        if found.is_dir():
            put_folder(found)
            return f"{match[1]}{path.rstrip('/')}/index.md"
        if found.is_file() and found.suffix != ".md":
            put(found)
        return match[0]

    place.touch()
    in_code = False
    lines = []
    for line in file.read_text().splitlines():
        if line.lstrip().startswith("```"):
            in_code = not in_code
        lines.append(line if in_code else LINK.sub(link, line))
    place.write_text("\n".join(lines) + "\n")


def put_folder(folder: pathlib.Path) -> None:
    page = PAGES / folder.relative_to(ROOT) / "index.md"
    if page.exists():
        return
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(folder_page(folder))
    for file in folder.iterdir():
        if file.is_file():
            put(file)


def python_reference() -> str:
    """Every public function and class of the module, with its signature and docstring."""
    tree = ast.parse((ROOT / "bindings/python/ddim/__init__.py").read_text())
    lines = ["# Functions of Python", "", ast.get_docstring(tree) or "", ""]

    def entry(node: ast.AST, mark: str, owner: str = "") -> None:
        text = ast.get_docstring(node)
        if node.name.startswith("_") or not text:
            return
        lines.append(f"{mark} {owner}{node.name}\n")
        if isinstance(node, ast.FunctionDef):
            returns = ast.unparse(node.returns) if node.returns else ""
            if any(ast.unparse(decorator) == "property" for decorator in node.decorator_list):
                line = f"{node.name}: {returns}"
            else:
                line = f"{node.name}({arguments(node.args)})" + (f" -> {returns}" if returns else "")
            lines.append(f"```python\n{line}\n```\n")
        lines.append(text + "\n")
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    entry(inner, "###", f"{node.name}.")

    for file in ("__init__.py", "errors.py"):
        for node in ast.parse((ROOT / "bindings/python/ddim" / file).read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                entry(node, "##")
    return "\n".join(lines)


def arguments(of: ast.arguments) -> str:
    """A line each, where there is more than one."""
    defaults: list = [None] * (len(of.args) - len(of.defaults)) + of.defaults
    parts = [(arg, default) for arg, default in zip(of.args, defaults) if arg.arg != "self"]
    texts = [ast.unparse(arg) + (f" = {ast.unparse(default)}" if default else "") for arg, default in parts]
    if of.kwonlyargs:
        texts.append("*")
        texts += [ast.unparse(arg) + (f" = {ast.unparse(default)}" if default else "")
                  for arg, default in zip(of.kwonlyargs, of.kw_defaults)]  # fmt: skip
    if of.kwarg:
        texts.append(f"**{ast.unparse(of.kwarg)}")
    return texts[0] if len(texts) == 1 else "".join(f"\n    {text}," for text in texts) + "\n" if texts else ""


class Anchors(html.parser.HTMLParser):
    """Where a page leads, and what it can be asked for."""

    def __init__(self, page: pathlib.Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(page.read_text(errors="replace"))

    def handle_starttag(self, tag: str, attributes: list) -> None:
        for name, value in attributes:
            if value and name in ("id", "name"):
                self.names.add(value)
            if value and (name == "href" and tag == "a" or name == "src"):
                self.links.append(value)


def broken_links() -> list[str]:
    """Of all pages but those of Doxygen, whose own links are its own."""
    pages: dict[pathlib.Path, Anchors] = {}
    broken = []
    for page in sorted(SITE.rglob("*.html")):
        if page.name == "404.html" or (page.parent == SITE / "reference" and page.name not in OWN):
            continue
        for link in Anchors(page).links:
            url = urllib.parse.urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (page.parent / urllib.parse.unquote(url.path)).resolve() if url.path else page
            if not target.is_file():
                broken.append(f"{page.relative_to(SITE)}: {link} leads nowhere")
            elif url.fragment and target.suffix == ".html":
                names = pages.setdefault(target, Anchors(target)).names
                if urllib.parse.unquote(url.fragment) not in names:
                    broken.append(f"{page.relative_to(SITE)}: {link}: there is no such heading")
    return broken


def main() -> None:
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file():
            put(ROOT / name)
    put_folder(ROOT / "docs" / "adr")
    shutil.copytree(ROOT / "build-site" / "reference", PAGES / "reference")
    (PAGES / "reference" / "python.md").write_text(python_reference())
    (PAGES / "reference" / "configuration.md").write_text(CONFIGURATION)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "PYTHONDONTWRITEBYTECODE": "1"}
    if subprocess.run([sys.executable, "-m", "mkdocs", "build"], cwd=ROOT, env=environment).returncode != 0:
        sys.exit("build_site: mkdocs found what is named above")
    broken = broken_links()
    if broken:
        sys.exit("\n".join(broken))
    print(f"build-site/site: {len(list(SITE.rglob('*.html')))} pages; begin with build-site/site/docs/start.html")


if __name__ == "__main__":
    main()
