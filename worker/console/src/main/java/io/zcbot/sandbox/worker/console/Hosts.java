/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** The hosts that workers named in what they published. Guarded by the lock of {@link Fleet}. */
final class Hosts {
  private static final int MOST = 2_000;

  private static final class Host {
    String worker = "";
    long lastSeen;
    int capacity;
  }

  private final LinkedHashMap<String, Host> hosts = new LinkedHashMap<>(16, 0.75f, true);

  void seen(String name, String worker, long time) {
    Host host = host(name);
    if (time >= host.lastSeen) {
      host.lastSeen = time;
      host.worker = ShownText.name(worker);
    }
  }

  /** Sets how many sandboxes a host takes, as its worker said last. */
  void capacity(String name, int capacity) {
    host(name).capacity = capacity;
  }

  private Host host(String name) {
    Host host = hosts.computeIfAbsent(ShownText.name(name), _ -> new Host());
    if (hosts.size() > MOST) {
      hosts.pollFirstEntry();
    }
    return host;
  }

  void write(Collection<SandboxRow> rows, Map<String, Integer> commands, JsonGenerator json)
      throws IOException {
    Map<String, Integer> used = new HashMap<>();
    rows.forEach(row -> used.merge(row.host, 1, Integer::sum));
    json.writeArrayFieldStart("hosts");
    for (Map.Entry<String, Host> each : hosts.entrySet()) {
      json.writeStartArray();
      json.writeString(each.getKey());
      json.writeString(each.getValue().worker);
      json.writeNumber(used.getOrDefault(each.getKey(), 0));
      json.writeNumber(each.getValue().capacity);
      json.writeNumber(commands.getOrDefault(each.getKey(), 0));
      json.writeNumber(each.getValue().lastSeen);
      json.writeEndArray();
    }
    json.writeEndArray();
  }
}
