# SPDX-License-Identifier: Apache-2.0
def main(path):
    try:
        write(1, entry(path, b""))
    except FileNotFoundError:
        end(NOT_FOUND, "file not found: " + text(path))


run(main)
