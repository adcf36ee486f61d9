/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.Arrays;
import java.util.Map;

/**
 * The topics of the contract with the settings they need. All are keyed by the user's canonical
 * UUID and all have the same partition count, so that a user's records of every kind are in
 * partitions with the same number.
 */
public enum Topic {
  /** A user needs a sandbox: {@link Ensure}. */
  ENSURE("ensure", true),
  /** A user's sandbox was used: {@link Activity}. */
  ACTIVITY("activity", true),
  /** A sandbox can be used now: {@link Ready}. */
  READY("ready", false),
  /** A sandbox is gone: {@link Reaped}. */
  REAPED("reaped", false),
  /** An ensure could not be met: {@link Failed}. */
  FAILED("failed", false),
  /** Records of agents that are no valid events, as they came, with headers that tell why. */
  DEAD_LETTER("dead-letter", false),
  /** A command is to run: {@link Exec}. */
  EXEC("exec", true),
  /** Something for a running command: {@link Input}. */
  INPUT("input", true),
  /** What a running command wrote: {@link Output}. */
  OUTPUT("output", false),
  /** A command ended, or will not run: {@link Exited}. */
  EXITED("exited", false),
  /** A user's sandbox is not needed any more: {@link Release}. */
  RELEASE("release", true),
  /** A sandbox will be reaped unless it is used: {@link Expiring}. */
  EXPIRING("expiring", false),
  /** State, not events: the live sandboxes of all workers. Compacted. */
  LIVE("live", false),
  /** State, not events: the commands that were started and may not be answered. Compacted. */
  COMMANDS("commands", false),
  /** State, not events, for agent services: each user's sandbox that is announced. Compacted. */
  CURRENT("current", false);

  /** The default prefix of all topic names. */
  public static final String DEFAULT_PREFIX = "sandbox.";

  /** The longest record value of the topics that carry what commands read and write, in bytes. */
  public static final int LARGE_BYTES = 1_000_000;

  /** The longest record value of all other topics, in bytes. */
  public static final int SMALL_BYTES = 64 * 1024;

  private final String suffix;
  private final boolean input;

  Topic(String suffix, boolean input) {
    this.suffix = suffix;
    this.input = input;
  }

  /** The topic's name, e.g. {@code sandbox.dead-letter} with the default prefix. */
  public String named(String prefix) {
    return prefix + suffix;
  }

  /**
   * Whether its records hold what commands read and write. They can be larger than others, and what
   * is in them is to be shown nowhere.
   */
  public boolean holdsCommandData() {
    return switch (this) {
      case EXEC, INPUT, OUTPUT, EXITED -> true;
      case ENSURE,
          ACTIVITY,
          READY,
          REAPED,
          FAILED,
          DEAD_LETTER,
          RELEASE,
          EXPIRING,
          LIVE,
          COMMANDS,
          CURRENT ->
          false;
    };
  }

  /** The longest record value, in bytes; what is longer is not a valid event. */
  public int maxBytes() {
    return holdsCommandData() ? LARGE_BYTES : SMALL_BYTES;
  }

  /** Whether agents write it (and workers read it). */
  public boolean isInput() {
    return input;
  }

  /** Whether it is a table, compacted, and no topic of events. */
  public boolean isTable() {
    return this == LIVE || this == COMMANDS || this == CURRENT;
  }

  /** The topics of events, in the order of a sandbox's life: all except the tables. */
  public static Topic[] history() {
    return Arrays.stream(values()).filter(topic -> !topic.isTable()).toArray(Topic[]::new);
  }

  /**
   * Topic-level settings the contract relies on. The inputs use the broker's time on append, so
   * that one clock orders them, independently of the agents' clocks. The tables must be compacted,
   * or retention would forget sandboxes and commands that still run.
   */
  public Map<String, String> requiredSettings() {
    if (input) {
      return Map.of("message.timestamp.type", "LogAppendTime");
    }
    return isTable() ? Map.of("cleanup.policy", "compact") : Map.of();
  }

  /**
   * Topic-level settings that bound the memory that a record takes in its readers. Without them the
   * contract is kept, but a writer can harm a worker: a broker limits a compressed batch by its
   * compressed size, and 16 KB of zstd can hold a record of 120 MB. With {@code uncompressed} the
   * broker stores each batch anew and applies {@code max.message.bytes} to what it really holds.
   */
  public Map<String, String> recommendedSettings() {
    return input || isTable() ? Map.of("compression.type", "uncompressed") : Map.of();
  }
}
