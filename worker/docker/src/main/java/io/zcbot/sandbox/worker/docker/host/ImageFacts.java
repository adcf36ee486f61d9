/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.InspectImageResponse;
import com.github.dockerjava.api.model.ContainerConfig;
import com.github.dockerjava.api.model.HealthCheck;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What an image would be as a sandbox. It is read from the engine, and nothing of it is run.
 *
 * @param image what a worker asks about an image
 * @param settings what its Dockerfile sets
 * @param files what its files are
 */
public record ImageFacts(SandboxGround.Image image, Settings settings, ImageFiles files) {
  /** The programs that a sandbox needs, or that its commands expect. */
  public static final String INIT = "/usr/local/sbin/zcbot-init";

  public static final String RUNNER = RuntimeVolume.RUNNER;
  public static final String SHELL = "/bin/sh";
  public static final String BASH = "/bin/bash";
  public static final Set<String> PYTHON = Set.of("/usr/bin/python3", "/usr/local/bin/python3");

  private static final Set<String> WANTED =
      Stream.concat(Stream.of(INIT, RUNNER, SHELL, BASH), PYTHON.stream())
          .collect(Collectors.toUnmodifiableSet());

  private static final Duration LONGEST_READING = Duration.ofMinutes(5);

  /**
   * What an image's Dockerfile sets.
   *
   * @param entrypoint its {@code ENTRYPOINT}
   * @param command its {@code CMD}
   * @param variables the names of its {@code ENV}
   * @param hasHealthCheck whether it has a {@code HEALTHCHECK}
   * @param onBuild its {@code ONBUILD}
   */
  public record Settings(
      List<String> entrypoint,
      List<String> command,
      List<String> variables,
      boolean hasHealthCheck,
      List<String> onBuild) {
    public Settings {
      entrypoint = List.copyOf(entrypoint);
      command = List.copyOf(command);
      variables = List.copyOf(variables);
      onBuild = List.copyOf(onBuild);
    }

    private static Settings of(InspectImageResponse image) {
      ContainerConfig config = image.getConfig();
      if (config == null) {
        return new Settings(List.of(), List.of(), List.of(), false, List.of());
      }
      return new Settings(
          list(config.getEntrypoint()),
          list(config.getCmd()),
          list(config.getEnv()).stream().map(each -> each.replaceFirst("=.*", "")).toList(),
          isCheck(config.getHealthcheck()),
          list(config.getOnBuild()));
    }

    private static boolean isCheck(@Nullable HealthCheck check) {
      List<String> test = check == null ? null : check.getTest();
      return test != null && !test.isEmpty() && !test.equals(List.of("NONE"));
    }

    private static List<String> list(String @Nullable [] array) {
      return array == null ? List.of() : Arrays.asList(array);
    }
  }

  /**
   * Reads an image, by a container of it that is not started. Takes some seconds for each GB.
   *
   * @return null if the engine does not have the image, which is not pulled
   */
  public static @Nullable ImageFacts read(EngineCalls calls, String name) throws EngineException {
    SandboxGround.Image image = SandboxGround.Image.read(calls, name);
    if (image == null) {
      return null;
    }
    Settings settings =
        calls.call(
            Operation.IMAGE_INSPECT,
            engine -> Settings.of(engine.docker().inspectImageCmd(image.id()).exec()));
    String container = calls.call(Operation.CREATE, engine -> create(engine.docker(), image.id()));
    try {
      return new ImageFacts(
          image,
          settings,
          calls.call(
              Operation.EXPORT,
              LONGEST_READING,
              engine -> {
                try (InputStream archive = engine.requests().export(container)) {
                  return ImageFiles.read(archive, WANTED);
                }
              }));
    } finally {
      remove(calls, container);
    }
  }

  private static String create(DockerClient docker, String image) throws IOException {
    String id =
        docker
            .createContainerCmd(image)
            .withLabels(Map.of(SandboxLabels.PRODUCT, SandboxLabels.PRODUCT_PROBE))
            .withNetworkDisabled(true)
            .withEntrypoint("/never-started") // an image without one has no default
            .exec()
            .getId();
    if (id == null) {
      throw new IOException("the engine created a container but returned no id");
    }
    return id;
  }

  private static void remove(EngineCalls calls, String container) throws EngineException {
    try {
      var _ =
          calls.call(
              Operation.REMOVE,
              engine ->
                  engine
                      .docker()
                      .removeContainerCmd(container)
                      .withForce(true)
                      .withRemoveVolumes(true)
                      .exec());
    } catch (EngineException e) {
      if (e.kind() != Kind.ABSENT) {
        throw e;
      }
    }
  }
}
