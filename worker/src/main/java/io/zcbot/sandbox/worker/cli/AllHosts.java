/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.events.LiveSandbox;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;

/** Lists the sandboxes of all hosts from the topics, without using an engine. */
final class AllHosts {
  private final KafkaLog log;
  private final Instant now;

  AllHosts(KafkaLog log, Instant now) {
    this.log = log;
    this.now = now;
  }

  /**
   * As a table or as JSON.
   *
   * @param usesSince from when on to read when sandboxes were used
   */
  String text(Instant usesSince, boolean json) throws CommandException {
    KnownSandboxes known = KnownSandboxes.read(log, usesSince);
    List<LiveSandbox> live =
        known.live().values().stream().sorted(Comparator.comparing(LiveSandbox::userId)).toList();
    return json ? json(live, known) : table(live, known);
  }

  private String table(List<LiveSandbox> live, KnownSandboxes known) {
    Table table = new Table("USER", "HOST", "WORKER", "AGE", "IDLE", "CMDS", "CONTAINER");
    for (LiveSandbox sandbox : live) {
      table.add(
          sandbox.userId().toString(),
          EventText.plain(sandbox.host()),
          EventText.plain(sandbox.workerId()),
          PsCommand.age(sandbox.openedAt(), now),
          PsCommand.age(known.lastUse(sandbox.userId(), now), now),
          Integer.toString(known.commands(sandbox.userId())),
          EventText.shortId(EventText.plain(sandbox.containerId())));
    }
    return table.text();
  }

  private String json(List<LiveSandbox> live, KnownSandboxes known) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (LiveSandbox sandbox : live) {
      ObjectNode json = array.addObject();
      json.put("user_id", sandbox.userId().toString());
      json.put("host", sandbox.host());
      json.put("worker_id", sandbox.workerId());
      json.put("ready_at", sandbox.openedAt().toString());
      json.put("last_used_at", PsCommand.text(known.lastUse(sandbox.userId(), now)));
      json.put("commands", known.commands(sandbox.userId()));
      json.put("container_id", sandbox.containerId());
    }
    return JsonText.plain(array.toString()) + System.lineSeparator();
  }
}
