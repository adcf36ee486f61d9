# SPDX-License-Identifier: Apache-2.0
def names(path, most):
    found = []
    with os.scandir(path) as entries:
        for each in entries:
            found.append(each.name)
            if len(found) > most:
                too_long()
    return sorted(found, reverse=True)


def too_long():
    end(TOO_LONG, "the directory has too many entries to list them all; list it with a lower depth, or run a command"
        " that lists some of them")


def main(root, depth, most, most_bytes):
    depth, most, most_bytes = int(depth), int(most), int(most_bytes)
    try:
        info = os.stat(root)
    except FileNotFoundError:
        end(NOT_FOUND, "path not found: " + text(root))
    if not stat.S_ISDIR(info.st_mode):
        end(NOT_DIRECTORY, "path is not a directory: " + text(root))
    output = []
    count = length = 0
    waiting = [(name, 1) for name in names(root, most)]
    while waiting:
        name, level = waiting.pop()
        path = os.path.join(root, name)
        try:
            found = entry(path, name)
            output.append(found)
            count += 1
            length += len(found)
            if count + len(waiting) > most or length > most_bytes:
                too_long()
            if level < depth and stat.S_ISDIR(os.lstat(path).st_mode):
                waiting += [(os.path.join(name, below), level + 1) for below in names(path, most)]
        except GONE:
            continue
    write(1, b"".join(output))


run(main)
