"""The report of a search says what the ledger says, and shows text from models as text."""

import json
import re
from dataclasses import replace

from embodied.eureka import page
from embodied.eureka.command import summarise, told
from planners.rewards.funnel import FunnelCfg
from planners.rewards.ledger import Ledger
from planners.rewards.program import Program
from planners.rewards.search import Search, SearchCfg
from planners.rewards.writers import GrammarWriter
from tests.planners.rewards.push import BRIEF, PER_ROUND, POOR, evaluate, problems

EVIL = "<script>alert(1)</script>"


class Chatty(GrammarWriter):
    """Puts a script into what it says, and spoils one reply in each round."""

    def write(self, context, n):
        made = [replace(r, note=EVIL, prompt=f"{EVIL} prompt") for r in super().write(context, n)]
        spoiled = context.sample % 4 == 3
        return [replace(r, program=None, problem=f"no code {EVIL}") if spoiled else r for r in made]


def test_the_page_shows_lineage_diffs_curves_shares_prompts_and_hashes(tmp_path):
    cfg = SearchCfg(FunnelCfg(6 * PER_ROUND, rungs=2), samples=4, iterations=2)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    search = Search(cfg, BRIEF, Chatty(), evaluate, ledger, problems, POOR)
    result = search.run()
    assert result.best is not None
    fresh = search.trials.run([result.best.program] * 2, [71, 72], 3 * PER_ROUND)
    summary = summarise(result, fresh, search)
    (tmp_path / "results.json").write_text(json.dumps(summary))
    (tmp_path / "command.txt").write_text("python -m embodied.eureka push")
    text = page.render(tmp_path).read_text()
    assert EVIL not in text and "&lt;script&gt;" in text and "default-src &#39;none" not in text
    for candidate in result.candidates:
        assert candidate.id in text and candidate.hash in text
    assert "changes from start" in text and ledger.head in text
    assert "none: trained in this process" in text
    assert "fresh seeds 71, 72" in text and 'class="band"' in text
    assert len(re.findall("<h3>Prompt</h3>", text)) == sum(
        len(e["replies"]) for e in ledger.entries("asked")
    )
    assert len(ledger.entries("unusable")) == 2 and "no code" in text
    assert f"reproduce {tmp_path} {result.best.id}" in text
    assert "executable: 6 of 8 at once, 6 after repair" in told(summary)


def test_an_unfinished_search_with_nothing_in_it_still_has_a_page(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    search = Search(SearchCfg(FunnelCfg(10)), BRIEF, GrammarWriter(), evaluate, ledger, problems)
    (tmp_path / "results.json").write_text(json.dumps(summarise(search.result, [], search)))
    text = page.render(tmp_path).read_text()
    assert "Nothing could be trained" in text and "Unfinished" in text


def test_a_difference_shows_what_changed_and_nothing_else():
    term = POOR.terms[0]
    after = Program((replace(term, weight=0.5),))
    shown = page.difference(POOR, after).splitlines()
    assert [line for line in shown if line[0] in "+-"] == ["-# weight 1", "+# weight 0.5"]
    assert page.difference(POOR, POOR) == ""
