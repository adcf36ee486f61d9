/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.worker.testkit.machine.EngineHost;
import java.util.HashMap;
import java.util.Map;

/** The settings of the workers of one trial. */
final class TrialSettings {
  private final String id;
  private final Map<String, String> settings = new HashMap<>();

  TrialSettings(String servers, String id) {
    this.id = id;
    settings.put("ZCBOT_SANDBOX_IDLE_TTL", Trial.TTL.toSeconds() + "s");
    settings.put("ZCBOT_REAPER_INTERVAL", Trial.REAPER_INTERVAL.toSeconds() + "s");
    settings.put("ZCBOT_RECONCILE_INTERVAL", "3s");
    settings.put("ZCBOT_TOPICS_PARTITIONS", Integer.toString(Trial.PARTITIONS));
    settings.put("ZCBOT_TOPICS_REPLICATION", "3");
    settings.put("ZCBOT_CREATE_CONCURRENCY", "2");
    settings.put("ZCBOT_STOP_TIMEOUT", Trial.STOP_TIMEOUT.toSeconds() + "s");
    settings.put("ZCBOT_REVOKE_TIMEOUT", "5s");
    settings.put("ZCBOT_SANDBOX_MEMORY", "64m");
    settings.put("ZCBOT_SANDBOX_TMP_SIZE", "16m");
    settings.put("ZCBOT_SANDBOX_DNS", "192.0.2.53"); // asking the engine would take a container
    settings.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", servers);
    settings.put("ZCBOT_TOPIC_PREFIX", id + ".");
    settings.put("ZCBOT_GROUP", id);
    settings.put("ZCBOT_SANDBOX_NETWORK", id);
  }

  void with(String key, String value) {
    settings.put(key, value);
  }

  boolean adopts() {
    return "adopt".equals(settings.get("ZCBOT_RESTART"));
  }

  Map<String, String> of(String workerName, EngineHost engine, int port) {
    Map<String, String> env = new HashMap<>(settings);
    env.put("ZCBOT_WORKER_ID", id + "-" + workerName);
    env.put("DOCKER_HOST", engine.address());
    env.put("ZCBOT_OPS_ADDRESS", "127.0.0.1:" + port);
    env.putIfAbsent("ZCBOT_SANDBOX_WARM", "0"); // the judge counts containers
    return env;
  }
}
