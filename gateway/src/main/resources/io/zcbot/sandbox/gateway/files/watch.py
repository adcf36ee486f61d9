# SPDX-License-Identifier: Apache-2.0
import ctypes
import fcntl
import struct

MODIFY, ATTRIB, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF = (
    0x2, 0x4, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800)
OVERFLOW, IGNORED, ONLY_DIRECTORY, DONT_FOLLOW, IS_DIR = 0x4000, 0x8000, 0x1000000, 0x2000000, 0x40000000

KINDS = [
    (CREATE | MOVED_TO, b"CREATE"),
    (MOVED_FROM | MOVE_SELF, b"RENAME"),
    (ATTRIB, b"CHMOD"),
    (MODIFY, b"WRITE"),
    (DELETE | DELETE_SELF, b"REMOVE"),
]
# Files that are being written: what is seen of them is the rename to their final name.
UNFINISHED = b".zcbot-write-"
WITH_ENTRY = (b"CREATE", b"CHMOD", b"WRITE")

libc = ctypes.CDLL(None, use_errno=True)


def checked(result, path):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


class Watches:
    """The watched directories, by their paths relative to the root."""

    def __init__(self, root, is_recursive):
        self.root = root
        self.is_recursive = is_recursive
        self.names = {}
        self.descriptors = {}
        self.written = None
        try:
            self.file = checked(libc.inotify_init1(os.O_CLOEXEC), root)
        except OSError as e:
            if e.errno != errno.EMFILE:
                raise
            end(FAILED, "the sandbox has as many watches as its host allows (fs.inotify.max_user_instances)")

    def path(self, name):
        return os.path.join(self.root, name) if name else self.root

    def add(self, name):
        """Watches a directory and, if recursive, those below. Returns what is below it then."""
        found = []
        waiting = [name]
        while waiting:
            name = waiting.pop()
            try:
                self.add_one(name)
                if self.is_recursive:
                    with os.scandir(self.path(name)) as entries:
                        for each in entries:
                            below = os.path.join(name, each.name)
                            found.append(below)
                            if each.is_dir(follow_symlinks=False):
                                waiting.append(below)
            except GONE:
                if not name:
                    raise
        return found

    def add_one(self, name):
        mask = MODIFY | ATTRIB | MOVED_FROM | MOVED_TO | CREATE | DELETE | ONLY_DIRECTORY
        mask |= DONT_FOLLOW if name else DELETE_SELF | MOVE_SELF
        try:
            path = self.path(name)
            descriptor = checked(libc.inotify_add_watch(self.file, ctypes.c_char_p(path), ctypes.c_uint32(mask)), path)
        except OSError as e:
            if e.errno != errno.ENOSPC:
                raise
            end(FAILED, "there are more directories than the sandbox's host lets it watch"
                " (fs.inotify.max_user_watches)")
        self.names[descriptor] = name
        self.descriptors[name] = descriptor

    def forget(self, name):
        """Ends the watches of a directory that has gone elsewhere."""
        for each in [n for n in self.descriptors if n == name or n.startswith(name + b"/")]:
            descriptor = self.descriptors.pop(each)
            if self.names.get(descriptor) == each:
                del self.names[descriptor]
                libc.inotify_rm_watch(self.file, descriptor)

    def ended(self, descriptor):
        name = self.names.pop(descriptor, None)
        if self.descriptors.get(name) == descriptor:
            del self.descriptors[name]

    def events(self):
        """Returns the next events, as pairs of kind and name."""
        data = os.read(self.file, 1 << 16)
        at = 0
        while at < len(data):
            descriptor, mask, cookie, length = struct.unpack_from("iIII", data, at)
            name = data[at + 16:at + 16 + length].rstrip(b"\0")
            at += 16 + length
            if mask & OVERFLOW:
                end(FAILED, "events were lost, because they came faster than they could be passed on")
            directory = self.names.get(descriptor)
            if mask & IGNORED:
                self.ended(descriptor)
            elif directory is None or (directory and not name):
                continue  # a directory that was renamed, or that its parent reports
            elif name.startswith(UNFINISHED):
                self.written = cookie if mask & MOVED_FROM else self.written
            else:
                yield from self.event(os.path.join(directory, name), mask)
                if mask & MOVED_TO and cookie == self.written:
                    yield b"WRITE", os.path.join(directory, name)

    def event(self, name, mask):
        for bits, kind in KINDS:
            if mask & bits:
                yield kind, name or b"."
        if self.is_recursive and mask & IS_DIR and name:
            if mask & MOVED_FROM:
                self.forget(name)
            elif mask & (CREATE | MOVED_TO):
                found = self.add(name)
                if mask & CREATE:  # what was made in it before it was watched
                    yield from ((b"CREATE", below) for below in found)


class Kept:
    """Keeps events in a file until a program takes them. Removing the file ends the watch."""

    def __init__(self, path, root):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        write(self.file, root + b"\0")
        fcntl.lockf(self.file, fcntl.LOCK_EX, 1, 0)  # the first byte's lock says that this one runs

    def add(self, output, most):
        fcntl.lockf(self.file, fcntl.LOCK_EX, 1, 1)
        info = os.fstat(self.file)
        if not info.st_nlink:
            sys.exit()
        if info.st_size + len(output) > most:
            sys.exit(TOO_LONG)  # whoever takes them is told that the watch has ended
        write(self.file, output)
        fcntl.lockf(self.file, fcntl.LOCK_UN, 1, 1)


def event(watches, kind, name, is_with_entry):
    found = b""
    if is_with_entry and kind in WITH_ENTRY:
        try:
            found = entry(watches.path(name) if name != b"." else watches.root, name)
        except OSError:
            pass  # gone by now
    return fields([kind, name, 1 if found else 0]) + found


def main(root, is_recursive, is_with_entry, most_bytes, kept_in=b""):
    try:
        mode = os.stat(root).st_mode
    except FileNotFoundError:
        end(NOT_FOUND, "path %s not found" % text(root))
    if not stat.S_ISDIR(mode):
        end(NOT_DIRECTORY, "path %s not a directory" % text(root))
    watches = Watches(root, is_recursive == b"1")
    watches.add(b"")
    left = int(most_bytes)
    kept = None
    if kept_in:
        kept = Kept(kept_in, root)
        checked(libc.inotify_add_watch(watches.file, ctypes.c_char_p(kept_in), ctypes.c_uint32(ATTRIB)), kept_in)
    write(1, b"start\0")
    while True:
        output = b"".join(event(watches, kind, name, is_with_entry == b"1") for kind, name in watches.events())
        if kept:
            kept.add(output, left)
            continue
        left -= len(output)
        if left < 0:
            end(TOO_LONG, "the watch has passed on as many events as one may; watch again")
        write(1, output)


run(main)
