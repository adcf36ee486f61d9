/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.EventFormatException;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;

/**
 * The entries of a compacted topic, within a bound of bytes. The topic is untrusted: anybody with
 * permission may have written to it. Records that are no entry in the table's form, or that are in
 * another partition than their user's, are ignored. Not thread-safe.
 *
 * @param <V> an entry
 */
public final class BoundedTable<V> {
  /**
   * What workers write.
   *
   * @param <V> an entry
   */
  public interface Form<V> {
    /** The most bytes of a key, and of a value. */
    int maxBytes();

    /**
     * Reads an entry.
     *
     * @throws EventFormatException if it is none
     */
    V decode(byte[] value) throws EventFormatException;

    /** Whether a worker would write this entry with this key, and to this partition. */
    boolean agrees(V entry, TableKey key, int partition);

    /** The memory that an entry counts with, in bytes; 0 if it always fits. */
    long size(V entry);
  }

  /**
   * What a record changed.
   *
   * @param before the entry until then
   * @param now the entry from then on; null if the record removed it
   * @param <V> an entry
   */
  public record Change<V>(TableKey key, @Nullable V before, @Nullable V now) {}

  private final Form<V> form;
  private final KeyPartitions partitions;
  private final long mostBytes;
  private final Map<TableKey, V> entries = new LinkedHashMap<>();
  private long bytes;
  private long ignored;
  private long dropped;

  /** Creates an empty table. */
  public BoundedTable(Form<V> form, KeyPartitions partitions, long mostBytes) {
    this.form = form;
    this.partitions = partitions;
    this.mostBytes = mostBytes;
  }

  /**
   * Takes the next record of the topic.
   *
   * @return what it changed; null if it was ignored, or if its entry does not fit, which removes
   *     the entry until then
   */
  public @Nullable Change<V> add(ConsumerRecord<byte[], byte[]> record) {
    TableKey key = TableKey.of(record, partitions, form.maxBytes());
    V entry = key == null ? null : decode(record, key);
    if (key == null || (entry == null && record.value() != null)) {
      ignored++;
      return null;
    }
    V before = entries.remove(key);
    bytes -= before == null ? 0 : form.size(before);
    if (entry == null) {
      return new Change<>(key, before, null);
    }
    if (bytes + form.size(entry) > mostBytes && form.size(entry) > 0) {
      dropped++;
      return null;
    }
    bytes += form.size(entry);
    entries.put(key, entry);
    return new Change<>(key, before, entry);
  }

  private @Nullable V decode(ConsumerRecord<byte[], byte[]> record, TableKey key) {
    if (record.value() == null || record.value().length > form.maxBytes()) {
      return null;
    }
    try {
      V entry = form.decode(record.value());
      return form.agrees(entry, key, record.partition()) ? entry : null;
    } catch (EventFormatException _) {
      return null;
    }
  }

  /** Puts an entry of the same size in the place of the present one. */
  public void replace(TableKey key, V entry) {
    var _ = entries.replace(key, entry);
  }

  /** The entries, those first whose last records are the oldest. */
  public Collection<V> entries() {
    return Collections.unmodifiableCollection(entries.values());
  }

  /** The number of records that no worker writes. */
  public long ignored() {
    return ignored;
  }

  /** The number of records whose entries did not fit. */
  public long dropped() {
    return dropped;
  }
}
