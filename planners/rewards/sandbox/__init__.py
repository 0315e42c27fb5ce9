"""The second wall: a process for what is not trusted, closed by the kernel before any of it is loaded.

- `limits`: a scrubbed environment and resource limits.
- `landlock`: which files can be opened at all. `seccomp`: which system calls there are.
- `inside`: the child, which closes all three behind itself and then works. `process`: the parent.

Only JSON crosses, over a pipe. What it holds and does not hold stands in SECURITY.md.
"""
