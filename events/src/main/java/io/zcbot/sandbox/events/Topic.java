/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.Arrays;
import java.util.Map;

/**
 * The topics of the contract and the settings they need. Records of all topics are keyed by the
 * user's canonical UUID, and all topics have the same partition count, so that a user's records of
 * every kind are in partitions with the same number.
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
  /**
   * Records of agent services that are not valid events, unchanged, with headers that give the
   * reason.
   */
  DEAD_LETTER("dead-letter", false),
  /** A command is to run: {@link Exec}. */
  EXEC("exec", true),
  /** Input for a running command: {@link Input}. */
  INPUT("input", true),
  /** A command's program was executed, if its exec asks for that: {@link Started}. */
  STARTED("started", false),
  /** What a running command wrote: {@link Output}. */
  OUTPUT("output", false),
  /** A command ended, or will not run: {@link Exited}. */
  EXITED("exited", false),
  /** A user's sandbox is not needed any more: {@link Release}. */
  RELEASE("release", true),
  /** A sandbox will be reaped unless it is used: {@link Expiring}. */
  EXPIRING("expiring", false),
  /** State, not events: the live sandboxes of all workers ({@link LiveSandbox}). Compacted. */
  LIVE("live", false),
  /**
   * State, not events: commands that were started and may be unanswered ({@link CommandEntry}).
   * Compacted.
   */
  COMMANDS("commands", false),
  /**
   * State, not events, for agent services: each user's announced sandbox ({@link CurrentSandbox}).
   * Compacted.
   */
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

  /** Returns the topic's name, e.g. {@code sandbox.dead-letter} with the default prefix. */
  public String named(String prefix) {
    return prefix + suffix;
  }

  /**
   * Returns whether the records hold what commands read and write. Such records can be larger than
   * others, and their content must never be shown.
   */
  public boolean holdsCommandData() {
    return switch (this) {
      case EXEC, INPUT, OUTPUT, EXITED -> true;
      case ENSURE,
          ACTIVITY,
          READY,
          REAPED,
          FAILED,
          STARTED,
          DEAD_LETTER,
          RELEASE,
          EXPIRING,
          LIVE,
          COMMANDS,
          CURRENT ->
          false;
    };
  }

  /** Returns the longest record value, in bytes. A longer value is not a valid event. */
  public int maxBytes() {
    return holdsCommandData() ? LARGE_BYTES : SMALL_BYTES;
  }

  /** Returns whether agent services write the topic and workers read it. */
  public boolean isInput() {
    return input;
  }

  /** Returns whether the topic is a compacted table and carries no events. */
  public boolean isTable() {
    return this == LIVE || this == COMMANDS || this == CURRENT;
  }

  /** Returns all topics except the tables, in a new array. */
  public static Topic[] history() {
    return Arrays.stream(values()).filter(topic -> !topic.isTable()).toArray(Topic[]::new);
  }

  /**
   * Returns the topic-level settings on which the contract relies. The topics that agent services
   * write use the broker's time on append, so that one clock orders their records, independently of
   * the agents' clocks. The tables must be compacted, or retention would remove sandboxes and
   * commands that still run.
   */
  public Map<String, String> requiredSettings() {
    if (input) {
      return Map.of("message.timestamp.type", "LogAppendTime");
    }
    return isTable() ? Map.of("cleanup.policy", "compact") : Map.of();
  }

  /**
   * Returns the topic-level settings that bound the memory a record takes in its readers. The
   * contract holds without them, but a writer can harm a worker: a broker limits a compressed batch
   * by its compressed size, and 16 KB of zstd can hold a record of 120 MB. With {@code
   * uncompressed}, the broker stores each batch uncompressed and applies {@code max.message.bytes}
   * to that size.
   */
  public Map<String, String> recommendedSettings() {
    return input || isTable() ? Map.of("compression.type", "uncompressed") : Map.of();
  }
}
