"""Run `librados_reader.py` under the node's own Python and put questions to it, each with a deadline.

For the watcher, which waits for several readers at once with `select`, and for `_modules/ceph.py`, which waits for one.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time

LARGEST_HEADER = 2**20


class ReaderFailed(Exception):
    """The reader died, did not answer by its deadline, or could not do what it was asked."""


class Reader:
    """One running program.

    Invariants: at most one question is open; a reader that failed to answer has been killed and is of no more use.
    """

    def __init__(self, python, program):
        self.process = subprocess.Popen(
            [python, "-I", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_the_parent,
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.received = bytearray()
        self.question = None
        self.deadline = None

    def fileno(self):
        """Return what `select` waits on."""
        return self.process.stdout.fileno()

    def send(self, seconds, **question):
        """Put a question, to be answered within `seconds`.

        Raises:
            ReaderFailed: the program is gone.
        """
        self.question = question
        self.deadline = time.monotonic() + seconds
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            self.kill()
            raise ReaderFailed("the reader has ended") from error

    def poll(self):
        """Return (answer, data) if the open question has its answer, else None.

        Raises:
            ReaderFailed: the program ended, is late (it is killed), or reported an error.
        """
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.fileno(), 2**20):
                self.received += chunk
            self.kill()
            raise ReaderFailed("the reader has ended")
        answer = self._take_answer()
        if answer is None and time.monotonic() > self.deadline:
            self.kill()
            raise ReaderFailed(f"no answer from the cluster to {self.question['op']}")
        return answer

    def ask(self, seconds, **question):
        """Put a question and wait for (answer, data).

        Raises:
            ReaderFailed: see `poll`.
        """
        self.send(seconds, **question)
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            while (answer := self.poll()) is None:
                selector.select(max(0.0, self.deadline - time.monotonic()) + 0.001)
        return answer

    def kill(self):
        """End the program at once, stopped or not."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.stdout.close()

    def _take_answer(self):
        end = self.received.find(b"\n", 0, LARGEST_HEADER)
        if end < 0:
            return None
        header = json.loads(self.received[:end])
        if len(self.received) < end + 1 + header["size"]:
            return None
        data = bytes(self.received[end + 1 : end + 1 + header["size"]])
        self.received.clear()
        self.question = None
        if "error" in header:
            raise ReaderFailed(header["error"])
        return header, data


def start(python, program):
    """Start the reader `program` under the interpreter `python` (paths) and return it, not yet connected."""
    return Reader(python, program)


def failure():
    """Return the exception class, which Salt's loader hands out through functions only."""
    return ReaderFailed


def _end_with_the_parent():
    """Have the kernel kill the reader when whoever started it dies (PR_SET_PDEATHSIG, prctl(2))."""
    import ctypes  # noqa: PLC0415

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
