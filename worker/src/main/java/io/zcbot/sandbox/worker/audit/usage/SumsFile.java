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
import java.nio.file.Files;
import java.nio.file.Path;

/** A file of sums in the order of their keys. */
final class SumsFile {
  private SumsFile() {}

  static final class Writer implements Closeable {
    private final DataOutputStream out;

    Writer(Path file) throws IOException {
      out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)));
    }

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
      try (out) {
        out.writeBoolean(false);
      }
    }
  }

  /** Stands at one of the sums, once it has advanced. */
  static final class Reader implements Closeable {
    private final DataInputStream in;
    private String key = "";
    private Used used = Used.NOTHING;

    Reader(Path file) throws IOException {
      in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)));
    }

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

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
