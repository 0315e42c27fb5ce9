"""`bench skills` measures what it is given, and nothing is trained or changed."""

import json

from embodied import bench
from policies.library import SHIPPED


def test_skills_are_measured_with_heads_and_drives(tmp_path, capsys):
    before = {path: path.read_bytes() for path in SHIPPED.rglob("*.*")}
    words = ["skills", "navigate", "pick", "--episodes", "32", "--rollouts", "120", "--drives", "2"]
    assert bench.main([*words, "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "results.json").read_text())
    assert set(found) == {"navigate", "pick"}
    assert found["pick"]["figures"]["all"]["episodes"] == 32
    assert found["pick"]["figures"]["all"]["rate"] > 0.8
    assert found["pick"]["figures"]["object: sponge"]["episodes"] == 2
    assert found["pick"]["affordance"]["n"] >= 110
    assert found["pick"]["affordance"]["auroc"] > 0.9
    assert found["navigate"]["kitchen"]["figures"]["all"]["episodes"] == 2
    assert found["navigate"]["kitchen"]["touching"] == 0
    assert "success head: ECE" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in SHIPPED.rglob("*.*")}


def test_bad_requests_create_nothing(tmp_path, capsys):
    out = tmp_path / "out"
    for words, said in (
        (["pikc"], "Did you mean 'pick'"),
        (["--episodes", "1"], "--episodes must be at least"),
        (["--skills.pick", str(SHIPPED / "place")], "give it as --skills.place"),
    ):
        assert bench.main(["skills", *words, "--out", str(out)]) == 2
        assert said in capsys.readouterr().err
    assert not out.exists()
