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

/** A pool of sockets to the engine. Closed once it is retired and no longer used. */
public final class EngineConnection {
  private static final Logger log = LoggerFactory.getLogger(EngineConnection.class);

  private final DockerClient client;
  private final EngineRequests requests;
  // the first holder is whoever made it, until it is retired
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

  /** The engine's commands. */
  public DockerClient docker() {
    return client;
  }

  /** What docker-java has no blocking commands for. */
  public EngineRequests requests() {
    return requests;
  }

  /** False if it is closed already. */
  synchronized boolean hold() {
    if (holders == 0) {
      return false;
    }
    holders++;
    return true;
  }

  public void release() {
    synchronized (this) {
      holders--;
      if (holders > 0) {
        return;
      }
    }
    close();
  }

  /** Ends what is still under way on it, too. */
  void close() {
    try (requests) {
      client.close();
    } catch (IOException e) {
      log.debug("Closing a connection to the engine failed", e);
    }
  }
}
