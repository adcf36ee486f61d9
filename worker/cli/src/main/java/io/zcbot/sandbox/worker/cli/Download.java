/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.cli.archive.TarUnpacker;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.cli.terminal.VisibleOutput;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Copies a file or a directory out of a sandbox. */
final class Download {
  private static final long MOST_ENTRIES = 200_000;

  private final CopiedSandbox sandbox;
  private final CopyProgress progress;
  private final long maxSize;
  private final CopyPath.InSandbox source;

  Download(CopiedSandbox sandbox, CopyProgress progress, long maxSize, CopyPath.InSandbox source) {
    this.sandbox = sandbox;
    this.progress = progress;
    this.maxSize = maxSize;
    this.source = source;
  }

  /** Copies to a local path; returns how many links, devices and pipes were left out. */
  long to(Path target) throws IOException, CommandException, InterruptedException {
    CopiedSandbox.Found found = find();
    Path destination = NewFile.destination(target, source.name());
    return found.isDirectory() ? directory(found, destination) : file(found, destination);
  }

  /** Writes a file to standard output. */
  long to(StandardStreams streams) throws IOException, CommandException, InterruptedException {
    CopiedSandbox.Found found = find();
    if (found.isDirectory()) {
      sandbox.removeArchive();
      throw new IOException("a directory can't be copied to standard output");
    }
    OutputStream out = streams.isOutTerminal() ? new VisibleOutput(streams.out()) : streams.out();
    try (InputStream input = input(found)) {
      var _ = input.transferTo(out);
    }
    if (out instanceof VisibleOutput visible) {
      visible.end();
    }
    return 0;
  }

  private CopiedSandbox.Found find() throws IOException, CommandException, InterruptedException {
    CopiedSandbox.Found found = sandbox.find(source.path(), maxSize);
    if (found.size() > maxSize) {
      IOException tooBig =
          new IOException(
              "it has "
                  + CopyProgress.amount(found.size())
                  + ", and the limit is "
                  + CopyProgress.amount(maxSize)
                  + "; --max-size sets another one");
      if (found.isDirectory()) {
        sandbox.removeArchiveAfter(tooBig);
      }
      throw tooBig;
    }
    progress.whole(found.size());
    return found;
  }

  private InputStream input(CopiedSandbox.Found found) {
    return new CountedInput(sandbox.read(found), found.size(), progress::at);
  }

  private long file(CopiedSandbox.Found found, Path target) throws IOException {
    if (Files.isDirectory(target)) {
      throw new IOException(target + " is a directory");
    }
    if (Files.exists(target) && !Files.isRegularFile(target)) {
      throw new IOException(
          target
              + " is neither a file nor a directory, and is not replaced; write '-' to copy to"
              + " standard output");
    }
    // A symbolic link stays, above all /dev/stdout: the file behind it is replaced.
    try (NewFile file = new NewFile(NewFile.behindLinks(target))) {
      try (InputStream input = input(found);
          OutputStream to =
              Files.newOutputStream(
                  file.temporary(), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        var _ = input.transferTo(to);
      }
      if (found.kind() == CopiedSandbox.Found.Kind.PROGRAM) {
        var _ = file.temporary().toFile().setExecutable(true, false);
      }
      file.complete();
    }
    return 0;
  }

  private long directory(CopiedSandbox.Found found, Path destination)
      throws IOException, CommandException, InterruptedException {
    long skipped;
    try {
      skipped = unpacked(found, destination);
    } catch (IOException | RuntimeException e) {
      sandbox.removeArchiveAfter(e);
      throw e;
    }
    sandbox.removeArchive();
    return skipped;
  }

  private long unpacked(CopiedSandbox.Found found, Path destination) throws IOException {
    try (NewFile directory = new NewFile(destination);
        InputStream input = input(found)) {
      if (Files.exists(destination, LinkOption.NOFOLLOW_LINKS)) {
        throw new FileAlreadyExistsException(destination.toString());
      }
      var _ = Files.createDirectory(directory.temporary());
      TarUnpacker unpacker = new TarUnpacker(found.size(), MOST_ENTRIES);
      unpacker.unpack(input, directory.temporary());
      directory.complete();
      return unpacker.skipped();
    }
  }
}
