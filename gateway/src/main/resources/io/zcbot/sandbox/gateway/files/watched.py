# SPDX-License-Identifier: Apache-2.0
import fcntl


def main(kept_in, is_last):
    """Takes the events that a watch has kept, behind the path of its directory."""
    try:
        file = os.open(kept_in, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        end(NOT_FOUND, "watcher not found")
    fcntl.lockf(file, fcntl.LOCK_EX, 1, 1)
    with os.fdopen(file, "rb", buffering=0) as kept:
        output = kept.readall()
        root = output.index(b"\0") + 1
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
            has_ended = True
        except BlockingIOError:
            has_ended = False
        if is_last == b"1":
            os.unlink(kept_in)
        elif has_ended and len(output) == root:
            end(FAILED, "the watch has ended, because its time was over or its events were not fetched; make another one")
        else:
            os.truncate(file, root)
        write(1, output)


run(main)
