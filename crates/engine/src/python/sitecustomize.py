"""Shows each line of a task when it ends, and loses none when the task is stopped for a while."""

import io
import os
import sys


def by_lines(stream):
    binary = getattr(stream, "buffer", None)
    if isinstance(binary, io.RawIOBase):
        # Unbuffered: it would lose what a full pipe takes only in part.
        binary = io.BufferedWriter(binary)
        return io.TextIOWrapper(binary, stream.encoding, stream.errors, "\n", line_buffering=True)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(line_buffering=True)
    return stream


def hand_on():
    """Runs the module of this name that the image brings itself."""
    own = os.path.dirname(os.path.abspath(__file__))
    folders = [folder for folder in sys.path if os.path.abspath(folder) != own]
    for finder in sys.meta_path:
        spec = finder.find_spec(__name__, folders) if hasattr(finder, "find_spec") else None
        if spec and spec.loader:
            from importlib.util import module_from_spec

            module = module_from_spec(spec)
            sys.modules[__name__] = module
            spec.loader.exec_module(module)
            return


sys.stdout, sys.stderr = by_lines(sys.stdout), by_lines(sys.stderr)
hand_on()
