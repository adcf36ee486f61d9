/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;

/**
 * Publishes the input of a running command. Blocks until each record is acknowledged before it
 * reads the next piece, so at most one is in memory.
 */
final class CommandInput {
  /** Bytes in one record, so that the record stays below 1 MiB even in base64. */
  static final int MAX_BYTES = 256 * 1024;

  private final CommandLog log;
  private final UserId user;
  private final String execId;

  CommandInput(CommandLog log, UserId user, String execId) {
    this.log = log;
    this.user = user;
    this.execId = execId;
  }

  void send(Input.Content content) throws CommandException, InterruptedException {
    log.publish(
        new Input(
            UUID.randomUUID().toString(),
            user,
            Instant.now().truncatedTo(ChronoUnit.MILLIS),
            execId,
            content));
  }

  /**
   * Publishes a stream's bytes as they come, then the end of the input. Blocks until the stream
   * ends.
   */
  void pipe(InputStream from) throws IOException, CommandException, InterruptedException {
    byte[] buffer = new byte[MAX_BYTES];
    for (int count = from.read(buffer); count >= 0; count = from.read(buffer)) {
      send(new Input.Content.Bytes(Data.of(buffer, 0, count)));
    }
    send(new Input.Content.End());
  }
}
