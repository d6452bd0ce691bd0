#!/usr/bin/env python3
"""What docs/make_pages.py says of test results and of links: site_test.py REPOSITORY. Standard library only."""
import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(sys.argv.pop(1)).resolve()
spec = importlib.util.spec_from_file_location("make_pages", TOP / "docs" / "make_pages.py")
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)

RESULTS = """<?xml version="1.0"?><testsuite>
<testcase name="Cases/GoldenConversion.ImportsEveryParameterAsExpected/llama3  # GetParam() = &quot;llama3&quot;" status="run"/>
<testcase name="Cases/GoldenConversion.ImportsEveryParameterAsExpected/llama3_tied" status="run"/>
<testcase name="Cases/GoldenConversion.ImportsEveryParameterAsExpected/mistral" status="fail"><failure/></testcase>
<testcase name="Cases/GoldenConversion.ExportsTheSourceByteForByte/llama3" status="run"/>
<testcase name="Cases/GoldenConversion.ExportsTheSourceByteForByte/llama3_tied" status="fail"/>
<testcase name="Cases/LayoutProperty.KeepsEveryElementInItsPlace/mistral" status="notrun"/>
<testcase name="All/OwnPlugins.KeepTheContract/llama" status="run"/>
</testsuite>"""


class Site(unittest.TestCase):
    def test_results_stand_beside_the_architecture_whose_golden_case_was_run(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "results.xml"
            file.write_text(RESULTS)
            rows = pages.results_table(pages.families(), file).splitlines()
        self.assertEqual(rows[0], "| Family | Architecture | Import | Export | Export alone | Layouts | Forward | Proof |")
        self.assertIn("| [llama](families/llama.md) | `LlamaForCausalLM` | 2 passed | 1 of 2 failed | not run | not run | not run | 1 passed |", rows)
        self.assertIn("| [llama](families/llama.md) | `MistralForCausalLM` | 1 of 1 failed | not run | not run | not run | not run | 1 passed |", rows)
        self.assertIn("| [qwen](families/qwen.md) | `Qwen2ForCausalLM` | not run | not run | not run | not run | not run | not run |", rows)

    def test_without_results_nothing_has_been_run(self):
        rows = pages.results_table(pages.families(), None).splitlines()[2:]
        self.assertEqual(len(rows), sum(len(family["architectures"]) for family in pages.families().values()))
        for row in rows:
            self.assertEqual(row.count("not run"), 6)

    def test_links_out_of_the_documentation_lead_to_copies_or_nowhere(self):
        brought = set()
        page = TOP / "docs" / "families" / "llama.md"
        text = pages.for_the_site("[a](../guide.md) [b](../../CONTRIBUTING.md) [c](../../plugins/llama/llama.cpp) [d](https://x.y)", page, brought)
        self.assertEqual(text, "[a](../guide.md) [b](../project/CONTRIBUTING.md) c [d](https://x.y)")
        self.assertEqual(brought, {TOP / "CONTRIBUTING.md"})

    def test_a_layout_is_spelt_as_it_is_typed(self):
        self.assertEqual(pages.layout_flags({"tp": 4, "pp": 1, "ep": 8}), "--tp 4 --ep 8")
        self.assertEqual(pages.layout_flags({"tp": 1, "pp": 1}), "none needed")


if __name__ == "__main__":
    unittest.main()
