# SPDX-License-Identifier: Apache-2.0
import subprocess


def run_program(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env={"LC_ALL": "C", **{
        "PATH": os.environ.get("PATH", os.defpath)}})
    if done.returncode:
        said = done.stderr.strip()
        code = next((REASONS[n] for n in REASONS if said.endswith(os.strerror(n).encode())), FAILED)
        return code, text(said.splitlines()[-1] if said else b"%s failed" % words[0])
    return None


def main(source, destination, temporary):
    """Moves a file to another file system by a copy, so that nothing is lost if that fails."""
    try:
        os.lstat(source)
    except FileNotFoundError:
        end(NOT_FOUND, "source file not found: " + text(source))
    make_parents(destination)
    try:
        os.rename(source, destination)
    except OSError as e:
        if e.errno != errno.EXDEV:
            raise
        failure = run_program("cp", "-aT", "--", source, temporary)
        try:
            if not failure:
                os.rename(temporary, destination)
        except OSError:
            run_program("rm", "-rf", "--", temporary)
            raise
        if failure:
            run_program("rm", "-rf", "--", temporary)
            end(*failure)
        failure = run_program("rm", "-rf", "--", source)
        if failure:
            end(*failure)
    write(1, entry(destination, b""))


run(main)
