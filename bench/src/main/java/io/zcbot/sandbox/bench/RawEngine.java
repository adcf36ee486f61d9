/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.exception.ConflictException;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.api.ContainerOwner;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.docker.create.ContainerCreation;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/** The engine's API with nothing in between, told to create what the adapter creates, unsealed. */
final class RawEngine implements AutoCloseable {
  private final DockerClient docker;

  RawEngine() {
    var config = DefaultDockerClientConfig.createDefaultConfigBuilder().build();
    this.docker =
        DockerClientImpl.getInstance(
            config,
            new ZerodepDockerHttpClient.Builder().dockerHost(config.getDockerHost()).build());
  }

  /** Create and start, without waiting for init. */
  void createAndStart(SandboxSpec spec, UserId user, String workerId, Path workspace) {
    CreateContainerCmd create =
        new ContainerCreation(spec, new ContainerOwner(workerId, null, ProfileName.DEFAULT))
            .sandbox(docker, user, workspace, Workspaces.SANDBOX_ID, true);
    // nobody seals its network: init would look for the seal for many seconds, on the cores that
    // the next creates need
    String[] settings =
        Stream.of(Objects.requireNonNull(create.getCmd()))
            .filter(setting -> !setting.startsWith("ZCBOT_SEAL="))
            .toArray(String[]::new);
    docker.startContainerCmd(create.withCmd(settings).exec().getId()).exec();
  }

  /** One look, by name. */
  void inspect(String name) {
    docker.inspectContainerCmd(name).exec();
  }

  /** Gives one another name. */
  void rename(String name, String next) {
    docker.renameContainerCmd(name).withName(next).exec();
  }

  /** Names of a worker's containers. */
  List<String> names(String workerId) {
    return docker
        .listContainersCmd()
        .withShowAll(true)
        .withLabelFilter(Map.of(SandboxLabels.WORKER, workerId))
        .exec()
        .stream()
        .map(RawEngine::name)
        .toList();
  }

  private static String name(Container container) {
    return container.getNames()[0].substring(1);
  }

  /** Removes one, running or not, if it is there. */
  void remove(String name) {
    try {
      docker.removeContainerCmd(name).withForce(true).exec();
    } catch (NotFoundException | ConflictException e) {
      // as wished, or about to be
    }
  }

  @Override
  public void close() throws IOException {
    docker.close();
  }
}
