"""The attacks: bodies of a term, and what has to stop each of them once it is past the first wall.

SECRET is a file with a token, VICTIM a path beside it, PORT a listening one, PARENT the test's process.
"""

from __future__ import annotations

from dataclasses import dataclass

LANDLOCK, SECCOMP = "Landlock", "seccomp"
_DENIED = {LANDLOCK: r"\[Errno 13\]", SECCOMP: r"\[Errno 1\]"}


@dataclass(frozen=True)
class Attack:
    """wall: what stops it in the sandboxed process. shows: a pattern in the failure that proves so; an
    attack without one ends by itself, and only its traces outside are looked for."""

    name: str
    wall: str
    source: str
    shows: str = ""

    @property
    def pattern(self) -> str:
        """What the failure has to say."""
        return self.shows or _DENIED.get(self.wall, "")


_LIBC = """
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    def call(*args):
        if libc.syscall(*args) < 0:
            raise OSError(ctypes.get_errno(), "refused")
"""
_NO_TRACE = "^$"
"""Ends by itself; nothing of it may be seen outside."""

ATTACKS = (
    # ---- reading files
    Attack("open and read", LANDLOCK, "return open(SECRET).read()"),
    Attack("os.open", LANDLOCK, "import os\nreturn os.read(os.open(SECRET, os.O_RDONLY), 99).hex()"),
    Attack("pathlib", LANDLOCK, "import pathlib\nreturn pathlib.Path(SECRET).read_text()"),
    Attack("list a home folder", LANDLOCK, "import os\nreturn os.listdir(os.path.dirname(SECRET))"),
    Attack("the parent's environment", LANDLOCK, "return open(f'/proc/{PARENT}/environ').read()"),
    Attack("the parent's memory", LANDLOCK, "return open(f'/proc/{PARENT}/mem', 'rb').read(9).hex()"),
    Attack("the parent's command line", LANDLOCK, "return open(f'/proc/{PARENT}/cmdline').read()"),
    Attack("passwords", LANDLOCK, "return open('/etc/passwd').read()"),
    Attack("numpy.fromfile", LANDLOCK, "import numpy\nreturn numpy.fromfile(SECRET, 'u1').tolist()"),
    Attack(
        "numpy.loadtxt", LANDLOCK, "import numpy\nreturn str(numpy.loadtxt(SECRET, str))",
        r"not found|\[Errno 13\]",
    ),
    Attack("torch.load", LANDLOCK, "import torch\nreturn str(torch.load(SECRET))"),
    Attack(
        "torch.from_file", LANDLOCK,
        "import torch\nreturn torch.from_file(SECRET, size=3, dtype=torch.uint8).tolist()",
        r"Permission denied",
    ),
    Attack("a raw open call", LANDLOCK, _LIBC + "    call(257, -100, SECRET.encode(), 0)"),
    Attack(
        "through a link", SECCOMP, "import os\nos.symlink(SECRET, 'link')\nreturn open('link').read()"
    ),
    # ---- writing files
    Attack("open and write", LANDLOCK, "open(VICTIM, 'w').write('x')"),
    Attack("numpy.save", LANDLOCK, "import numpy\nnumpy.save(VICTIM, numpy.ones(3))"),
    Attack(
        "torch.save", LANDLOCK, "import torch\ntorch.save({'x': 1}, VICTIM)", "Permission denied"
    ),
    Attack("numpy.memmap", LANDLOCK, "import numpy\nnumpy.memmap(SECRET, 'u1', 'r+')[:] = 0"),
    Attack("delete", LANDLOCK, "import os\nos.remove(SECRET)"),
    Attack("empty", SECCOMP, "import os\nos.truncate(SECRET, 0)"),
    Attack("move", LANDLOCK, "import os\nos.rename(SECRET, VICTIM)", r"\[Errno (13|18)\]"),
    Attack("hard link", SECCOMP, "import os\nos.link(SECRET, 'mine')"),
    Attack("make readable to all", SECCOMP, "import os\nos.chmod(SECRET, 0o777)"),
    Attack("a new module in our package", LANDLOCK, "import planners\nopen(planners.__file__, 'a')"),
    Attack("fill the disk", "rlimits", "open('big', 'wb').write(bytes(100 << 20))", r"\[Errno 27\]"),
    Attack(
        "fill the disk with many files", "watch over its files",
        "n = 0\nwhile True:\n    n += 1\n    open(f'big{n}', 'wb').write(bytes(8 << 20))",
        "more than .* MiB of files",
    ),
    # ---- network
    Attack("connect", SECCOMP, "import socket\nsocket.create_connection(('127.0.0.1', PORT))"),
    Attack(
        "urllib", SECCOMP, "import urllib.request\nurllib.request.urlopen(f'http://127.0.0.1:{PORT}')"
    ),
    Attack("a datagram", SECCOMP, "import socket\nsocket.socket(2, 2).sendto(b'x', ('127.0.0.1', PORT))"),
    Attack("a unix socket", SECCOMP, "import socket\nsocket.socket(1, 1).connect('\\0embodied')"),
    Attack(
        "a name server", SECCOMP, "import socket\nreturn socket.getaddrinfo('example.org', 80)",
        r"gaierror|\[Errno 1\]",
    ),
    # ---- other programs and processes
    Attack("subprocess", SECCOMP, "import subprocess\nsubprocess.run(['touch', VICTIM])"),
    Attack("os.system", SECCOMP, "import os\nos.system(f'touch {VICTIM}')", _NO_TRACE),
    Attack("exec", SECCOMP, "import os\nos.execv('/bin/touch', ['touch', VICTIM])", r"\[Errno (1|13)\]"),
    Attack(
        "posix_spawn", SECCOMP, "import os\nos.posix_spawn('/bin/touch', ['touch', VICTIM], {})"
    ),
    Attack("fork", SECCOMP, "import os\nos.fork() or open(VICTIM, 'w')"),
    Attack("fork bomb", SECCOMP, "import os\nwhile True:\n    os.fork()"),
    Attack("libc.system", SECCOMP, _LIBC + "    libc.system(f'touch {VICTIM}'.encode())", _NO_TRACE),
    Attack("a raw execve", SECCOMP, _LIBC + "    call(59, b'/bin/sh', 0, 0)"),
    Attack("a raw fork", SECCOMP, _LIBC + "    call(57)"),
    Attack("multiprocessing", SECCOMP, "import multiprocessing as m\nm.Process(target=print).start()"),
    Attack("kill the parent", SECCOMP, "import os\nos.kill(PARENT, 10)"),
    Attack("kill everybody", SECCOMP, "import os\nos.kill(-1, 10)"),
    Attack("trace the parent", SECCOMP, _LIBC + "    call(101, 16, PARENT, 0, 0)"),
    Attack("read the parent's memory", SECCOMP, _LIBC + "    call(310, PARENT, 0, 0, 0, 0, 0)"),
    Attack("a handle of the parent", SECCOMP, _LIBC + "    call(434, PARENT, 0)"),
    Attack("leave the process group", SECCOMP, "import os\nos.setsid()"),
    Attack("a namespace of its own", SECCOMP, _LIBC + "    call(272, 0x10000000)"),
    Attack("io_uring", SECCOMP, _LIBC + "    call(425, 8, 0)"),
    Attack("load a kernel program", SECCOMP, _LIBC + "    call(321, 5, 0, 0)"),
    Attack("kernel keys", SECCOMP, _LIBC + "    call(250, 0, -3, 0)"),
    Attack("type into the terminal", SECCOMP, "import fcntl\nfcntl.ioctl(0, 0x5412, b'x')"),
    Attack(
        "raise its limits", SECCOMP,
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (999, 999))",
        r"\[Errno 1\]|not allowed to raise",
    ),
    # ---- tricks of the language
    Attack(
        "a walk over subclasses", SECCOMP,
        """
        for kind in ().__class__.__base__.__subclasses__():
            if kind.__name__ == '_wrap_close':
                kind.__init__.__globals__['system'](f'touch {VICTIM}')
        """,
        _NO_TRACE,
    ),
    Attack(
        "a format string", "scrubbed environment",
        "import os\nreturn '{0._wrap_close.__init__.__globals__[environ]}'.format(os)", _NO_TRACE,
    ),
    Attack(
        "an f-string", "scrubbed environment",
        "return f\"{__import__('os').environ}\"", _NO_TRACE,
    ),
    Attack(
        "a generator's frame", LANDLOCK,
        """
        def walk():
            yield frame.gi_frame.f_back
        frame = walk()
        found = next(frame)
        return found.f_globals['__builtins__']['open'](SECRET).read()
        """,
    ),
    Attack(
        "a traceback's frame", LANDLOCK,
        """
        try:
            1 / 0
        except Exception as error:
            return error.__traceback__.tb_frame.f_back.f_builtins['open'](SECRET).read()
        """,
    ),
    Attack("importlib", SECCOMP, "import importlib\nimportlib.import_module('os').fork()"),
    Attack("exec of text", SECCOMP, "exec('import os; os.fork()')"),
    Attack(
        "a pickle that runs", SECCOMP,
        "import pickle\npickle.loads(b'cos\\nsystem\\n(V' + f'touch {VICTIM}'.encode() + b'\\ntR.')",
        _NO_TRACE,
    ),
    Attack("the key", "scrubbed environment", "import os\nreturn os.environ['OPENAI_API_KEY']", "KeyError"),
    # ---- using up, and lying
    Attack("a memory bomb", "rlimits", "return len(bytearray(64 << 30))", "MemoryError"),
    Attack(
        "a growing list", "rlimits", "x = [0] * 1000\nwhile True:\n    x = x + x", "MemoryError"
    ),
    Attack(
        "memory taken bit by bit", "watch over its memory",
        "x = []\nwhile True:\n    x.append(b'x' * (8 << 20))", "more than .* MiB",
    ),
    Attack("an endless loop", "deadline", "while True:\n    pass", "longer than"),
    Attack("a sleeper", "deadline", "import time\ntime.sleep(999)", "longer than"),
    Attack("a long number", "deadline", "return 9 ** 9 ** 9 // 7", "longer than|MemoryError"),
    Attack("endless recursion", "own process", "def f():\n    return f()\nreturn f()", "RecursionError"),
    Attack(
        "a thread bomb", "rlimits",
        "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(99,)).start()",
        "new thread|longer than|MemoryError",
    ),
    Attack("a crash", "own process", "import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    Attack("an early exit", "own process", "import os\nos._exit(0)", "gave no answer"),
    Attack(
        "an answer of its own", "JSON",
        "import os\n[os.write(fd, b'}{') for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')]",
        "gave no answer|Bad file|Errno",
    ),
    Attack("a flood", "JSON", "return 'x' * (2 << 20)", "too much"),
    Attack("an object that is no JSON", "JSON", "return object()", "gave no answer"),
)  # fmt: skip
