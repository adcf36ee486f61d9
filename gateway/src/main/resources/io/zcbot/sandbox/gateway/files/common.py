# SPDX-License-Identifier: Apache-2.0
# The beginning of each program that runs in a sandbox for SandboxFileSystem. A program writes fields, each ended by a
# NUL, which no path contains. If it fails, its exit code is the reason, and standard error says it in words.
import errno
import os
import stat
import sys

FAILED = 1
NOT_FOUND = 41
EXISTS = 42
NOT_PERMITTED = 43
NO_SPACE = 44
IS_DIRECTORY = 45
NOT_DIRECTORY = 46
INVALID = 47
TOO_LONG = 48

REASONS = {
    errno.ENOENT: NOT_FOUND,
    errno.EEXIST: EXISTS,
    errno.ENOTEMPTY: EXISTS,
    errno.EACCES: NOT_PERMITTED,
    errno.EPERM: NOT_PERMITTED,
    errno.EROFS: NOT_PERMITTED,
    errno.EBUSY: NOT_PERMITTED,
    errno.ENOSPC: NO_SPACE,
    errno.EDQUOT: NO_SPACE,
    errno.EISDIR: IS_DIRECTORY,
    errno.ENOTDIR: NOT_DIRECTORY,
    errno.EINVAL: INVALID,
    errno.ENXIO: INVALID,
    errno.ENAMETOOLONG: INVALID,
    errno.ELOOP: INVALID,
}

# Other commands may remove or close what is looked at.
GONE = (FileNotFoundError, NotADirectoryError, PermissionError)

METADATA = "user.e2b."


def end(code, message):
    write(2, os.fsencode(message))
    sys.exit(code)


def run(main):
    os.umask(0o022)
    try:
        main(*map(os.fsencode, sys.argv[1:]))
    except OSError as e:
        end(REASONS.get(e.errno, FAILED), "%s: %s" % (os.strerror(e.errno or 0), os.fsdecode(e.filename or "")))


def write(to, data):
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(to, rest):]


def text(path):
    return os.fsdecode(path)


def fields(values):
    return b"".join(b"%d\0" % v if isinstance(v, int) else v + b"\0" for v in values)


def name_of(kind, number, own, names={}):
    """Returns the name of a user or of a group, or the number if there is none. The sandbox's own has E2B's name."""
    if number == own:
        return b"user"
    if (kind, number) not in names:
        try:
            if kind == "user":
                import pwd
                name = pwd.getpwuid(number).pw_name
            else:
                import grp
                name = grp.getgrgid(number).gr_name
        except KeyError:
            name = str(number)
        names[kind, number] = name.encode()
    return names[kind, number]


def metadata_of(path):
    found = []
    try:
        for attribute in os.listxattr(path, follow_symlinks=False):
            if attribute.startswith(METADATA):
                value = os.getxattr(path, attribute, follow_symlinks=False)
                found.append((os.fsencode(attribute[len(METADATA):]), value.replace(b"\0", b"")))
    except OSError as e:
        # ENODATA: removed meanwhile
        if e.errno not in (errno.ENOTSUP, errno.ENODATA, errno.ENOENT, errno.EACCES, errno.EPERM):
            raise
    return found


def entry(path, name):
    """Returns the fields of a file: it is a link's own but for its kind and permissions, which are the target's."""
    info = os.lstat(path)
    target, mode = b"", info.st_mode
    if stat.S_ISLNK(mode):
        try:
            target = os.path.realpath(path, strict=True)
            mode = os.stat(target).st_mode
        except OSError:
            target, mode = path, 0
    seconds, nanos = divmod(info.st_mtime_ns, 10**9)
    metadata = metadata_of(path)
    return fields([
        name, mode, info.st_mode, info.st_size, name_of("user", info.st_uid, os.geteuid()),
        name_of("group", info.st_gid, os.getegid()), seconds, nanos, target, len(metadata),
        *(part for pair in metadata for part in pair),
    ])


def behind_link(path):
    """Returns the path that is written when this one is: a link stays, and what it leads to is replaced."""
    return os.path.realpath(path) if os.path.islink(path) else path


def make_parents(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
