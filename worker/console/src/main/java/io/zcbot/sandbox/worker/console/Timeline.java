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
import java.util.Arrays;
import java.util.List;

/**
 * What happened to one user recently, oldest first. It is packed into bytes, since there are many
 * users and few are looked at; objects would take twice the memory. A new last entry is added
 * without reading the others, because a console that starts reads everything that the topics keep.
 * Guarded by the lock of {@link Fleet}.
 */
final class Timeline {
  static final int MOST = 200;
  private static final int NUMBERS = 2 * Long.BYTES + 2 * Integer.BYTES;

  private byte[] packed = {};
  private int count;

  /** The position at which the last entry begins. */
  private int lastAt;

  /**
   * Something that happened once, or several times in a row.
   *
   * @param command the hash of the id of the command that it is about, by which the page finds the
   *     text of a command that ended; 0 if it is about none
   */
  private record Entry(long from, long to, int count, String kind, String text, int command) {
    boolean isSameAs(String kind, String text, int command) {
      return this.command == command && this.kind.equals(kind) && this.text.equals(text);
    }

    Entry again(long time) {
      return new Entry(Math.min(from, time), Math.max(to, time), count + 1, kind, text, command);
    }
  }

  /** Notes what happened, in the order of time: records are sometimes read out of order. */
  void add(long time, String kind, String text, int command) {
    List<Entry> tail = unpack(lastAt);
    int kept = lastAt;
    if (!tail.isEmpty() && tail.getFirst().from > time) {
      tail = unpack(0);
      kept = 0;
    }
    int before = tail.size();
    insert(tail, time, kind, text, command);
    count += tail.size() - before;
    pack(kept, tail);
    if (count > MOST) {
      int size = textEnd(textEnd(NUMBERS));
      packed = Arrays.copyOfRange(packed, size, packed.length);
      lastAt -= size;
      count--;
    }
  }

  /** The end of a text that begins with its length. */
  private int textEnd(int at) {
    return at + 2 + (((packed[at] & 0xff) << 8) | (packed[at + 1] & 0xff));
  }

  private static void insert(
      List<Entry> entries, long time, String kind, String text, int command) {
    int at = entries.size();
    while (at > 0 && entries.get(at - 1).from > time) {
      at--;
    }
    if (at > 0 && entries.get(at - 1).isSameAs(kind, text, command)) {
      entries.set(at - 1, entries.get(at - 1).again(time));
    } else {
      entries.add(at, new Entry(time, time, 1, kind, text, command));
    }
  }

  int bytes() {
    return packed.length;
  }

  private List<Entry> unpack(int from) {
    List<Entry> entries = new ArrayList<>(2);
    ByteArrayInputStream bytes = new ByteArrayInputStream(packed, from, packed.length - from);
    try (DataInputStream in = new DataInputStream(bytes)) {
      while (in.available() > 0) {
        entries.add(readEntry(in));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return entries;
  }

  private static Entry readEntry(DataInputStream in) throws IOException {
    long from = in.readLong();
    long to = in.readLong();
    int count = in.readInt();
    int command = in.readInt();
    return new Entry(from, to, count, in.readUTF(), in.readUTF(), command);
  }

  /** Packs entries behind the first {@code kept} bytes. */
  private void pack(int kept, List<Entry> entries) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
    int last = 0;
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      for (Entry entry : entries) {
        last = out.size();
        out.writeLong(entry.from);
        out.writeLong(entry.to);
        out.writeInt(entry.count);
        out.writeInt(entry.command);
        out.writeUTF(entry.kind);
        out.writeUTF(entry.text);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    byte[] behind = bytes.toByteArray();
    packed = Arrays.copyOf(packed, kept + behind.length);
    System.arraycopy(behind, 0, packed, kept, behind.length);
    lastAt = kept + last;
  }

  void write(JsonGenerator json) throws IOException {
    for (Entry entry : unpack(0)) {
      json.writeStartArray();
      json.writeNumber(entry.from);
      json.writeNumber(entry.to);
      json.writeString(entry.kind);
      json.writeString(entry.text);
      json.writeNumber(entry.count);
      json.writeNumber(entry.command);
      json.writeEndArray();
    }
  }
}
