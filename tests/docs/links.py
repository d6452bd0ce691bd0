#!/usr/bin/env python3
"""Every relative link of the project's pages leads somewhere: links.py REPOSITORY. Standard library only."""
import re
import sys
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(text):
    """A page without its code."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`(?!\])", "", text)


def anchors(page):
    """The anchors of a page's headings, as renderers of Markdown spell them."""
    found = set()
    for title in re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.M):
        anchor = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()).strip().replace(" ", "-")
        found.add(anchor)
    return found


def main():
    top = Path(sys.argv[1]).resolve()
    pages = [page for folder in ("docs", "sdk", "tests", "bench") for page in (top / folder).rglob("*.md")] + sorted(top.glob("*.md"))
    faults, links = [], 0
    for page in sorted(pages):
        for target in LINK.findall(prose(page.read_text())):
            if re.match(r"[a-z]+:", target):
                continue
            links += 1
            path, _, anchor = target.partition("#")
            to = (page.parent / path).resolve() if path else page
            where = page.relative_to(top)
            if not to.exists():
                faults.append(f"{where}: {target} does not exist")
            elif not to.is_relative_to(top):
                faults.append(f"{where}: {target} leads out of the repository")
            elif anchor and (to.suffix != ".md" or anchor not in anchors(to)):
                faults.append(f"{where}: {target}: no such heading")
    print("\n".join(faults) or f"{links} links of {len(pages)} pages lead somewhere")
    return 1 if faults or links == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
