#!/usr/bin/env python3
"""Keeps the generated tables of docs/families/ and makes the pages of the site. Standard library only.

    make_pages.py                                      writes the tables anew from the manifests
    make_pages.py --check                              says which pages are stale; exit code 1 if one is
    make_pages.py --site FOLDER [--results JUNIT.xml]  copies the pages for mkdocs, with what the tests proved

A table stands between <!-- generated: NAME --> and <!-- end --> of a page. On docs/families/<id>.md NAME is architectures, variants or
recipes, of the manifest plugins/<id>/<id>.json and its variants; on docs/families/README.md it is index or support, of all manifests.
"""
import argparse
import json
import os
import re
import shutil
import sys
import xml.etree.ElementTree
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"
MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.S)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")

# What proves which column of the support table, by test name; the last part is a golden case, or a plugin's id.
PROOFS = [
    ("Import", r"GoldenConversion\.ImportsEveryParameterAsExpected/([\w-]+)"),
    ("Export", r"GoldenConversion\.ExportsTheSourceByteForByte/([\w-]+)"),
    ("Export alone", r"GoldenConversion\.ExportsTheTensorsWithoutAReference/([\w-]+)"),
    ("Layouts", r"LayoutProperty\.KeepsEveryElementInItsPlace/([\w-]+)"),
    ("Forward", r"(?:GoldenForward\.BothSidesGiveTheLogitsOfTransformers|SidesAlone\.Agree)/([\w-]+)"),
    ("Proof", r"OwnPlugins\.KeepTheContract/([\w-]+)"),
]


def families():
    """Manifests by id, with their variants."""
    found = {}
    for manifest in sorted(TOP.glob("plugins/*/*.json")):
        if manifest.stem != manifest.parent.name:
            continue
        family = json.loads(manifest.read_text())
        listed = family.get("variants", [])
        if isinstance(listed, str):
            listed = json.loads((manifest.parent / listed).read_text())["variants"]
        family["variants"] = [{"name": one} if isinstance(one, str) else one for one in listed]
        found[family["id"]] = family
    return found


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]) + "\n"


def code(words):
    return ", ".join(f"`{word}`" for word in words)


def architectures_table(family):
    rows = []
    for architecture in family["architectures"]:
        models = [one["name"] for one in family["variants"] if one.get("architecture") == architecture]
        rows.append([f"`{architecture}`", ", ".join(models) or "—"])
    return table(["Architecture", "Published models"], rows)


def variants_table(family):
    rows = []
    for one in family["variants"]:
        repository = one.get("repository", "")
        link = f"[{repository}](https://huggingface.co/{repository})" if repository else "—"
        config = one.get("config", {})
        text = config.get("text_config", config)
        context = text.get("max_position_embeddings")
        rows.append([one["name"], link, one.get("parameters", "—"), f"{context:,}" if isinstance(context, int) else "—"])
    return table(["Model", "Repository", "Parameters", "Positions"], rows)


def layout_flags(layout):
    return " ".join(f"--{name} {size}" for name, size in layout.items() if size != 1) or "none needed"


def recipes_table(family):
    rows = []
    for one in family["variants"]:
        for recipe in one.get("recipes", []):
            layout = layout_flags(recipe["layout"])
            rows.append([one["name"], recipe["trainer"], recipe["use"], recipe.get("gpus", "—"),
                         layout if layout == "none needed" else f"`{layout}`", recipe["source"]])
    if not rows:
        return "No layout for training these models is published.\n"
    return table(["Model", "Trainer", "Use", "GPUs", "Layout", "Source"], rows)


def index_table(everything):
    rows = [[f"[{name}]({name}.md)", family["summary"], code(family["architectures"]), len(family["variants"])]
            for name, family in everything.items()]
    return table(["Family", "Models", "Architectures", "Listed"], rows)


def owners(everything):
    """Architecture and golden case to the family that owns them."""
    by_architecture = {name: family for family, made in everything.items() for name in made["architectures"]}
    by_case = {}
    for config in sorted(TOP.glob("tests/golden/*/hf/config.json")):
        names = json.loads(config.read_text()).get("architectures") or [""]
        by_case[config.parent.parent.name.replace("-", "_")] = (by_architecture.get(names[0]), names[0])
    return by_architecture, by_case


def support_table(everything):
    """Without results: which golden cases stand for an architecture."""
    _, by_case = owners(everything)
    rows = []
    for name, family in everything.items():
        for architecture in family["architectures"]:
            cases = [case.replace("_", "-") for case, (_, theirs) in by_case.items() if theirs == architecture]
            directions = family.get("directions", ["import", "export"])
            rows.append([f"[{name}]({name}.md)", f"`{architecture}`"] + ["yes" if way in directions else "no" for way in ("import", "export")]
                        + [code(cases) or "synthetic models alone"])
    return table(["Family", "Architecture", "Import", "Export", "Golden cases"], rows)


def results_table(everything, junit):
    """What the tests of a results file say for each architecture."""
    _, by_case = owners(everything)
    told = {}
    if junit is not None and junit.exists():
        for case in xml.etree.ElementTree.parse(junit).getroot().iter("testcase"):
            status = "passed" if case.get("status") == "run" else "failed" if case.get("status") == "fail" else "not run"
            for column, pattern in PROOFS:
                match = re.search(pattern, case.get("name", ""))
                if not match:
                    continue
                of = match.group(1).replace("-", "_")
                key = (of, None) if column == "Proof" else by_case.get(of)
                told.setdefault((key, column), []).append(status)
    rows = []
    for name, family in everything.items():
        for architecture in family["architectures"]:
            cells = []
            for column, _ in PROOFS:
                found = told.get(((name, None) if column == "Proof" else (name, architecture), column), [])
                ran = [status for status in found if status != "not run"]
                bad = ran.count("failed")
                cells.append("not run" if not ran else f"{bad} of {len(ran)} failed" if bad else f"{len(ran)} passed")
            rows.append([f"[{name}](families/{name}.md)", f"`{architecture}`"] + cells)
    return table(["Family", "Architecture"] + [column for column, _ in PROOFS], rows)


def generated(page, everything):
    """The text of a page with its tables made anew."""
    text = page.read_text()
    own = everything.get(page.stem)
    makers = {"index": lambda: index_table(everything), "support": lambda: support_table(everything)}
    if own:
        makers = {"architectures": lambda: architectures_table(own), "variants": lambda: variants_table(own),
                  "recipes": lambda: recipes_table(own)}

    def fill(match):
        if match.group(2) not in makers:
            sys.exit(f"{page}: nothing makes a table called {match.group(2)} here; known are {', '.join(makers)}")
        return match.group(1) + makers[match.group(2)]() + match.group(3)

    return MARKED.sub(fill, text)


def check_parts(page, own):
    """What is missing from a family's page."""
    wanted = ["Overview", "Available variants", "Conversion examples", "Training recipes", "Architecture details"]
    text = page.read_text()
    parts = re.findall(r"^## (.+)$", text, re.M)
    faults = [] if parts == wanted else [f"its parts are {parts}; they must be {wanted}"]
    for name in ("architectures", "variants", "recipes") if own else ():
        if f"<!-- generated: {name} -->" not in text:
            faults.append(f"has no table {name}")
    return faults


def write_or_check(check):
    everything = families()
    faults = [f"docs/families/{name}.md is missing" for name in everything if not (DOCS / "families" / f"{name}.md").exists()]
    for page in sorted((DOCS / "families").glob("*.md")):
        if page.stem != "README":
            faults += [f"{page.relative_to(TOP)}: {fault}" for fault in check_parts(page, everything.get(page.stem))]
        made = generated(page, everything)
        if made == page.read_text():
            continue
        if check:
            faults.append(f"{page.relative_to(TOP)} is stale; docs/make_pages.py writes it anew")
        else:
            page.write_text(made)
            print(f"wrote {page.relative_to(TOP)}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def for_the_site(text, page, brought):
    """Links that lead out of docs/: to a page that is brought along, or no link."""
    def follow(match):
        name, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match.group(0)
        path = (page.parent / target.split("#")[0]).resolve()
        if path.is_relative_to(DOCS) and path.suffix == ".md":
            return match.group(0)
        if path.suffix == ".md" and path.is_file():
            brought.add(path)
            away = os.path.relpath(DOCS / "project" / path.relative_to(TOP).as_posix().replace("/", "-"), page.parent)
            return f"[{name}]({away})"
        return name

    return LINK.sub(follow, text)


def make_site(folder, results):
    everything = families()
    pages = folder / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    brought, nav = set(), []
    for page in sorted(DOCS.rglob("*.md")):
        copy = pages / page.relative_to(DOCS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = for_the_site(generated(page, everything) if page.parent.name == "families" else page.read_text(), page, brought)
        if page == DOCS / "README.md":
            text += site_index(everything, results)
        copy.write_text(text)
        nav.append(page.relative_to(DOCS))
    for picture in DOCS.rglob("*.svg"):
        shutil.copy(picture, pages / picture.relative_to(DOCS))
    for page in sorted(brought):
        copy = pages / "project" / page.relative_to(TOP).as_posix().replace("/", "-")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(LINK.sub(lambda match: match.group(0) if match.group(2).startswith("http") else match.group(1), page.read_text()))
    titled = {page: re.search(r"^# (.+)$", (DOCS / page).read_text(), re.M).group(1).replace('"', "'") for page in nav}
    lines = [(TOP / "docs" / "mkdocs.yml").read_text(), "nav:"]
    lines += [f'  - "{titled[page]}": {page}' for page in sorted(nav, key=lambda page: (page.name != "README.md", page.name)) if len(page.parts) == 1]
    lines += ["  - Families:"]
    lines += [f'    - "{titled[page]}": {page}' for page in sorted(nav, key=lambda page: (page.name != "README.md", page.name)) if page.parts[0] == "families"]
    lines += ["  - Project:"]
    lines += [f"    - project/{page.relative_to(TOP).as_posix().replace('/', '-')}" for page in sorted(brought)]
    (folder / "mkdocs.yml").write_text("\n".join(lines) + "\n")


def site_index(everything, results):
    index = re.sub(r"\]\((\w+\.md)\)", r"](families/\1)", index_table(everything))
    said = (f"From {results.name} of the last test run. A column counts golden cases, Proof the plugin's own check."
            if results is not None and results.exists() else "No results of a test run were found: `./run test` writes them.")
    quick = " · ".join(f"[{one['name']}](families/{name}.md)" for name, family in everything.items() for one in family["variants"])
    return (f"\n## Families\n\n{index}\n## Quick navigation\n\n{quick}\n\n## Conversion support\n\n{said}\n\n"
            f"{results_table(everything, results)}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true")
    options.add_argument("--site", type=Path, metavar="FOLDER")
    options.add_argument("--results", type=Path, metavar="JUNIT.xml")
    chosen = options.parse_args()
    if chosen.site:
        return make_site(chosen.site.resolve(), chosen.results)
    return write_or_check(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
