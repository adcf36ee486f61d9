/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What happened to one user lately, the oldest first. Packed into bytes, since there are many users
 * and few are looked at: as objects it takes twice the memory. Guarded by its fleet.
 */
final class Story {
  static final int MOST = 200;

  private byte[] packed = {};

  /** What happened once, or the same thing several times in a row. */
  private record Entry(long from, long to, int count, String kind, String text) {
    boolean isSameAs(String kind, String text) {
      return this.kind.equals(kind) && this.text.equals(text);
    }

    Entry again(long time) {
      return new Entry(Math.min(from, time), Math.max(to, time), count + 1, kind, text);
    }
  }

  /** Notes what happened; records are read out of order now and then. */
  void add(long time, String kind, String text) {
    List<Entry> entries = entries();
    int at = entries.size();
    while (at > 0 && entries.get(at - 1).from > time) {
      at--;
    }
    if (at > 0 && entries.get(at - 1).isSameAs(kind, text)) {
      entries.set(at - 1, entries.get(at - 1).again(time));
    } else {
      entries.add(at, new Entry(time, time, 1, kind, text));
      if (entries.size() > MOST) {
        entries.removeFirst();
      }
    }
    packed = pack(entries);
  }

  int bytes() {
    return packed.length;
  }

  private List<Entry> entries() {
    List<Entry> entries = new ArrayList<>();
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(packed))) {
      while (in.available() > 0) {
        long from = in.readLong();
        entries.add(new Entry(from, from + in.readInt(), in.readInt(), in.readUTF(), in.readUTF()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return entries;
  }

  private static byte[] pack(List<Entry> entries) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      for (Entry entry : entries) {
        out.writeLong(entry.from);
        out.writeInt(Math.clamp(entry.to - entry.from, 0, Integer.MAX_VALUE));
        out.writeInt(entry.count);
        out.writeUTF(entry.kind);
        out.writeUTF(entry.text);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  void write(JsonGenerator json) throws IOException {
    for (Entry entry : entries()) {
      json.writeStartArray();
      json.writeNumber(entry.from);
      json.writeNumber(entry.to);
      json.writeString(entry.kind);
      json.writeString(entry.text);
      json.writeNumber(entry.count);
      json.writeEndArray();
    }
  }
}
