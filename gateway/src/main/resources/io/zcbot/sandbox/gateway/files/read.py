# SPDX-License-Identifier: Apache-2.0
def main(path, start, count):
    try:
        # Opening a FIFO would wait for a writer, and reading a device might never end.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        end(NOT_FOUND, "path '%s' does not exist" % text(path))
    info = os.fstat(file)
    if stat.S_ISDIR(info.st_mode):
        end(IS_DIRECTORY, "path '%s' is a directory" % text(path))
    if not stat.S_ISREG(info.st_mode):
        end(INVALID, "path '%s' is not a regular file, but a FIFO, a socket or a device" % text(path))
    write(1, fields([b"%d:%d" % (info.st_dev, info.st_ino), info.st_size]))
    start, count = int(start), int(count)
    buffer = memoryview(bytearray(1 << 16))
    while count:
        length = os.preadv(file, [buffer[:count]], start)
        if not length:
            break
        write(1, buffer[:length])
        start += length
        count -= length


run(main)
