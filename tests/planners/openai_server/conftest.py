"""Servers for the tests of this folder."""

from collections.abc import Callable, Iterator

import pytest

from tests.planners.openai_server.scripted import Behaviour, Scripted


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], Scripted]]:
    """Starts servers, and stops them afterwards."""
    running: list[Scripted] = []

    def start(behaviour: Behaviour) -> Scripted:
        running.append(Scripted(behaviour))
        return running[-1]

    yield start
    for server in running:
        server.shutdown()
        server.server_close()
