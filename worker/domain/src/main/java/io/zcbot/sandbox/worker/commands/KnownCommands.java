/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.worker.base.Recent;
import io.zcbot.sandbox.worker.base.TextMemory;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Remembers commands that were answered or given up, so that none is run again (I12): all whose
 * execs may be read again, and the latest of the others. Thread-safe; the command table is called
 * without the lock.
 */
final class KnownCommands {
  private static final int MAX_REMEMBERED = 20_000;

  /** The commands of a minute, or of an outage of the commits. */
  static final int MAX_UNCOMMITTED = 40_000;

  /** Fewer than that, if their ids are long. */
  private static final int MAX_UNCOMMITTED_BYTES = 16 << 20;

  /** The memory of an entry besides its texts, in bytes. */
  private static final int ENTRY = 300;

  private static final Instant NEVER = Instant.MIN;

  private final CommandTable table;
  private final Map<Integer, Partition> partitions = new HashMap<>();

  /**
   * The latest answered commands, with the instants of their starts; {@link #NEVER} if not started.
   */
  private final Map<CommandKey, Instant> latest = Recent.map(MAX_REMEMBERED);

  private final Map<CommandKey, CommandEntry> givenUp = Recent.map(MAX_REMEMBERED);

  /**
   * Commands that were entered in the table and will not be started, unless their execs are read
   * again.
   */
  private final Map<CommandKey, CommandEntry> unstarted = Recent.map(MAX_REMEMBERED);

  /** One partition's answered commands whose execs may be read again. */
  private static final class Partition {
    /** Commands that this worker entered. */
    final Map<CommandKey, CommandEntry> answered = new HashMap<>();

    /** The memory that these take. */
    long bytes;

    /** Answered commands of former owners, as far as the table can be trusted. */
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

  /** Notes that a command was answered that was not entered, as far as its answer knew. */
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

  /** Whether exactly the command of this entry was answered here, and is remembered. */
  synchronized boolean isAnswered(CommandEntry entry) {
    return entry.startedAt().equals(latest.get(CommandKey.of(entry)));
  }

  /**
   * Notes that a command was entered here and will not be answered under its assignment.
   *
   * @param isStarted if not, its exec may be read again, or may have been answered already
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

  /** The entry of a started command that was given up and that nobody is known to have answered. */
  synchronized @Nullable CommandEntry givenUp(CommandKey key) {
    return givenUp.get(key);
  }

  /** The entry of a former owner's answered command, as far as the table can be trusted. */
  synchronized @Nullable CommandEntry left(CommandKey key) {
    for (Partition each : partitions.values()) {
      CommandEntry entry = each.left.get(key);
      if (entry != null) {
        return entry;
      }
    }
    return null;
  }

  /** Notes that a command that was entered here was answered. */
  void answered(CommandEntry entry) {
    add(entry);
    settle(entry, remember(entry, false));
  }

  /**
   * Notes that a former owner's command was answered {@code lost} here.
   *
   * @param execEnd the offset behind its partition's execs: an entry with a later offset belongs to
   *     no exec, and would stay for ever
   */
  void lost(CommandEntry entry, long execEnd) {
    add(entry);
    answeredBefore(entry, execEnd);
  }

  /**
   * Notes that a command was answered before its partition was assigned, by a former owner or here.
   */
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

  /**
   * Remembers an answered command; returns true if its exec is committed, so its entry can be
   * removed.
   */
  private synchronized boolean remember(CommandEntry entry, boolean isLeft) {
    CommandKey key = CommandKey.of(entry);
    givenUp.remove(key);
    unstarted.remove(key);
    Partition partition = partitions.computeIfAbsent(entry.partition(), _ -> new Partition());
    if (entry.offset() < partition.committed) {
      return true;
    }
    if (isLeft) {
      partition.left.put(key, entry);
    } else {
      partition.bytes += memoryOf(entry) - memoryOf(partition.answered.put(key, entry));
    }
    return false;
  }

  private static long memoryOf(@Nullable CommandEntry entry) {
    return entry == null ? 0 : ENTRY + TextMemory.of(entry.execId(), entry.replyTo());
  }

  /**
   * Whether so many may be read again that no more should be added. Entries of former owners do not
   * count: the table may contain any number of them, and reading must go on for them to be
   * committed.
   */
  synchronized boolean isFull() {
    Collection<Partition> all = partitions.values();
    return all.stream().mapToInt(each -> each.answered.size()).sum() >= MAX_UNCOMMITTED
        || all.stream().mapToLong(each -> each.bytes).sum() >= MAX_UNCOMMITTED_BYTES;
  }

  /** Removes entries of execs below an offset, which are not read again. */
  void committed(int partition, long offset) {
    for (CommandEntry entry : noLongerRead(partition, offset)) {
      table.remove(entry.userId(), entry.execId());
    }
  }

  private synchronized List<CommandEntry> noLongerRead(int number, long offset) {
    Partition partition = partitions.computeIfAbsent(number, _ -> new Partition());
    partition.committed = offset;
    List<CommandEntry> committed = new ArrayList<>();
    Predicate<CommandEntry> isCommitted = entry -> entry.offset() < offset && committed.add(entry);
    partition.answered.values().removeIf(isCommitted);
    committed.forEach(entry -> partition.bytes -= memoryOf(entry));
    partition.left.values().removeIf(isCommitted);
    return committed;
  }

  /**
   * Forgets a partition that another worker owns. The table tells what to know when it comes back.
   */
  synchronized void gone(int partition) {
    partitions.remove(partition);
  }
}
