"""The `tqs` command. Thin: each command calls one function of a room and prints what it returns.

Exit status: 0 done, 1 it could not be done (one sentence says why), 2 wrong usage.
"""

from __future__ import annotations

import sys

from tqs.errors import TqsError, UsageError

STOPPED_BY_CTRL_C = 130  # 128 + SIGINT, as shells have it


def main() -> None:
    """Run the command line; an expected failure is one sentence on stderr and exit status 1, or 2 for wrong usage."""
    try:
        from tqs.cli.app import app  # takes a second, in which Ctrl-C may come

        app()
    except TqsError as error:
        print(f"tqs: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        print("tqs: stopped", file=sys.stderr)
        sys.exit(STOPPED_BY_CTRL_C)
    except BrokenPipeError:  # `tqs ... | head`
        sys.exit(0)
    except OSError as error:  # a full disk, a folder that is not ours
        print(f"tqs: the system refused ({error}); what was being written is not complete", file=sys.stderr)
        sys.exit(1)
