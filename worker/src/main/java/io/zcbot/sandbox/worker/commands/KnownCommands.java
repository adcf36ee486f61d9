/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The commands that are answered: none of them is run again (I12). Those whose execs may be read
 * again are all remembered, of others the latest.
 */
final class KnownCommands {
  private static final int MAX_REMEMBERED = 20_000;

  /** Some 14 MiB. They are the commands of a minute, or of an outage of the commits. */
  static final int MAX_UNCOMMITTED = 40_000;

  private final CommandTable table;
  private final Map<Integer, Partition> partitions = new HashMap<>();
  private final Map<CommandKey, Boolean> latest = new Latest<>();
  private final Map<CommandKey, CommandEntry> givenUp = new Latest<>();

  /** Forgets the oldest. */
  private static final class Latest<V> extends LinkedHashMap<CommandKey, V> {
    private static final long serialVersionUID = 1L;

    @Override
    protected boolean removeEldestEntry(Map.Entry<CommandKey, V> eldest) {
      return size() > MAX_REMEMBERED;
    }
  }

  private static final class Partition {
    final Map<CommandKey, CommandEntry> answered = new HashMap<>();
    long committed = Long.MIN_VALUE;
  }

  KnownCommands(CommandTable table) {
    this.table = table;
  }

  synchronized boolean contains(CommandKey key) {
    return latest.containsKey(key)
        || partitions.values().stream().anyMatch(each -> each.answered.containsKey(key));
  }

  /** A command was answered that never was in the table. */
  synchronized void add(CommandKey key) {
    latest.put(key, Boolean.TRUE);
  }

  /** A command was started here and will not be answered under the assignment that it had. */
  synchronized void givenUp(CommandEntry entry) {
    givenUp.put(CommandKey.of(entry), entry);
  }

  /** The entry of a command that was given up and nobody answered, as far as is known here. */
  synchronized @Nullable CommandEntry givenUp(CommandKey key) {
    return givenUp.get(key);
  }

  /** A command of the table was answered, here or by a former owner of its partition. */
  void answered(CommandEntry entry) {
    if (remember(entry)) {
      table.remove(entry.userId(), entry.execId());
    } else if (!entry.answered()) {
      table.answered(entry);
    }
  }

  /** Whether its exec is committed already, so that its entry can go. */
  private synchronized boolean remember(CommandEntry entry) {
    CommandKey key = CommandKey.of(entry);
    add(key);
    givenUp.remove(key);
    Partition partition = partitions.computeIfAbsent(entry.partition(), _ -> new Partition());
    if (entry.offset() < partition.committed) {
      return true;
    }
    partition.answered.put(key, entry);
    return false;
  }

  /** Whether so many may be read again that no more should be added to them. */
  synchronized boolean isFull() {
    return partitions.values().stream().mapToInt(each -> each.answered.size()).sum()
        >= MAX_UNCOMMITTED;
  }

  /** Execs below an offset are not read again. */
  void committed(int partition, long offset) {
    for (CommandEntry entry : noLongerRead(partition, offset)) {
      table.remove(entry.userId(), entry.execId());
    }
  }

  private synchronized List<CommandEntry> noLongerRead(int number, long offset) {
    Partition partition = partitions.computeIfAbsent(number, _ -> new Partition());
    partition.committed = offset;
    List<CommandEntry> committed = new ArrayList<>();
    for (CommandEntry entry : partition.answered.values()) {
      if (entry.offset() < offset) {
        committed.add(entry);
      }
    }
    committed.forEach(entry -> partition.answered.remove(CommandKey.of(entry)));
    return committed;
  }

  /** A partition is another worker's; what it reads next is told when it comes back. */
  synchronized void gone(int partition) {
    partitions.remove(partition);
  }
}
