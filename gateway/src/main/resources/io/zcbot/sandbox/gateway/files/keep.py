# SPDX-License-Identifier: Apache-2.0
def main(staged, path, *metadata):
    """Gives a file that was uploaded its metadata and its name."""
    try:
        for key, value in zip(metadata[::2], metadata[1::2]):
            try:
                os.setxattr(staged, METADATA.encode() + key, value)
            except OSError as e:
                if e.errno in (errno.ENOSPC, errno.E2BIG, errno.ERANGE):
                    end(INVALID, "the file system of '%s' has no room for so much metadata of a file" % text(path))
                if e.errno != errno.ENOTSUP:
                    raise
                end(INVALID, "the file system of '%s' keeps no metadata of files; upload it without" % text(path))
        if os.path.isdir(path):
            end(IS_DIRECTORY, "path is a directory: " + text(path))
        os.rename(staged, behind_link(path))
    finally:
        try:
            os.unlink(staged)
        except FileNotFoundError:
            pass


run(main)
