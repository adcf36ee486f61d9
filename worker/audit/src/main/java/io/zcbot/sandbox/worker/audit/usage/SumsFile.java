/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.usage;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A temporary file of sums in the order of their keys. It has no name, so that nothing is left of
 * it when it is closed, or the process ends in whatever way.
 */
final class SumsFile implements Closeable {
  private final FileChannel channel;

  SumsFile() throws IOException {
    Path path = Files.createTempFile("sandbox-usage", "");
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    } finally {
      Files.delete(path);
    }
  }

  /** To be used once, and to be closed before the file is read. */
  Writer writer() {
    return new Writer();
  }

  /** Reads from the beginning, one reader at a time. */
  Reader reader() throws IOException {
    channel.position(0);
    return new Reader();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  final class Writer implements Closeable {
    private final DataOutputStream out =
        new DataOutputStream(new BufferedOutputStream(Channels.newOutputStream(channel)));

    void write(String key, Used used) {
      try {
        out.writeBoolean(true);
        out.writeUTF(key);
        out.writeLong(used.sandboxes());
        out.writeLong(used.claims());
        out.writeLong(used.sandboxMs());
        out.writeLong(used.commands());
        out.writeLong(used.cpuMs());
        out.writeLong(used.outputBytes());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() throws IOException {
      out.writeBoolean(false);
      out.flush();
    }
  }

  /** Stands at one of the sums, once it has advanced. */
  final class Reader {
    private final DataInputStream in =
        new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel)));
    private String key = "";
    private Used used = Used.NOTHING;

    /** Goes to the next sum; false behind the last. */
    boolean advance() throws IOException {
      if (!in.readBoolean()) {
        return false;
      }
      key = in.readUTF();
      used =
          new Used(
              in.readLong(),
              in.readLong(),
              in.readLong(),
              in.readLong(),
              in.readLong(),
              in.readLong());
      return true;
    }

    String key() {
      return key;
    }

    Used used() {
      return used;
    }
  }
}
