/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.core.DockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.transport.DockerHttpClient;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A pool of sockets to the engine, shared by concurrent calls and counted by its holders. Closed
 * when {@link EngineCalls} has replaced it and the last call has released it.
 */
public final class EngineConnection {
  private static final Logger log = LoggerFactory.getLogger(EngineConnection.class);

  private final DockerClient client;
  private final EngineRequests requests;
  // guarded by this; the first holder is EngineCalls, until it replaces the connection
  private int holders = 1;

  public EngineConnection(DockerClientConfig config, Duration connectTimeout) {
    DockerHttpClient http =
        new ZerodepDockerHttpClient.Builder()
            .dockerHost(config.getDockerHost())
            .sslConfig(config.getSSLConfig())
            .connectionTimeout(connectTimeout)
            .build();
    this.client = DockerClientImpl.getInstance(config, http);
    this.requests = new EngineRequests(config, http, connectTimeout);
  }

  /** The docker-java client. */
  public DockerClient docker() {
    return client;
  }

  /** The requests that docker-java can't make in a blocking way. */
  public EngineRequests requests() {
    return requests;
  }

  /** Adds a holder; returns false if the connection is already closed. */
  synchronized boolean hold() {
    if (holders == 0) {
      return false;
    }
    holders++;
    return true;
  }

  /** Removes a holder. The last one closes the connection. */
  public void release() {
    synchronized (this) {
      holders--;
      if (holders > 0) {
        return;
      }
    }
    close();
  }

  /** Closes the connection at once, also for calls that are still running. */
  void close() {
    try (requests) {
      client.close();
    } catch (IOException e) {
      log.debug("Closing a connection to the engine failed", e);
    }
  }
}
