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

/** Shows the sandboxes of all hosts, as known from the topics, without using an engine. */
final class AllHosts {
  private final KnownSandboxes known;
  private final Instant now;

  AllHosts(KnownSandboxes known, Instant now) {
    this.known = known;
    this.now = now;
  }

  /** Returns the list as a table or as JSON. */
  String text(boolean json) {
    List<LiveSandbox> live =
        known.live().values().stream().sorted(Comparator.comparing(LiveSandbox::userId)).toList();
    return json ? json(live) : table(live);
  }

  private String table(List<LiveSandbox> live) {
    Table table =
        new Table("USER", "PROFILE", "HOST", "WORKER", "AGE", "IDLE", "CMDS", "CONTAINER");
    for (LiveSandbox sandbox : live) {
      table.add(
          sandbox.userId().toString(),
          EventText.plain(sandbox.profile()),
          EventText.plain(sandbox.host()),
          EventText.plain(sandbox.workerId()),
          PsCommand.age(sandbox.openedAt(), now),
          PsCommand.age(known.lastUse(sandbox.userId(), now), now),
          Integer.toString(known.commands(sandbox.userId())),
          EventText.shortId(EventText.plain(sandbox.containerId())));
    }
    return table.text();
  }

  private String json(List<LiveSandbox> live) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (LiveSandbox sandbox : live) {
      ObjectNode json = array.addObject();
      json.put("user_id", sandbox.userId().toString());
      json.put("profile", sandbox.profile());
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
