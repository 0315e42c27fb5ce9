"""Any OpenAI-compatible model server as a `LanguageModel`, scored in the best way that it can serve.

`address` says where the server is, `client` talks to it, `probe` finds out what it can do. There is
one module per way of scoring, the best first: `prompt_logprobs`, `first_token`, `letters`, and
`votes`, which holds structured choice and generate-and-match.
"""

from planners.openai_server.address import Address
from planners.openai_server.client import ServerCfg
from planners.openai_server.model import OpenAIServer

__all__ = ["Address", "OpenAIServer", "ServerCfg"]
