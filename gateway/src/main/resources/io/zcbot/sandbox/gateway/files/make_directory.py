# SPDX-License-Identifier: Apache-2.0
def main(path):
    try:
        is_directory = stat.S_ISDIR(os.stat(path).st_mode)
    except FileNotFoundError:
        os.makedirs(path)
        write(1, entry(path, b""))
    else:
        if is_directory:
            end(EXISTS, "directory already exists: " + text(path))
        end(NOT_DIRECTORY, "path already exists but it is not a directory: " + text(path))


run(main)
