"""The console script `embodied`, installed a second time as the top-level `embodied_llm_rl`.

Other distributions ship a package called `embodied` too. Were the console script to import
`embodied.__main__`, it could start one of those, or die in it. This module imports nothing before
it has made sure that `embodied` is the one beside our own `planners` and `policies`.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def shadowing_package() -> tuple[Path, Path] | None:
    """Return (foreign package folder, our root) when `import embodied` would find a foreign one."""
    ours, found = find_spec("planners"), find_spec("embodied")
    places = list(ours.submodule_search_locations or ()) if ours else []
    if not places or found is None:
        return None
    root = Path(places[0]).resolve().parent
    folders = [Path(place).resolve() for place in found.submodule_search_locations or ()]
    if root / "embodied" in folders or not (root / "embodied").is_dir():
        return None
    return (folders[0] if folders else Path(str(found.origin))), root


def main() -> int:
    """Put our `embodied` first when a foreign one would be imported, say so, and run the verb."""
    shadow = shadowing_package()
    if shadow is not None:
        foreign, root = shadow
        sys.path.insert(0, str(root))
        for name in [n for n in sys.modules if n == "embodied" or n.startswith("embodied.")]:
            del sys.modules[name]
        print(
            f"note: another package named 'embodied' at {foreign} shadows ours; this command goes "
            "on with ours, but `python -m embodied.…` would not. "
            "Use an environment of its own for embodied-llm-rl.",
            file=sys.stderr,
        )
    from embodied.__main__ import main as run_verb

    return run_verb()
