# SPDX-License-Identifier: Apache-2.0
def append(source, to):
    with open(source, "rb", buffering=0) as file:
        while True:
            data = file.read(1 << 20)
            if not data:
                return
            write(to, data)


def main(destination, temporary, *sources):
    for source in sources:
        if source == destination:
            end(INVALID, "source path %s cannot be the same as destination" % text(source))
        try:
            mode = os.stat(source).st_mode
        except FileNotFoundError:
            end(NOT_FOUND, "source file not found: " + text(source))
        if not stat.S_ISREG(mode):
            end(INVALID, "source path is not a regular file: " + text(source))
    make_parents(destination)
    if os.path.isdir(destination):
        end(IS_DIRECTORY, "path is a directory: " + text(destination))
    to = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        for source in sources:
            append(source, to)
        os.close(to)
        os.rename(temporary, behind_link(destination))
    finally:
        try:
            os.unlink(temporary)
        except FileNotFoundError:
            pass
    for source in dict.fromkeys(sources):
        os.unlink(source)
    write(1, entry(destination, b""))


run(main)
