"""A kitchen robot that a language model directs. Importing this registers the Gymnasium ids.

`gymnasium.make("embodied/Pick-v0")` works after `import embodied`, in either order of the two
imports; `gymnasium.make("embodied:embodied/Pick-v0")` works without it. The ids are strings: MuJoCo
and torch load only when an environment is made, and Gymnasium itself only when you import it.
"""

from __future__ import annotations

import sys
from typing import Any

__version__ = "0.1.0"

# id -> where the environment is made. Loaded by Gymnasium at `make` time.
ENVIRONMENTS = {
    "embodied/Kitchen-v0": "embodied.tasks.gym_env:make_kitchen",
    "embodied/Close-v0": "embodied.tasks.gym_env:make_close",
    "embodied/Navigate-v0": "embodied.tasks.gym_env:make_navigate",
    "embodied/Open-v0": "embodied.tasks.gym_env:make_open",
    "embodied/Pick-v0": "embodied.tasks.gym_env:make_pick",
    "embodied/Place-v0": "embodied.tasks.gym_env:make_place",
}


def register() -> None:
    """Register every id of `ENVIRONMENTS` with Gymnasium, once."""
    from gymnasium.envs import registration

    for env_id, entry_point in ENVIRONMENTS.items():
        if env_id not in registration.registry:
            registration.register(id=env_id, entry_point=entry_point)


class _RegisterOnImport:
    """Meta-path finder that calls `register` when Gymnasium has been imported.

    Gymnasium takes longer to import than all of this package (about 0.2 s), and most commands
    print something useful long before they need it.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Let the other finders find `gymnasium`, and append our registration to its import."""
        if name != "gymnasium":
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_register(module: Any) -> None:
                load(module)
                register()

            spec.loader.exec_module = load_and_register  # type: ignore[method-assign]
        return spec


if "gymnasium" in sys.modules:
    register()
else:
    sys.meta_path.insert(0, _RegisterOnImport())  # type: ignore[arg-type]
