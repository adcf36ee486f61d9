/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.ConflictException;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.machine.Execs;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The real engine, as its administrator and as agents see it. */
public final class SandboxHost implements AutoCloseable {
  private final DockerClient docker;
  private final Execs execs;
  private final String network;
  private final Set<String> workerIds = ConcurrentHashMap.newKeySet();
  private final Set<String> madeByHand = ConcurrentHashMap.newKeySet();

  SandboxHost(String network) {
    this.network = network;
    var config = DefaultDockerClientConfig.createDefaultConfigBuilder().build();
    this.docker =
        DockerClientImpl.getInstance(
            config,
            new ZerodepDockerHttpClient.Builder().dockerHost(config.getDockerHost()).build());
    this.execs = new Execs(docker);
  }

  public DockerClient docker() {
    return docker;
  }

  /** Makes this worker's containers belong to the deployment. */
  void owns(String workerId) {
    workerIds.add(workerId);
  }

  public InspectContainerResponse inspect(String containerId) {
    return docker.inspectContainerCmd(containerId).exec();
  }

  public boolean isRunning(String containerId) {
    try {
      return Boolean.TRUE.equals(inspect(containerId).getState().getRunning());
    } catch (NotFoundException _) {
      return false;
    }
  }

  public boolean exists(String containerId) {
    try {
      inspect(containerId);
      return true;
    } catch (NotFoundException _) {
      return false;
    }
  }

  public List<Container> containersOf(UserId user) {
    return containers(c -> user.toString().equals(c.getLabels().get("zcbot.user_id")));
  }

  /** The sandboxes and slots of the deployment's workers. */
  public List<Container> containers() {
    return containersWithHelpers().stream()
        .filter(c -> !"sandbox-firewall".equals(c.getLabels().get("zcbot.product")))
        .toList();
  }

  /** The same, and the containers of their firewall. */
  public List<Container> containersWithHelpers() {
    return containers(c -> workerIds.contains(c.getLabels().getOrDefault("zcbot.worker", "")));
  }

  private List<Container> containers(Predicate<Container> which) {
    return docker.listContainersCmd().withShowAll(true).exec().stream().filter(which).toList();
  }

  /** Creates and starts a container with these labels, as another party would. */
  public String runByHand(String name, Map<String, String> labels) {
    String container = createByHand(name, labels);
    docker.startContainerCmd(container).exec();
    return container;
  }

  public String createByHand(String name, Map<String, String> labels) {
    String container =
        docker
            .createContainerCmd(SandboxImage.NAME)
            .withName(name)
            .withLabels(labels)
            .withEntrypoint("sleep", "600")
            .withHostConfig(HostConfig.newHostConfig().withNetworkMode("none").withInit(true))
            .exec()
            .getId();
    madeByHand.add(container);
    return container;
  }

  /** Runs a command in a sandbox as its user, without the worker. */
  public Execs.Outcome exec(String containerId, String... command) throws InterruptedException {
    return execs.run(containerId, execs.agent(containerId), command);
  }

  /** Starts a command and leaves it running. */
  public void execDetached(String containerId, String... command) throws InterruptedException {
    execs.background(containerId, command);
  }

  /** Removes the deployment's containers and its networks. */
  @Override
  public void close() throws IOException {
    // More than once: a worker that stops while it creates a container leaves it to its next start,
    // and a busy engine may fail to remove one.
    await("no container of " + network + " is left")
        .atMost(Deployment.SOON)
        .ignoreExceptionsInstanceOf(DockerException.class)
        .until(
            () -> {
              left().forEach(container -> remove(container.getId()));
              return left().isEmpty();
            });
    docker.listNetworksCmd().withNameFilter(network).exec().stream()
        // the others are of profiles
        .filter(each -> each.getName().equals(network) || each.getName().startsWith(network + "-"))
        .forEach(each -> docker.removeNetworkCmd(each.getId()).exec());
    docker.close();
  }

  private List<Container> left() {
    return Stream.concat(
            containersWithHelpers().stream(),
            containers(c -> madeByHand.contains(c.getId())).stream())
        .toList();
  }

  private void remove(String container) {
    try {
      docker.removeContainerCmd(container).withForce(true).exec();
    } catch (NotFoundException | ConflictException _) {
      // It is gone already, or on its way.
    }
  }
}
