"""Runs the real dashboard in a pty of a given size and measures what it costs."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Bytes a second to the terminal and the share of one core, over the seconds measured."""

    bytes_per_s: float
    core_percent: float


@dataclass
class Terminal:
    """A dashboard in a pty; everything it wrote is in `output`."""

    columns: int
    rows: int
    arguments: tuple[str, ...] = ("--sample",)
    output: bytearray = field(default_factory=bytearray)
    pid: int = 0
    fd: int = -1

    def __enter__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            for name in list(environment):
                if name.startswith("TEXTUAL") or name == "NO_COLOR":
                    del environment[name]
            # The window must have its size before the dashboard asks for it.
            time.sleep(0.1)
            os.execve(sys.executable, [sys.executable, "-m", "tui", *self.arguments], environment)
        size = struct.pack("HHHH", self.rows, self.columns, 0, 0)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)

    def read_for(self, seconds):
        """Read what it writes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.output += os.read(self.fd, 65536)
                except OSError:
                    return

    def wait_for(self, text, seconds=60.0):
        """Read until the text was written."""
        end = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < end, f"{text!r} never came: {bytes(self.output[-500:])!r}"
            self.read_for(0.1)

    def press(self, keys):
        """Type."""
        os.write(self.fd, keys)

    def cpu_s(self):
        """Seconds of processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def wait_exit(self, seconds=60.0):
        """The exit code, once it ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read_for(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("it did not end")


def measure(terminals, seconds):
    """What each of them costs in the next seconds."""
    before = [(len(t.output), t.cpu_s()) for t in terminals]
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        for terminal in terminals:
            terminal.read_for(0.02)
    took = time.monotonic() - start
    return [
        Cost((len(t.output) - written) / took, 100 * (t.cpu_s() - cpu) / took)
        for t, (written, cpu) in zip(terminals, before, strict=True)
    ]
