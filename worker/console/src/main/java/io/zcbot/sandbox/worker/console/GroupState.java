/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.Map;

/**
 * What the brokers know about the workers' group.
 *
 * @param workers the number of partitions of each member, by worker id
 * @param lag the number of agents' records that are not done yet; -1 if not known
 * @param problem why nothing is known; empty if something is
 */
record GroupState(Map<String, Integer> workers, long lag, String problem) {
  static final GroupState UNKNOWN = new GroupState(Map.of(), -1, "not asked yet");

  GroupState {
    workers = Map.copyOf(workers);
  }

  static GroupState unknown(String why) {
    return new GroupState(Map.of(), -1, ShownText.message(why));
  }

  void write(JsonGenerator json) throws IOException {
    json.writeNumberField("lag", lag);
    json.writeStringField("groupProblem", problem);
    json.writeObjectFieldStart("workers");
    for (Map.Entry<String, Integer> worker : workers.entrySet()) {
      json.writeNumberField(ShownText.name(worker.getKey()), worker.getValue());
    }
    json.writeEndObject();
  }
}
