/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import java.time.Instant;
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

  private static final Instant NEVER = Instant.MIN;

  private final CommandTable table;
  private final Map<Integer, Partition> partitions = new HashMap<>();

  /** With the instants at which they were started; {@link #NEVER} if they were not. */
  private final Map<CommandKey, Instant> latest = new Latest<>();

  private final Map<CommandKey, CommandEntry> givenUp = new Latest<>();

  /** Those that were entered and will not be started, unless their execs are read again. */
  private final Map<CommandKey, CommandEntry> unstarted = new Latest<>();

  /** Forgets the oldest. */
  private static final class Latest<V> extends LinkedHashMap<CommandKey, V> {
    private static final long serialVersionUID = 1L;

    @Override
    protected boolean removeEldestEntry(Map.Entry<CommandKey, V> eldest) {
      return size() > MAX_REMEMBERED;
    }
  }

  /** What the table has of execs that may be read again and are answered. */
  private static final class Partition {
    /** Those that were started here. */
    final Map<CommandKey, CommandEntry> answered = new HashMap<>();

    /** Those of former owners, as far as the table can be believed. */
    final Map<CommandKey, CommandEntry> left = new HashMap<>();

    long committed = Long.MIN_VALUE;
  }

  KnownCommands(CommandTable table) {
    this.table = table;
  }

  synchronized boolean contains(CommandKey key) {
    return latest.containsKey(key)
        || partitions.values().stream().anyMatch(each -> each.answered.containsKey(key));
  }

  /** A command was answered that was not started, nor entered as far as its answer knew. */
  void add(CommandKey key) {
    CommandEntry entry;
    synchronized (this) {
      latest.put(key, NEVER);
      entry = unstarted.remove(key);
    }
    if (entry != null) {
      answered(entry);
    }
  }

  private synchronized void add(CommandEntry entry) {
    latest.put(CommandKey.of(entry), entry.startedAt());
  }

  /** Whether the very command that an entry is about was answered here, and is remembered. */
  synchronized boolean isAnswered(CommandEntry entry) {
    return entry.startedAt().equals(latest.get(CommandKey.of(entry)));
  }

  /**
   * A command was entered here and will not be answered under the assignment that it had.
   *
   * @param isStarted else its exec may be read again, and may have been answered already
   */
  void givenUp(CommandEntry entry, boolean isStarted) {
    CommandKey key = CommandKey.of(entry);
    synchronized (this) {
      if (isStarted || !NEVER.equals(latest.get(key))) {
        (isStarted ? givenUp : unstarted).put(key, entry);
        return;
      }
    }
    answered(entry);
  }

  /** The entry of a command that was given up and nobody answered, as far as is known here. */
  synchronized @Nullable CommandEntry givenUp(CommandKey key) {
    return givenUp.get(key);
  }

  /** The entry of a command that a former owner of its partition is said to have answered. */
  synchronized @Nullable CommandEntry left(CommandKey key) {
    for (Partition each : partitions.values()) {
      CommandEntry entry = each.left.get(key);
      if (entry != null) {
        return entry;
      }
    }
    return null;
  }

  /** A command that was started here was answered. */
  void answered(CommandEntry entry) {
    add(entry);
    settle(entry, remember(entry, false));
  }

  /**
   * A command that a former owner started was answered {@code lost} here.
   *
   * @param execEnd the offset behind its partition's execs: an entry of a later one is about no
   *     exec, and would stay for ever
   */
  void lost(CommandEntry entry, long execEnd) {
    add(entry);
    answeredBefore(entry, execEnd);
  }

  /** A command was answered before its partition came, by a former owner or here. */
  void answeredBefore(CommandEntry entry, long execEnd) {
    settle(entry, entry.offset() >= execEnd || remember(entry, true));
  }

  private void settle(CommandEntry entry, boolean isRemovable) {
    if (isRemovable) {
      table.remove(entry.userId(), entry.execId());
    } else if (!entry.answered()) {
      table.answered(entry);
    }
  }

  /** Whether its exec is committed already, so that its entry can go. */
  private synchronized boolean remember(CommandEntry entry, boolean isLeft) {
    CommandKey key = CommandKey.of(entry);
    givenUp.remove(key);
    unstarted.remove(key);
    Partition partition = partitions.computeIfAbsent(entry.partition(), _ -> new Partition());
    if (entry.offset() < partition.committed) {
      return true;
    }
    (isLeft ? partition.left : partition.answered).put(key, entry);
    return false;
  }

  /**
   * Whether so many may be read again that no more should be added to them. Those of former owners
   * do not count: the table may say of them what it likes, and reading has to go on for them to be
   * committed.
   */
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
    for (Map<CommandKey, CommandEntry> entries : List.of(partition.answered, partition.left)) {
      entries.values().removeIf(entry -> entry.offset() < offset && committed.add(entry));
    }
    return committed;
  }

  /** A partition is another worker's; what it reads next is told when it comes back. */
  synchronized void gone(int partition) {
    partitions.remove(partition);
  }
}
